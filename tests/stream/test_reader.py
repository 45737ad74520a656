"""Conversations in straight-line code."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from aiofrp.errors import Closed, FrpError, RemoteProtocolError
from aiofrp.stream.base import Pause
from aiofrp.stream.memory import MemoryStream, memory_pair
from aiofrp.stream.reader import LIMIT, Reader
from tests.support.ends import End, settle, until


@pytest.fixture
async def near() -> MemoryStream:
    """The stream the reader reads."""
    return memory_pair()[0]


@pytest.fixture
async def far(near: MemoryStream) -> AsyncIterator[End]:
    """Who talks to the reader."""
    end = End(near.peer).attach()
    yield end
    end.abort()
    near.abort()


async def test_read_gives_what_is_there_and_then_the_end(near: MemoryStream, far: End) -> None:
    reader = Reader(near, b"early ")
    assert await reader.read() == b"early "
    far.write(b"first")
    assert await reader.read() == b"first"
    far.write(b"last")
    far.write_eof()
    assert await reader.read() == b"last"
    assert await reader.read() == b""
    assert await reader.read() == b""


async def test_read_exactly(near: MemoryStream, far: End) -> None:
    reader = Reader(near, b"ab")
    far.write(b"cdefg")
    assert await reader.read_exactly(0) == b""
    assert await reader.read_exactly(4) == b"abcd"
    assert await reader.read_exactly(2) == b"ef"
    far.write_eof()
    with pytest.raises(Closed, match="after 1 of 5 bytes"):
        await reader.read_exactly(5)
    assert await reader.read_exactly(1) == b"g"


async def test_read_exactly_more_than_the_limit(near: MemoryStream, far: End) -> None:
    reader = Reader(near, limit=100)
    far.write(bytes(50_000))
    assert await reader.read_exactly(50_000) == bytes(50_000)


async def test_read_until_finds_a_mark_cut_in_two(near: MemoryStream, far: End) -> None:
    reader = Reader(near)
    reading = asyncio.create_task(reader.read_until(b"\r\n\r\n"))
    for part in (b"GET / HTTP/1.1\r", b"\n", b"\r", b"\nbody"):
        far.write(part)
        await settle(lambda: None, turns=5)
    assert await reading == b"GET / HTTP/1.1\r\n\r\n"
    assert await reader.read() == b"body"


@pytest.mark.parametrize("early", [True, False])
async def test_read_until_keeps_its_limit(near: MemoryStream, far: End, early: bool) -> None:
    reader = Reader(near)
    far.write(b"x" * 97 + b"\r\n" + b"y" * 98 + b"\r\n")
    if early:
        await settle(lambda: None)
    assert await reader.read_until(b"\r\n", 99) == b"x" * 97 + b"\r\n"
    with pytest.raises(RemoteProtocolError, match="within 99 bytes"):
        await reader.read_until(b"\r\n", 99)


async def test_read_until_at_the_end(near: MemoryStream, far: End) -> None:
    reader = Reader(near)
    far.write(b"no mark")
    far.write_eof()
    with pytest.raises(Closed, match="in the middle"):
        await reader.read_until(b"\n")


async def test_a_broken_stream_raises_its_error_after_its_data(near: MemoryStream, far: End) -> None:
    reader = Reader(near)
    far.write(b"abc")
    await settle(lambda: None)
    far.abort()
    await settle(lambda: None)
    assert await reader.read_exactly(2) == b"ab"
    with pytest.raises(FrpError, match="aborted"):
        await reader.read_exactly(2)
    with pytest.raises(FrpError, match="aborted"):
        await reader.read_until(b"\n")
    assert await reader.read() == b"c"
    with pytest.raises(FrpError, match="aborted"):
        await reader.read()


@pytest.mark.parametrize("call", ["read", "read_exactly", "read_until"])
async def test_a_stream_that_breaks_meanwhile(near: MemoryStream, far: End, call: str) -> None:
    reader = Reader(near)
    arguments = {"read": (), "read_exactly": (5,), "read_until": (b"\n",)}[call]
    reading = asyncio.create_task(getattr(reader, call)(*arguments))
    await settle(lambda: None, turns=3)
    far.abort()
    with pytest.raises(FrpError, match="aborted"):
        await reading


async def test_a_talkative_peer_is_made_to_wait(near: MemoryStream, far: End) -> None:
    reader = Reader(near)
    far.write(bytes(1_000_000))
    await settle(lambda: far.writing_paused)
    assert far.writing_paused
    assert len(reader._buffer) <= LIMIT + 64 * 1024
    taken = 0
    while taken < 1_000_000:
        taken += len(await reader.read())
    assert not far.writing_paused


async def test_detach_puts_back_what_was_not_taken(near: MemoryStream, far: End) -> None:
    reader = Reader(near)
    far.write(b"head\nbody")
    assert await reader.read_until(b"\n") == b"head\n"
    reader.detach()
    far.write(b" and more")
    far.write_eof()
    user = End(near).attach()
    await until(lambda: user.eofs)
    assert user.data == b"body and more"


async def test_detach_lifts_the_readers_own_pause_only(near: MemoryStream, far: End) -> None:
    near.pause_reading(Pause.RATE)
    reader = Reader(near, limit=10)
    near.resume_reading(Pause.RATE)
    far.write(bytes(100))
    await settle(lambda: len(reader._buffer))
    near.pause_reading(Pause.RATE)
    reader.detach()
    user = End(near).attach()
    await settle(lambda: len(user.data))
    assert not user.data
    user.resume(Pause.RATE)
    await until(lambda: len(user.data) == 100)


async def test_a_cancelled_read_loses_nothing(near: MemoryStream, far: End) -> None:
    reader = Reader(near)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await reader.read_exactly(4)
    far.write(b"abcd")
    assert await reader.read_exactly(4) == b"abcd"
