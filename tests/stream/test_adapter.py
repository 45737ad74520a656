"""Any asyncio protocol over any stream."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest
from aiohttp import web

from aiofrp.stream.adapter import as_transport
from aiofrp.stream.memory import memory_pair
from aiofrp.stream.mux.session import MuxSession
from aiofrp.stream.mux.stream import MuxStream
from tests.support.ends import End, until


class HttpEcho(asyncio.Protocol):
    """A tiny web server: answers every request with its own head, and closes when asked to."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport
        self.buffer = b""
        self.calls: list[str] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.calls.append("made")

    def data_received(self, data: bytes) -> None:
        assert type(data) is bytes
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(head))
            self.transport.write(bytearray(head))
            if b"Connection: close" in head:
                self.transport.close()

    def eof_received(self) -> bool | None:
        self.calls.append("eof")
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        self.calls.append(f"lost {exc}")


async def test_a_protocol_of_asyncio_serves_over_memory() -> None:
    near, far = memory_pair(chunk=5)
    protocol = HttpEcho()
    as_transport(near, protocol)
    user = End(far).attach()
    user.write(b"GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n")
    user.write(b"GET /3 HTTP/1.1\r\nConnection: close\r\n\r\n")
    await until(lambda: user.lost)
    assert user.data.count(b"200 OK") == 3
    assert user.data.endswith(b"Content-Length: 34\r\n\r\nGET /3 HTTP/1.1\r\nConnection: close")
    assert protocol.calls == ["made", "lost None"]


async def test_eof_closes_unless_the_protocol_wants_to_go_on() -> None:
    near, far = memory_pair()
    protocol = HttpEcho()
    as_transport(near, protocol)
    user = End(far).attach()
    user.write(b"GET / HTTP/1.1\r\n\r\n")
    user.write_eof()
    await until(lambda: user.eofs and "lost None" in protocol.calls)
    assert user.data.endswith(b"GET / HTTP/1.1")
    assert protocol.calls == ["made", "eof", "lost None"]


async def test_asyncios_own_streams_over_yamux() -> None:
    """StreamReader and StreamWriter at both ends: bulk with drain, half-close, the answer after it."""
    opened: asyncio.Future[MuxStream] = asyncio.get_running_loop().create_future()
    near, far = memory_pair()
    MuxSession(far, client=False, on_stream=opened.set_result)
    session = MuxSession(near, client=True)
    reader, writer = wrapped(session.open())
    peer_reader, peer_writer = wrapped(await opened)

    async def send() -> None:
        for _ in range(100):
            writer.write(bytes(20_000))
            await writer.drain()
        writer.write_eof()

    sending = asyncio.create_task(send())
    assert await peer_reader.read() == bytes(2_000_000)
    await sending
    peer_writer.writelines([b"the ", b"answer"])
    peer_writer.close()
    assert await reader.read() == b"the answer"
    writer.close()
    await asyncio.gather(writer.wait_closed(), peer_writer.wait_closed())
    assert writer.get_extra_info("peername", "unknown") == "unknown"
    session.abort()
    await until(lambda: session.lost)


def wrapped(stream: MuxStream) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    return reader, asyncio.StreamWriter(as_transport(stream, protocol), protocol, reader, loop)


async def test_aiohttp_serves_over_memory() -> None:
    async def answer(request: web.BaseRequest) -> web.Response:
        return web.Response(text=f"{request.method} {request.path} {await request.text()}")

    server = web.Server(answer)
    near, far = memory_pair(chunk=7)
    as_transport(near, server())
    user = End(far).attach()
    user.write(b"POST /where HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nConnection: close\r\n\r\nwhat")
    await until(lambda: user.lost)
    assert user.data.startswith(b"HTTP/1.1 200 OK\r\n")
    assert user.data.endswith(b"POST /where what")
    await server.shutdown()


async def test_a_slow_protocol_stops_the_writer() -> None:
    near, far = memory_pair()
    protocol = HttpEcho()
    transport = as_transport(near, protocol)
    assert transport.is_reading()
    transport.pause_reading()
    assert not transport.is_reading()
    user = End(far).attach()
    request = b"GET / HTTP/1.1\r\nX: %s\r\n\r\n" % (b"x" * 1000)
    count = 0
    while not user.writing_paused:
        user.write(request)
        count += 1
    assert not protocol.buffer
    transport.resume_reading()
    await until(lambda: user.data.count(b"200 OK") == count)
    transport.abort()
    assert transport.is_closing()
    await until(lambda: user.lost)


async def test_a_protocol_is_told_to_pause_writing() -> None:
    class Writer(HttpEcho):
        def pause_writing(self) -> None:
            self.calls.append("pause")

        def resume_writing(self) -> None:
            self.calls.append("resume")

    near, far = memory_pair()
    protocol = Writer()
    transport = as_transport(near, protocol)
    transport.write(bytes(100_000))
    assert protocol.calls == ["made", "pause"]
    user = End(far).attach()
    await until(lambda: len(user.data) == 100_000)
    assert protocol.calls == ["made", "pause", "resume"]
    user.abort()
    await until(lambda: len(protocol.calls) == 4)
    assert "aborted" in protocol.calls[3]


@pytest.mark.parametrize("how", ["close", "abort"])
async def test_a_protocol_may_refuse_at_once(how: str) -> None:
    """Ending within ``connection_made`` is an end like any other."""

    class Refusing(HttpEcho):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            getattr(transport, how)()

    near, far = memory_pair()
    far.write(b"GET / HTTP/1.1\r\n\r\n")
    protocol = Refusing()
    as_transport(near, protocol)
    user = End(far).attach()
    await until(lambda: user.lost and len(protocol.calls) == 2)
    assert protocol.calls == ["made", "lost None"]


async def test_the_next_protocol_takes_over() -> None:
    near, far = memory_pair()
    first, second = HttpEcho(), HttpEcho()
    transport = as_transport(near, first)
    transport.set_protocol(second)
    assert transport.get_protocol() is second
    second.transport = transport
    user = End(far).attach()
    user.write(b"GET / HTTP/1.1\r\n\r\n")
    await until(lambda: user.data)
    assert not first.buffer
    assert transport.can_write_eof()
    transport.write_eof()
    await until(lambda: user.eofs)
    user.close()
    await until(lambda: user.lost)
