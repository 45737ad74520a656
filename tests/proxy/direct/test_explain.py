"""What users read about a hole that could not be punched."""

from __future__ import annotations

import pytest

from aiofrp.errors import TimedOut
from aiofrp.nat.classify import Nat, classify
from aiofrp.proxy.direct.explain import explain

EASY = classify(["192.0.2.1:4000", "192.0.2.1:4000"], [])
REGULAR = classify(["192.0.2.1:4000", "192.0.2.1:4003"], [])
HARD = classify(["192.0.2.1:4000", "192.0.2.1:9000"], [])
PUBLIC = classify(["192.0.2.1:4000", "192.0.2.1:4000"], ["192.0.2.1"])


@pytest.mark.parametrize(
    ("own", "peer", "says"),
    [
        (HARD, HARD, ["both NATs give", "fallbackto", "forward a udp port"]),
        (HARD, EASY, ["hardnat (behaviorportchanged); the peer: easynat (behaviornochange)", "next attempt"]),
        (REGULAR, HARD, ["its ports can be guessed", "next attempt"]),
        (EASY, EASY, ["a firewall may drop udp", "another natholestunserver"]),
        (PUBLIC, EASY, ["this side: no nat", "a firewall may drop udp"]),
        (EASY, None, ["the peer: unknown", "a firewall may drop udp"]),
    ],
)
def test_the_text(own: Nat, peer: Nat | None, says: list[str]) -> None:
    text = explain(TimedOut("wait detect message timeout"), own, peer, (2, 1)).lower()
    for part in ("wait detect message error: wait detect message timeout", "mode 2, 1", *says):
        assert part.lower() in text
