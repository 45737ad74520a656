"""One request over kept connections: how responses are framed, limits, connections that the service closed."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from aiofrp.errors import FrpError
from aiofrp.http.upstream import Upstream
from aiofrp.server.plugins.call import MAX_ANSWER, PluginCall
from aiofrp.stream.base import Stream
from aiofrp.stream.memory import memory_pair
from aiofrp.stream.reader import Reader
from tests.support.tunnel import PATIENCE

REQUEST = b"POST / HTTP/1.1\r\n\r\n"


class Service:
    """The far ends of the connections that were made."""

    def __init__(self) -> None:
        self.far: list[Stream] = []
        self.upstream = Upstream("test", self._open, self)

    def _open(
        self, source: tuple[str, int], ready: Callable[[Stream], None], failed: Callable[[FrpError], None]
    ) -> None:
        near, far = memory_pair()
        self.far.append(far)
        ready(near)

    def opened(self, connection: object) -> None:
        pass

    def closed(self, connection: object) -> None:
        pass

    async def call(self, *pieces: bytes, end: bool = False) -> bytes:
        """Make a call, let the newest connection answer ``pieces``; the body, or the status as text."""
        call = asyncio.create_task(PluginCall(self.upstream, REQUEST).reply())
        await asyncio.sleep(0)
        reader = Reader(self.far[-1])
        async with asyncio.timeout(PATIENCE):
            assert await reader.read_exactly(len(REQUEST)) == REQUEST
            for piece in pieces:
                self.far[-1].write(piece)
                await asyncio.sleep(0)
            if end:
                self.far[-1].write_eof()
            fetched = await call
        reader.detach()
        return fetched.body if fetched.status == 200 else f"{fetched.status} {fetched.location}".encode()


@asynccontextmanager
async def service() -> AsyncIterator[Service]:
    made = Service()
    try:
        yield made
    finally:
        made.upstream.close()
        for far in made.far:
            far.abort()


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("response", "body", "kept"),
    [
        (OK + b"Content-Length: 2\r\n\r\n{}", b"{}", True),
        (OK + b"content-length:2\n\n{}", b"{}", True),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1;x=y\r\n}\r\n0\r\nA: b\r\n\r\n", b"{}", True),
        (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nA: b\r\n\r\n"
            + OK
            + b"Content-Length: 0\r\n\r\n",
            b"",
            True,
        ),
        (OK + b"Connection: close\r\nContent-Length: 2\r\n\r\n{}", b"{}", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", b"{}", False),
        (OK + b"Content-Length: 2\r\n\r\n{} and more", b"{}", False),
        (b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno", b"500 ", False),
        (b"HTTP/1.1 302 Go\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", b"302 /x", False),
        (b"HTTP/1.1 101 Up\r\nUpgrade: x\r\n\r\n", b"101 ", False),
        (b"HTTP/1.1 204 No\r\n\r\n", b"204 ", False),
    ],
)
@pytest.mark.parametrize("whole", [True, False])
async def test_a_response_is_read_to_its_end(response: bytes, body: bytes, kept: bool, whole: bool) -> None:
    pieces = [response] if whole else [response[at : at + 1] for at in range(len(response))]
    async with service() as made:
        assert await made.call(*pieces) == body
        await asyncio.sleep(0)
        assert await made.call(OK + b"Content-Length: 1\r\n\r\nx") == b"x"
        assert len(made.far) == (1 if kept else 2)


async def test_a_body_may_end_with_the_connection() -> None:
    async with service() as made:
        assert await made.call(OK + b"\r\n{", b"}", end=True) == b"{}"


async def test_a_compressed_answer_is_unpacked_within_the_limit() -> None:
    def packed(data: bytes) -> bytes:
        body = gzip.compress(data)
        return OK + b"Content-Encoding: GZip\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)

    async with service() as made:
        assert await made.call(packed(b"{}" * 1000)) == b"{}" * 1000
        with pytest.raises(FrpError, match="more than 1048576 bytes"):
            await made.call(packed(b" " * (MAX_ANSWER + 1)))
        with pytest.raises(FrpError, match="gzip"):
            await made.call(OK + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}")
        with pytest.raises(FrpError, match="gzip: unexpected end"):
            await made.call(packed(b"{}" * 1000)[:-4].replace(b"Content-Length", b"X-Length"), end=True)


@pytest.mark.parametrize(
    ("response", "end", "error"),
    [
        (b"SSH-2.0-x\r\n\r\n", False, "malformed HTTP response"),
        (OK + b"Content-Length: 5\r\n\r\n{}", True, "3 bytes before the body"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", False, "malformed chunk size"),
        (OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", False, "several lengths"),
        (OK + b"Content-Length: 2000000\r\n\r\n" + b" " * 1_100_000, False, "more than 1048576 bytes"),
        (OK + b"\r\n" + b" " * 1_100_000, False, "more than 1048576 bytes"),
        (OK + b"A: " + b"x" * 300_000, False, "headers exceeded"),
        (b"HTTP/1.1 100 C\r\n\r\n" * 2000, False, "headers exceeded"),
        (b"HTTP/1.1 200", True, "EOF"),
        (b"", True, "EOF"),
    ],
)
async def test_a_broken_or_huge_response_fails_and_drops_its_connection(
    response: bytes, end: bool, error: str
) -> None:
    async with service() as made:
        with pytest.raises(FrpError, match=error):
            await made.call(response, end=end)
        assert await made.call(OK + b"Content-Length: 1\r\n\r\nx") == b"x"
        assert len(made.far) == 2


async def test_a_kept_connection_that_the_service_closed_is_made_anew_once() -> None:
    async with service() as made:
        assert await made.call(OK + b"Content-Length: 1\r\n\r\nx") == b"x"
        call = asyncio.create_task(PluginCall(made.upstream, REQUEST).reply())
        await asyncio.sleep(0)
        made.far[0].abort()
        async with asyncio.timeout(PATIENCE):
            while len(made.far) < 2:
                await asyncio.sleep(0)
            made.far[1].abort()
            with pytest.raises(FrpError):
                await call
        assert len(made.far) == 2


async def test_a_call_that_is_cancelled_drops_its_connection() -> None:
    async with service() as made:
        call = asyncio.create_task(PluginCall(made.upstream, REQUEST).reply())
        await asyncio.sleep(0)
        reader = Reader(made.far[0])
        assert await reader.read() == REQUEST
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        with pytest.raises(FrpError):  # no orderly end
            await asyncio.wait_for(reader.read(), PATIENCE)
