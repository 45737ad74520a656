"""The one tunnel of a visitor: one attempt at a time, with a pause between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from aiofrp import logs
from aiofrp.errors import Closed, FrpError
from aiofrp.nat.tunnel import DirectTunnel, Lost, Opened
from aiofrp.proxy.direct import source
from aiofrp.proxy.direct.source import TunnelSource
from tests.support.ends import until


class FakeTunnel(DirectTunnel):
    """A tunnel that is only there."""

    def __init__(self, lost: Lost) -> None:
        self.lost = lost
        self.closed = False

    def open(self, ready: Opened, failed: Callable[[FrpError], None]) -> None:
        failed(Closed("a test"))

    def close(self) -> None:
        self.closed = True


class Rig:
    """A source whose attempts end as a test wants."""

    def __init__(self) -> None:
        self.attempts = 0
        self.settled = 0
        self.failure: FrpError | None = None
        self.lost_early = False
        self.go_on = asyncio.Event()
        self.source = TunnelSource("test", self.attempt, self.ended, logs.get("tests"))

    async def attempt(self, lost: Lost) -> DirectTunnel:
        self.attempts += 1
        await self.go_on.wait()
        if self.failure is not None:
            raise self.failure
        if self.lost_early:
            lost(Closed("gone already"))
        return FakeTunnel(lost)

    def ended(self) -> None:
        self.settled += 1

    async def made(self) -> FakeTunnel:
        """The tunnel of the next attempt."""
        self.source.request()
        self.go_on.set()
        await until(lambda: self.source.tunnel)
        assert isinstance(self.source.tunnel, FakeTunnel)
        return self.source.tunnel


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    made = Rig()
    yield made
    await made.source.close()


async def test_one_attempt_for_many_requests(rig: Rig) -> None:
    for _ in range(5):
        rig.source.request()
        await asyncio.sleep(0)
    await until(lambda: rig.attempts)
    assert rig.source.busy
    rig.source.request()
    tunnel = await rig.made()
    rig.source.request()  # there is one
    await asyncio.sleep(0.01)
    assert (rig.attempts, rig.settled, rig.source.busy) == (1, 1, False)
    rig.source.drop()
    assert tunnel.closed
    assert rig.source.tunnel is None


async def test_the_next_attempt_waits(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.failure = Closed("no way")
    rig.go_on.set()
    rig.source.request()
    await until(lambda: rig.settled == 1)
    assert rig.source.error is rig.failure
    now = asyncio.get_running_loop().time()
    assert now + 5 < rig.source.earliest <= now + source.COOL_DOWN
    rig.source.request()
    await asyncio.sleep(0.01)
    assert rig.attempts == 1
    assert rig.source.busy
    await rig.source.close()
    monkeypatch.setattr(source, "COOL_DOWN", 0.0)
    again = Rig()
    again.failure = rig.failure
    again.go_on.set()
    for count in (1, 2, 3):
        again.source.request()
        await until(lambda count=count: again.settled == count)  # type: ignore[misc]
    again.failure = None
    await again.made()
    assert again.source.error is None
    await again.source.close()


async def test_a_tunnel_that_ends_is_there_no_more(rig: Rig) -> None:
    tunnel = await rig.made()
    tunnel.lost(Closed("idle"))
    assert rig.source.tunnel is None


async def test_a_tunnel_that_ended_before_it_was_there(rig: Rig) -> None:
    rig.lost_early = True
    rig.go_on.set()
    rig.source.request()
    await until(lambda: rig.settled)
    assert rig.source.tunnel is None
    assert "gone already" in str(rig.source.error)


async def test_the_end_cancels_the_attempt(rig: Rig) -> None:
    rig.source.request()
    await until(lambda: rig.attempts)
    await rig.source.close()
    assert not rig.source.busy
    rig.source.request()
    await asyncio.sleep(0.01)
    assert (rig.attempts, rig.settled) == (1, 0)
