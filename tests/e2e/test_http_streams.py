"""Bodies, interim responses, upgrades and tunnels through an http proxy: nothing waits for what comes later."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable
from contextlib import suppress

import pytest

from tests.support.ends import until
from tests.support.web import Service, User, http_site, ok, talk, user_of

GET = b"GET / HTTP/1.1\r\nHost: web.test\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: web.test\r\n"
CHUNKED = b"6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\n"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Manual:
    """A service the test plays itself: each connection waits in ``connections``."""

    def __init__(self) -> None:
        self.connections: asyncio.Queue[Streams] = asyncio.Queue()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.put_nowait((reader, writer))
        while not reader.at_eof():
            await asyncio.sleep(0.01)

    async def request(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, bytes]:
        """The next connection, after a request's head."""
        reader, writer = await self.connections.get()
        return reader, writer, await reader.readuntil(b"\r\n\r\n")


# Responses


async def test_events_arrive_as_they_are_sent() -> None:
    service = Manual()
    async with http_site({"web": service}) as site, user_of(site.port) as user:
        user.send(GET)
        _, writer, _ = await service.request()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        assert b"Transfer-Encoding: chunked\r\n\r\n" in await user.read_until(b"\r\n\r\n")
        for number in range(5):
            event = b"data: %d\n\n" % number
            writer.write(event)
            assert await user.read_until(event + b"\r\n") == b"9\r\n" + event + b"\r\n"
        writer.close()
        assert await user.read_until(b"0\r\n\r\n") == b"0\r\n\r\n"


async def test_a_slow_body_of_known_length_is_not_gathered() -> None:
    service = Manual()
    async with http_site({"web": service}) as site, user_of(site.port) as user:
        user.send(GET)
        _, writer, _ = await service.request()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
        await user.read_until(b"\r\n\r\n")
        for byte in (b"a", b"b", b"c", b"d"):
            writer.write(byte)
            assert await user.read() == byte


async def test_chunks_extensions_and_trailers_pass_as_they_are() -> None:
    service = Manual()
    body = b"5;sign=x\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"
    async with http_site({"web": service}) as site, user_of(site.port) as user:
        for _ in range(2):
            user.send(GET)
        reader, writer, _ = await service.request()
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
        for _ in range(2):
            for position in range(len(body)):
                writer.write((head if position == 0 else b"") + body[position : position + 1])
                await writer.drain()
                await asyncio.sleep(0)
            assert b"\r\nTrailer: X-Sum\r\n" in await user.read_until(b"\r\n\r\n")
            assert await user.read_until(b"X-Sum: 1\r\n\r\n") == body
            if not reader.at_eof():
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.01):
                        await reader.readuntil(b"\r\n\r\n")


async def test_interim_responses_come_before() -> None:
    service = Manual()
    async with http_site({"web": service}) as site, user_of(site.port) as user:
        user.send(GET)
        _, writer, _ = await service.request()
        hints = b"HTTP/1.1 103 Early Hints\r\nLink: </x.css>\r\n\r\n"
        writer.write(hints)
        assert await user.read_until(b"\r\n\r\n") == hints
        writer.write(hints + ok(b"done"))
        assert await user.read_until(b"\r\n\r\n") == hints
        assert (await user.response()).body == b"done"


async def test_a_response_that_breaks_off_breaks_the_users_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    service = Manual()
    for answer in (
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX",
    ):
        async with http_site({"web": service}) as site, user_of(site.port) as user:
            user.send(GET)
            _, writer, _ = await service.request()
            writer.write(answer)
            with pytest.raises(ConnectionResetError):
                await broken_after(user, b"hello", writer)
    told = "do http proxy request [host: web.test] error: the response broke off: "
    assert caplog.text.count(told) == 3


async def broken_after(user: User, mark: bytes, writer: asyncio.StreamWriter) -> None:
    await user.read_until(mark)
    writer.close()
    await user.rest()


async def test_what_follows_a_response_is_no_response() -> None:
    """A service that says more than it was asked for: nobody gets the surplus."""
    service = Service(lambda request: ok(b"one") + ok(b"two"))
    async with http_site({"web": service}) as site, user_of(site.port) as user:
        for _ in range(3):
            assert (await user.get("web.test")).body == b"one"
    assert len(service.received) == 3


# Requests


async def test_a_body_is_sent_on_before_it_is_whole() -> None:
    service = Manual()
    async with http_site({"web": service}) as site, user_of(site.port) as user:
        user.send(POST + b"Transfer-Encoding: chunked\r\nTrailer: X\r\n\r\n")
        reader, writer, head = await service.request()
        assert b"\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n" in head
        for piece in (b"3\r\nabc\r\n", b"2;x\r\nde\r\n", b"0\r\nX: y\r\n\r\n"):
            user.send(piece)
            assert await reader.readexactly(len(piece)) == piece
        writer.write(ok(b"thanks"))
        assert (await user.response()).body == b"thanks"


async def test_a_body_longer_than_any_buffer_comes_through_whole() -> None:
    async def digest(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        summed = hashlib.sha256()
        for _ in range(8):
            summed.update(await reader.readexactly(1 << 20))
        writer.write(ok(summed.hexdigest().encode()))

    body = os.urandom(8 << 20)
    async with http_site({"web": digest}) as site, user_of(site.port) as user:
        user.send(POST + b"Content-Length: %d\r\n\r\n" % len(body))
        user.send(body)
        assert (await user.response()).body == hashlib.sha256(body).hexdigest().encode()


async def test_the_service_decides_about_an_expected_continue() -> None:
    service = Manual()
    expecting = POST + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    async with http_site({"web": service}) as site, user_of(site.port) as user:
        user.send(expecting)
        reader, writer, head = await service.request()
        assert b"\r\nExpect: 100-continue\r\n" in head
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert await user.read() == b"HTTP/1.1 100 Continue\r\n\r\n"
        user.send(b"hello")
        assert await reader.readexactly(5) == b"hello"
        writer.write(ok(b"took it"))
        assert (await user.response()).body == b"took it"

        user.send(expecting)
        assert (await reader.readuntil(b"\r\n\r\n")) == head
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        answer = await user.response()
        assert (answer.status, answer.value(b"connection")) == (413, b"close")
        assert await user.rest() == b""


async def test_an_answer_before_the_end_of_the_body_arrives() -> None:
    service = Manual()
    async with http_site({"web": service}) as site, user_of(site.port) as user:
        user.send(POST + b"Content-Length: 100000000\r\n\r\n" + bytes(100_000))
        _, writer, _ = await service.request()
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
        answer = await user.response()
        assert (answer.status, answer.body, answer.value(b"connection")) == (413, b"big", b"close")
        assert await user.rest() == b""


@pytest.mark.parametrize(
    "body", [b"5\r\nhelloX\r\n", b"5\nhello", b"+5\r\nhello\r\n0\r\n\r\n", b"0\r\nContent-Length: 3\r\n\r\n"]
)
async def test_broken_chunks_are_answered_400_and_go_nowhere(body: bytes) -> None:
    service = Service()
    async with http_site({"web": service}) as site:
        answer = await talk(site.port, POST + b"Transfer-Encoding: chunked\r\n\r\n" + body)
        assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert answer.endswith(b"\r\n\r\n400 Bad Request")
        await until(lambda: service.open == 0)
    assert service.requests == []


# Back-pressure


async def test_a_user_that_does_not_read_stops_the_service() -> None:
    sent = 0

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (1 << 40))
        while True:
            writer.write(bytes(65536))
            await writer.drain()
            sent += 65536

    async with http_site({"web": endless}) as site, user_of(site.port) as user:
        user.send(GET)
        await _standstill(lambda: sent)
        assert sent < 64 << 20
        before = sent
        await _read_away(user, before + (1 << 20))
        assert sent > before


async def test_a_service_that_does_not_read_stops_the_user() -> None:
    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await over.wait()

    sent, over = 0, asyncio.Event()

    async def pour(user: User) -> None:
        nonlocal sent
        user.send(POST + b"Content-Length: %d\r\n\r\n" % (1 << 40))
        while True:
            user.send(bytes(65536))
            await user.writer.drain()
            sent += 65536

    async with http_site({"web": deaf}) as site, user_of(site.port) as user:
        task = asyncio.create_task(pour(user))
        await _standstill(lambda: sent)
        assert 0 < sent < 64 << 20
        task.cancel()
        user.writer.transport.abort()
        over.set()


async def _standstill(count: Callable[[], int]) -> None:
    """Wait until ``count`` has not moved for a while."""
    last = -1
    while count() != last or last == 0:
        last = count()
        await asyncio.sleep(0.2)


async def _read_away(user: User, size: int) -> None:
    while size > 0:
        size -= len(await user.read(1 << 20))


# Who leaves


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"])
async def test_the_service_learns_that_the_user_left(answer: bytes) -> None:
    service = Manual()
    async with http_site({"web": service}) as site:
        async with user_of(site.port) as user:
            user.send(GET)
            reader, writer, _ = await service.request()
            writer.write(answer)
            if answer:
                await user.read_until(b"hello")
            user.writer.transport.abort()
        with suppress(ConnectionError):
            assert await reader.read() == b""


async def test_a_user_that_finished_sending_still_gets_its_response() -> None:
    service = Manual()
    async with http_site({"web": service}) as site, user_of(site.port) as user:
        user.send(GET)
        user.writer.write_eof()
        _, writer, _ = await service.request()
        writer.write(ok(b"late"))
        assert (await user.response()).body == b"late"
        assert await user.rest() == b""


@pytest.mark.parametrize("ahead", [GET, b""])
async def test_a_user_that_finished_sending_has_sent_its_body(ahead: bytes) -> None:
    """Whatever came before: the end of the user's side does not overtake the body."""
    service = Service(lambda request: ok(b"got " + request.body))
    async with http_site({"web": service}) as site, user_of(site.port) as user:
        user.send(ahead + POST + b"Content-Length: 5\r\n\r\nhello")
        user.writer.write_eof()
        if ahead:
            assert (await user.response()).body == b"got "
        assert (await user.response()).body == b"got hello"
        assert await user.rest() == b""


async def test_a_user_that_finished_in_the_middle_of_a_body_is_gone() -> None:
    service = Service()
    async with http_site({"web": service}) as site, user_of(site.port) as user:
        user.send(GET + POST + b"Content-Length: 5\r\n\r\nhell")
        user.writer.write_eof()
        assert (await user.response()).body == b"hello"
        assert await user.rest() == b""
        await until(lambda: service.open == 0)
    assert len(service.requests) == 1


# Upgrades and tunnels

WEBSOCKET = (
    b"GET /chat HTTP/1.1\r\nHost: web.test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n"
)


async def test_an_upgraded_connection_carries_anything_both_ways() -> None:
    service = Manual()
    async with (
        http_site({"web": service}, ('responseHeaders.set.X-Set = "1"',)) as site,
        user_of(site.port) as user,
    ):
        user.send(WEBSOCKET + b"early from the user")
        reader, writer, head = await service.request()
        assert b"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" in head
        assert not reader._buffer  # type: ignore[attr-defined]  # nothing of a protocol nobody agreed to
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Accept: x\r\n\r\nearly from the service"
        )
        head = await user.read_until(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
        for line in (b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Accept: x", b"X-Set: 1"):
            assert b"\r\n" + line + b"\r\n" in head
        assert await user.read_until(b"service") == b"early from the service"
        assert await reader.readexactly(19) == b"early from the user"
        user.send(b"GET / HTTP/1.1\n\n")
        assert await reader.readexactly(16) == b"GET / HTTP/1.1\n\n"
        writer.write(b"\x00\xff")
        assert await user.read() == b"\x00\xff"
        user.writer.write_eof()
        assert await reader.read() == b""
        writer.write(b"bye")
        writer.close()
        assert await user.rest() == b"bye"


async def test_an_upgrade_that_is_declined_is_an_ordinary_response() -> None:
    service = Service(lambda request: ok(b"no"))
    async with http_site({"web": service}) as site, user_of(site.port) as user:
        user.send(WEBSOCKET)
        assert (await user.response()).body == b"no"
        assert (await user.get("web.test")).body == b"no"


async def test_connect_is_answered_by_the_service() -> None:
    service = Manual()
    connect = b"CONNECT web.test:443 HTTP/1.1\r\nHost: web.test:443\r\nX: y\r\n\r\n"
    async with http_site({"web": service}) as site, user_of(site.port) as user:
        user.send(connect + b"hello")
        reader, writer, head = await service.request()
        assert head == connect
        assert not reader._buffer  # type: ignore[attr-defined]  # nothing of a tunnel nobody agreed to
        writer.write(b"HTTP/1.1 200 Connected\r\n\r\nearly")
        assert await user.read_until(b"early") == b"HTTP/1.1 200 Connected\r\n\r\nearly"
        assert await reader.readexactly(5) == b"hello"
        user.writer.write_eof()
        assert await reader.read() == b""
        writer.close()
        assert await user.rest() == b""


async def test_connect_needs_the_credential_for_proxies() -> None:
    options = ('httpUser = "u"', 'httpPassword = "p"')
    service = Service()
    async with http_site({"web": service}, options) as site, user_of(site.port) as user:
        user.send(b"CONNECT web.test:443 HTTP/1.1\r\nAuthorization: Basic dTpw\r\n\r\n")
        assert (await user.response()).status == 407
        user.send(b"CONNECT web.test:443 HTTP/1.1\r\nProxy-Authorization: Basic dTpw\r\n\r\n")
        assert (await user.response("POST")).status == 200
    assert service.requests[0].values(b"proxy-authorization") == [b"Basic dTpw"]
