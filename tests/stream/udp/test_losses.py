from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

import pytest

from aiofrp import logs
from aiofrp.stream.udp import losses as module
from aiofrp.stream.udp.losses import Losses

_log = logs.get("aiofrp.test_losses")


@pytest.fixture(autouse=True)
def shown() -> Iterator[None]:
    root = logging.getLogger("aiofrp")
    before, root.propagate = root.propagate, True
    yield
    root.propagate = before


async def test_a_burst_is_one_line_and_the_next_waits(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "FIRST", 0.01)
    counts: list[tuple[str, int]] = []
    losses = Losses(_log, lambda cause, count: counts.append((cause, count)))
    losses.lost("full", "it is full", 3)
    losses.lost("full", "it is full")
    assert not caplog.messages
    async with asyncio.timeout(10):
        while not caplog.messages:
            await asyncio.sleep(0.01)
    losses.lost("full", "it is full", 5)
    losses.lost("users", "too many", what="users")
    async with asyncio.timeout(10):
        while len(caplog.messages) < 2:
            await asyncio.sleep(0.01)
    assert caplog.messages == ["lost 4 datagrams: it is full", "lost 1 users: too many"]
    losses.close()
    losses.close()
    assert caplog.messages[2:] == ["lost 5 datagrams: it is full"]
    assert counts == [("full", 3), ("full", 1), ("full", 5), ("users", 1)]


async def test_what_is_lost_after_the_end_is_told_at_once(caplog: pytest.LogCaptureFixture) -> None:
    losses = Losses(_log)
    losses.close()
    losses.lost("ended", "it has ended")
    assert caplog.messages == ["lost 1 datagrams: it has ended"]


def test_a_warning_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    losses = Losses(_log)
    for _ in range(3):
        losses.say_once("more than %d", 7)
    assert caplog.messages == ["more than 7"]
