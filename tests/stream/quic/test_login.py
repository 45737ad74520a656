"""What a QUIC client may use before it is granted something, and how long: what it does beyond ends its connection and
costs nobody else."""

from __future__ import annotations

import asyncio
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from aiofrp.stream.quic.quota import BYTES_BEFORE_LOGIN, STREAMS_BEFORE_LOGIN
from aiofrp.stream.quic.session import QuicSession
from tests.stream.quicrig import Rig
from tests.support.ends import End, until

Make = Callable[..., Rig]


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    """Makes listeners that grant nothing by themselves."""
    rigs: list[Rig] = []

    def made(**limits: Any) -> Rig:
        rigs.append(Rig(grants=False, **limits))
        return rigs[-1]

    yield made
    for rig in rigs:
        rig.dispose()
    await until(lambda: all(end.lost for rig in rigs for end in rig.ends))
    for rig in rigs:
        for end in rig.ends:
            end.check()


async def logged_in(rig: Rig) -> tuple[QuicSession, End, End]:
    """A client that was granted something, with a stream."""
    session = await rig.dial()
    count = len(rig.streams)
    mine = rig.open(session, b"login")
    await until(lambda: len(rig.streams) > count)
    rig.streams[-1].info("carrier").granted()
    return session, mine, rig.ends[-1]


async def answers(mine: End, theirs: End) -> None:
    """Both directions of a stream still work, and soon: both ends are in this process."""
    began, before = time.process_time(), len(mine.data)
    theirs.write(b"still here")
    await until(lambda: len(mine.data) == before + 10)
    assert time.process_time() - began < 2


async def many_streams(session: QuicSession) -> None:
    """Streams in order, one too many."""
    for _ in range(STREAMS_BEFORE_LOGIN + 1):
        session.open().write(b"x")


async def a_high_id(session: QuicSession) -> None:
    """One byte on the last stream the server allows."""
    opened = [session.core.open_bidirectional() for _ in range(99_999)]
    assert opened[-1] is not None
    session.core.send_stream_data(opened[-1], b"x", False)
    session._flush()


async def many_bytes(session: QuicSession) -> None:
    """More than a login could ever need."""
    stream = session.open()
    for _ in range(2 * BYTES_BEFORE_LOGIN // 4096):
        stream.write(bytes(4096))
        await asyncio.sleep(0)


@pytest.mark.parametrize("attack", [many_streams, a_high_id, many_bytes])
async def test_who_uses_more_is_ended_and_nobody_else(
    make: Make, attack: Callable[[QuicSession], Any]
) -> None:
    rig = make()
    _, mine, theirs = await logged_in(rig)
    bad = await rig.dial()
    lost = len(rig.losses)
    await attack(bad)
    await until(lambda: len(rig.losses) > lost)
    assert "before the login" in str(rig.losses[-1])
    await answers(mine, theirs)
    await until(lambda: len(rig.listener) == 1)


async def test_a_high_id_costs_no_memory(make: Make) -> None:
    """The ids below are not made one by one: what a connection costs does not depend on the id."""
    rig = make()
    session, mine, theirs = await logged_in(rig)
    opened = [session.core.open_bidirectional() for _ in range(99_998)]
    count = len(rig.streams)
    tracemalloc.start()
    assert opened[-1] is not None
    session.core.send_stream_data(opened[-1], b"x", False)
    session._flush()
    await until(lambda: len(rig.streams) > count)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size < 256 * 1024
    await answers(mine, theirs)


@pytest.mark.parametrize("shape", ["silent", "half a message", "pinging"])
async def test_a_connection_that_never_logs_in_ends(make: Make, shape: str) -> None:
    rig = make(login_seconds=1.0)
    _, mine, theirs = await logged_in(rig)
    began = time.monotonic()
    session = await rig.dial()
    lost = len(rig.losses)
    stream = session.open() if shape == "half a message" else None
    while len(rig.losses) == lost:
        assert time.monotonic() - began < 30, "it lives for ever"
        if stream is not None:
            stream.write(b"x")
        if shape == "pinging":
            session.core.send_ping(1)
            session._flush()
        await asyncio.sleep(0.05)
    assert time.monotonic() - began >= 0.9
    assert "no login in time" in str(rig.losses[-1])
    await answers(mine, theirs)


async def test_who_is_granted_something_may_use_what_is_configured(make: Make) -> None:
    rig = make(login_seconds=1.0)
    session, mine, theirs = await logged_in(rig)
    ends = [rig.open(session, b"x") for _ in range(200)]
    ends[0].write(bytes(3 * BYTES_BEFORE_LOGIN))
    await until(lambda: len(rig.streams) == 201)
    await asyncio.sleep(1.2)
    await answers(mine, theirs)
    assert not rig.losses
