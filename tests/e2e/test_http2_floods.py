"""Visitors that flood the vhost port with HTTP/2 frames: they are told to calm down, and nobody else notices."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import repeat
from pathlib import Path

import pytest

from tests.e2e.test_resilience import resident
from tests.support.h2frames import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    ENHANCE_YOUR_CALM,
    HEADERS,
    OPENING,
    PING,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    assault,
    fields,
    frame,
    request,
    window,
)
from tests.support.ports import free_port
from tests.support.procs import Program, frpc, frps
from tests.support.tunnel import PATIENCE, local_service
from tests.support.web import http_proxy, ok, user_of
from tests.support.web2 import h2_user

#: Seconds an attack lasts unless it is ended before, and the longest that another visitor may wait while frps works:
#: before there were turns, it was six and more.
LASTS, WAIT = 10.0, 1.0
#: Bytes frps may grow in an attack.
GROWTH = 32 * 2**20
OPEN = 100


async def service(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers ``/slow`` never, anything else at once; ``/large`` with 1 MB."""
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        target = head.split()[1]
        if target == b"/slow":
            await reader.read()
            return
        writer.write(ok(bytes(1_000_000) if target == b"/large" else b"hello"))
        await writer.drain()


def opened(path: str = "/slow", count: int = OPEN) -> bytes:
    """Many requests at once."""
    return OPENING + b"".join(request(1 + 2 * number, fields(path)) for number in range(count))


def streams(make: Callable[[int], bytes], count: int = 1000) -> bytes:
    """A frame for each of the open streams, again and again."""
    return b"".join(make(1 + 2 * (number % OPEN)) for number in range(count))


def fresh(make: Callable[[int], bytes], count: int) -> Iterator[bytes]:
    """Frames for ever new streams."""
    for number in range(count):
        yield make(1 + 2 * number)


def endless(first: bytes, then: bytes) -> Iterator[bytes]:
    yield first
    yield from repeat(then, 3000)


POST = OPENING + request(1, fields("/slow", "POST"), end=False)
BEGUN = OPENING + frame(HEADERS, fields(), 0, 1)
INITIAL_WINDOW, UNKNOWN = 4, 0x7000

FLOODS: dict[str, Callable[[], Iterator[bytes]]] = {
    "windows of streams": lambda: endless(opened(), streams(window)),
    "windows of large responses": lambda: endless(
        opened("/large", 10), b"".join(window(1 + 2 * (n % 10)) for n in range(1000))
    ),
    "windows of the connection": lambda: endless(opened(), window(0) * 1000),
    "windows of streams that are over": lambda: endless(OPENING + request(1), window(1) * 1000),
    "settings": lambda: endless(OPENING, frame(SETTINGS) * 1000),
    "settings of windows": lambda: endless(
        opened(), b"".join(frame(SETTINGS, bytes((0, INITIAL_WINDOW, 0, 1, 0, n % 2))) for n in range(500))
    ),
    "settings nobody knows": lambda: endless(
        OPENING,
        b"".join(
            frame(SETTINGS, b"".join((UNKNOWN + n * 60 + m).to_bytes(2) + bytes(4) for m in range(60)))
            for n in range(100)
        ),
    ),
    "many settings": lambda: endless(OPENING, frame(SETTINGS, bytes((0, INITIAL_WINDOW, 0, 1, 0, 0)) * 2000)),
    "pings": lambda: endless(OPENING, frame(PING, bytes(8)) * 1000),
    "ping answers": lambda: endless(OPENING, frame(PING, bytes(8), 1) * 1000),
    "priorities": lambda: endless(OPENING, streams(lambda n: frame(PRIORITY, bytes(5), 0, n))),
    "unknown frames": lambda: endless(OPENING, frame(0x10, b"abc") * 1000),
    "empty data": lambda: endless(POST, frame(DATA, b"", 0, 1) * 1000),
    "padding": lambda: endless(POST, frame(DATA, b"\x05" + bytes(5), 8, 1) * 1000),
    "data after the end": lambda: endless(OPENING + request(1), frame(DATA, b"x", 0, 1) * 1000),
    "continuations without content": lambda: endless(BEGUN, frame(CONTINUATION, b"", 0, 1) * 1000),
    "continuations without end": lambda: endless(BEGUN, frame(CONTINUATION, b"\0\1a\0" * 4000, 0, 1)),
    "thousands of fields": lambda: fresh(
        lambda n: OPENING * (n == 1) + request(n, fields() + b"\x90" * 1000), 100
    ),
    "hundreds of fields": lambda: fresh(
        lambda n: OPENING * (n == 1) + request(n, fields() + b"\x90" * 240), 1000
    ),
    "much Huffman code": lambda: fresh(
        lambda n: (
            OPENING * (n == 1)
            + frame(HEADERS, fields() + b"\0\1a\xff\x80\x7f" + bytes(16000), END_STREAM, n)
            + frame(CONTINUATION, bytes(511), END_HEADERS, n)
        ),
        100,
    ),
    "requests taken back": lambda: fresh(
        lambda n: OPENING * (n == 1) + request(n, fields("/slow")) + frame(RST_STREAM, bytes(4), 0, n), 3000
    ),
    "requests that make us reset": lambda: fresh(
        lambda n: OPENING * (n == 1) + request(n, fields("/slow")) + window(n, 0x7FFFFFFF), 3000
    ),
    "resets of what is over": lambda: endless(OPENING + request(1), frame(RST_STREAM, bytes(4), 0, 1) * 1000),
}


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[tuple[int, Program]]:
    bind, port = free_port(), free_port()
    toml = f'bindAddr = "127.0.0.1"\nbindPort = {bind}\nvhostHTTPPort = {port}\n'
    async with local_service(service) as local, frps(folder, toml) as server:
        client = f'serverAddr = "127.0.0.1"\nserverPort = {bind}\n' + http_proxy("web", local)
        async with frpc(folder, client):
            yield port, server


@asynccontextmanager
async def visiting(port: int, server: Program) -> AsyncIterator[list[float]]:
    """Visitors of HTTP/1 and HTTP/2 that ask again and again; gives the seconds for which each waited while ``server``
    worked: other programs of a busy machine have no part in them."""
    took: list[float] = []
    over = asyncio.Event()

    async def of_http_1() -> None:
        async with user_of(port) as user:
            while not over.is_set():
                began, spent = time.monotonic(), server.cpu
                async with asyncio.timeout(PATIENCE):
                    assert (await user.get("web.test")).body == b"hello"
                took.append(min(time.monotonic() - began, server.cpu - spent))
                await asyncio.sleep(0.01)

    async def of_http_2() -> None:
        head = [(":method", "GET"), (":scheme", "http"), (":authority", "web.test"), (":path", "/large")]
        async with h2_user(port) as user:
            while not over.is_set():
                _, body, _ = await user.whole(user.open(head))
                assert len(body) == 1_000_000
                await asyncio.sleep(0.01)

    tasks = [asyncio.create_task(of_http_1()), asyncio.create_task(of_http_2())]
    try:
        async with asyncio.timeout(PATIENCE):
            while not took and not any(task.done() for task in tasks):
                await asyncio.sleep(0.01)
        yield took
    finally:
        over.set()
        await asyncio.gather(*tasks)


@pytest.mark.parametrize("part", range(3))
async def test_a_flood_of_frames_ends_its_connection_and_keeps_nobody_waiting(
    part: int, tmp_path: Path
) -> None:
    async with running(tmp_path) as (port, server):
        for name in list(FLOODS)[part::3]:
            async with visiting(port, server) as took:
                before = resident(server)
                code, sent = await assault(port, FLOODS[name](), LASTS)
                grown = resident(server) - before
            print(
                f"{name}: {sent} bytes, the longest answer took {max(took) * 1e3:.0f} ms, {grown / 2**20:.1f} MiB"
            )
            assert code == ENHANCE_YOUR_CALM, name
            assert max(took) < WAIT, name
            assert grown < GROWTH, name
        assert "Traceback" not in server.text
