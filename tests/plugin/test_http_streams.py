"""Bodies, interim responses, upgrades and calls through each HTTP plugin: nothing waits for what comes later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import h2.events
import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, broadcast, serve

from tests.support.ends import until
from tests.support.httpplugins import PLUGINS, Plugin, proxy, running
from tests.support.tunnel import PATIENCE, client_config
from tests.support.web import User, ok
from tests.support.web2 import Peer, h2_service

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Manual:
    """A service the test plays itself: each connection waits in ``connections``."""

    def __init__(self) -> None:
        self.connections: asyncio.Queue[Streams] = asyncio.Queue()
        self.over = asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.put_nowait((reader, writer))
        await self.over.wait()

    async def request(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, bytes]:
        """The next connection, after a request's head."""
        async with asyncio.timeout(PATIENCE):
            reader, writer = await self.connections.get()
            return reader, writer, await reader.readuntil(b"\r\n\r\n")


@asynccontextmanager
async def played(kind: str) -> AsyncIterator[tuple[Manual, Plugin, User]]:
    """A service, its plugin, and a user."""
    service = Manual()
    async with running(kind, service) as plugin, plugin.user() as user:
        yield service, plugin, user
        service.over.set()


def head(plugin: Plugin, method: bytes, *fields: bytes) -> bytes:
    return b"\r\n".join([b"%b %b HTTP/1.1" % (method, plugin.target()), b"Host: web.test", *fields, b"", b""])


@pytest.mark.parametrize("kind", PLUGINS)
async def test_bodies_pass_piece_by_piece_with_their_trailers(kind: str) -> None:
    async with played(kind) as (service, plugin, user):
        user.send(head(plugin, b"POST", b"Transfer-Encoding: chunked", b"Trailer: X"))
        reader, writer, received = await service.request()
        assert b"\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n" in received
        for piece in (b"3\r\nabc\r\n", b"2;x\r\nde\r\n", b"0\r\nX: y\r\n\r\n"):
            user.send(piece)
            assert await reader.readexactly(len(piece)) == piece
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Y\r\n\r\n")
        assert b"\r\nTransfer-Encoding: chunked\r\nTrailer: Y\r\n\r\n" in await user.read_until(b"\r\n\r\n")
        for piece in (b"3\r\nabc\r\n", b"0\r\nY: z\r\n\r\n"):
            writer.write(piece)
            assert await user.read_until(piece) == piece


@pytest.mark.parametrize("kind", PLUGINS)
async def test_the_service_decides_about_an_expected_continue_and_may_answer_early(kind: str) -> None:
    async with played(kind) as (service, plugin, user):
        expecting = head(plugin, b"POST", b"Expect: 100-continue", b"Content-Length: 5")
        user.send(expecting)
        reader, writer, received = await service.request()
        assert b"\r\nExpect: 100-continue\r\n" in received
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert await user.read_until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        user.send(b"hello")
        assert await reader.readexactly(5) == b"hello"
        writer.write(ok(b"took it"))
        assert (await user.response()).body == b"took it"

        user.send(head(plugin, b"POST", b"Content-Length: 100000000") + bytes(100_000))
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
        answer = await user.response()
        assert (answer.status, answer.body, answer.value(b"connection")) == (413, b"big", b"close")


@pytest.mark.parametrize("kind", PLUGINS)
async def test_a_response_that_breaks_off_harms_its_user_alone(kind: str) -> None:
    async with played(kind) as (service, plugin, user), plugin.user() as other:
        user.send(head(plugin, b"GET"))
        _, writer, _ = await service.request()
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        await user.read_until(b"hello\r\n")
        writer.transport.abort()
        with suppress(ConnectionError):
            assert b"0\r\n\r\n" not in await user.rest()
        other.send(head(plugin, b"GET"))
        _, writer, _ = await service.request()
        writer.write(ok(b"goes on"))
        assert (await other.response()).body == b"goes on"


@pytest.mark.parametrize("kind", [kind for kind in PLUGINS if not kind.startswith("https")])
async def test_a_user_that_finished_sending_still_gets_its_response(kind: str) -> None:
    async with played(kind) as (service, plugin, user):
        user.send(head(plugin, b"GET"))
        user.writer.write_eof()
        _, writer, _ = await service.request()
        writer.write(ok(b"late"))
        assert (await user.response()).body == b"late"
        assert await user.rest() == b""


#: Bytes that may be on their way, in all buffers of the tunnel and of the kernel together.
MOST = 64 << 20


@pytest.mark.parametrize("kind", ["http_proxy", "https2https"])
async def test_who_does_not_read_stops_the_sender(kind: str) -> None:
    """Both ways at once: the response begins before the request is whole."""
    sent = {"service": 0, "user": 0}
    done = asyncio.Event()

    async def pour(writer: asyncio.StreamWriter, who: str) -> None:
        while True:
            writer.write(bytes(65536))
            await writer.drain()
            sent[who] += 65536

    async def service(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (1 << 40))
        pouring = asyncio.create_task(pour(writer, "service"))
        await done.wait()
        pouring.cancel()

    async with running(kind, service) as plugin, plugin.user() as user, plugin.user() as other:
        user.send(head(plugin, b"POST", b"Content-Length: %d" % (1 << 40)))
        pouring = asyncio.create_task(pour(user.writer, "user"))
        await until(lambda: sent["user"] and sent["service"])
        await _standstill(lambda: sent["user"] + sent["service"])
        assert 0 < sent["service"] < MOST
        assert 0 < sent["user"] < MOST
        before, got = sent["service"], 0
        while got < before + (1 << 20):
            got += len(await user.read(1 << 20))
        assert sent["service"] > before
        other.send(head(plugin, b"GET"))
        assert (await other.read_until(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        pouring.cancel()
        for each in (user, other):
            each.writer.transport.abort()
        done.set()


async def _standstill(count: Callable[[], int]) -> None:
    """Wait until ``count`` has not moved for a while."""
    last = -1
    while count() != last:
        last = count()
        await asyncio.sleep(0.2)


async def test_grpc_passes_https2http() -> None:
    """A call in messages both ways, whose state is in trailers, to a service of HTTP/2 without TLS."""

    async def chat(peer: Peer, stream: int) -> None:
        event = await peer.next(stream)
        assert isinstance(event, h2.events.RequestReceived)
        fields = {str(name): str(value) for name, value in event.headers}
        peer.headers(stream, [(":status", "200"), ("content-type", "application/grpc")])
        while not isinstance(event := await peer.next(stream), h2.events.StreamEnded):
            if isinstance(event, h2.events.DataReceived) and event.data:
                await peer.data(stream, b"got " + event.data)
        proto = fields["x-forwarded-proto"]
        peer.headers(stream, [("grpc-status", "0"), ("grpc-message", proto)], end=True)

    async with running("https2http", h2_service(chat), "h2") as plugin, plugin.user() as user:
        peer = Peer(user._reader, user.writer, client=True)
        reading = asyncio.create_task(peer.run())
        fields = [(":method", "POST"), (":scheme", "https"), (":authority", "a.test"), (":path", "/a.B/C")]
        stream = peer.open([*fields, ("content-type", "application/grpc"), ("te", "trailers")], end=False)
        assert isinstance(await peer.next(stream), h2.events.ResponseReceived)
        for message in (b"one", b"two"):
            await peer.data(stream, message)
            got = await peer.next(stream)
            assert isinstance(got, h2.events.DataReceived)
            assert got.data == b"got " + message
        peer.conn.end_stream(stream)
        peer.flush()
        _, body, trailers = await peer.whole(stream)
        assert (body, trailers) == (b"", {"grpc-status": "0", "grpc-message": "https"})
        user.writer.close()
        await reading


async def test_a_websocket_chat_through_https2http() -> None:
    """The library websockets on both ends, the user's in TLS."""
    rooms: set[ServerConnection] = set()

    async def chat(connection: ServerConnection) -> None:
        rooms.add(connection)
        async for message in connection:
            broadcast(rooms, message)
        rooms.discard(connection)

    async with serve(chat, "127.0.0.1", 0) as server:
        local = server.sockets[0].getsockname()[1]
        async with running("https2http", local) as plugin, AsyncExitStack() as stack:
            url = f"wss://127.0.0.1:{plugin.port}/chat"
            each = [connect(url, ssl=plugin.tls, proxy=None) for _ in range(2)]
            ann, bob = [await stack.enter_async_context(one) for one in each]
            for who, text in ((ann, "hello"), (bob, "x" * 300_000), (ann, "bye")):
                await who.send(text)
                assert [await one.recv() for one in (ann, bob)] == [text, text]


@pytest.mark.parametrize("kind", PLUGINS)
async def test_a_changed_plugin_takes_over_while_a_response_is_under_way(kind: str) -> None:
    async with played(kind) as (service, plugin, user):
        user.send(head(plugin, b"GET"))
        _, writer, _ = await service.request()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha")
        await user.read_until(b"ha")
        change = 'httpUser = "a"' if kind == "http_proxy" else 'requestHeaders.set.x-new = "1"'
        config = client_config(1, proxy(kind, plugin.port, plugin.local, change))
        old = next(iter(plugin.client.proxies.running())).half
        await plugin.client.proxies.update(config.proxies)
        await until(lambda: [running.half for running in plugin.client.proxies.running()] != [old])
        writer.write(b"lf")
        assert await user.rest() == b"lf"
