"""Whether a client gives a sign of life, without sockets."""

from __future__ import annotations

import asyncio

import pytest

from aiofrp.server.session import probe
from aiofrp.server.session.probe import Probe


class Carrier:
    def __init__(self) -> None:
        self.received_at = 0.0
        self.pings = 0

    def ping(self) -> None:
        self.pings += 1


class Rig:
    """A probe; ``requests`` counts what the client was asked for."""

    def __init__(self, *, shared: bool) -> None:
        self.carrier = Carrier() if shared else None
        self.requests = 0
        self.probe = Probe(self.carrier, self._request)

    def _request(self) -> None:
        self.requests += 1


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "_CHECK_EVERY", 0.005)


@pytest.mark.parametrize("shared", [False, True])
async def test_a_message_or_a_connection_is_an_answer(shared: bool) -> None:
    rig = Rig(shared=shared)
    asked = [asyncio.create_task(rig.probe.answers()) for _ in range(3)]
    await asyncio.sleep(0)
    assert rig.requests == 1
    rig.probe.answered()
    assert await asyncio.gather(*asked) == [True] * 3
    assert await rig.probe.answers()
    assert rig.requests == 1, "an answer counts for a while"


async def test_bytes_of_the_carrier_are_an_answer() -> None:
    rig = Rig(shared=True)
    assert rig.carrier is not None
    asked = asyncio.create_task(rig.probe.answers())
    await asyncio.sleep(0)
    assert rig.carrier.pings == 1
    rig.carrier.received_at = 1.0
    assert await asked


@pytest.mark.parametrize("shared", [False, True])
async def test_silence_is_none_and_the_next_question_is_a_new_one(
    shared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "ANSWER_TIMEOUT", 0.02)
    rig = Rig(shared=shared)
    rig.probe.answered()
    assert not await rig.probe.answers()
    assert not await rig.probe.answers()
    assert rig.requests == 2
    monkeypatch.setattr(probe, "ANSWER_TIMEOUT", 30)
    asked = asyncio.create_task(rig.probe.answers())
    await asyncio.sleep(0)
    rig.probe.answered()
    assert await asked


async def test_who_asks_may_stop_asking() -> None:
    rig = Rig(shared=False)
    one, other = (asyncio.create_task(rig.probe.answers()) for _ in range(2))
    await asyncio.sleep(0)
    one.cancel()
    await asyncio.wait([one])
    rig.probe.answered()
    assert await other
