"""Users that speak HTTP/2 with prior knowledge, to services of HTTP/1.1 and, with gRPC, of HTTP/2."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
from contextlib import suppress

import h2.errors
import h2.events
import h2.settings
import pytest

from aiofrp.http.upstream import Upstream
from aiofrp.http.v1 import times as times1
from aiofrp.http.v2 import connection as connection2
from aiofrp.http.v2 import request as request2
from aiofrp.http.v2 import sender as sender2
from aiofrp.http.v2 import stream as stream2
from aiofrp.http.v2 import user as user2
from tests.e2e.test_http_streams import Manual
from tests.support.ends import until
from tests.support.h2frames import HEADERS, OPENING, PING, fields, frame, request
from tests.support.rawuser2 import raw_user
from tests.support.web import Service, http_site, ok, saying, user_of
from tests.support.web2 import Headers, Peer, h2_service, h2_user

BASIC = base64.b64encode(b"u:p").decode()


def get(path: str = "/", *fields: tuple[str, str], method: str = "GET", host: str = "web.test") -> Headers:
    return [(":method", method), (":scheme", "http"), (":authority", host), (":path", path), *fields]


# Services of HTTP/1.1


async def test_a_request_reaches_a_service_of_http_1() -> None:
    service = Service(lambda request: ok(b"hello", b"X-Upper: 1", b"Connection: x-hop", b"X-Hop: 1"))
    nobody_trusted = "vhostTrustedAddresses = []"
    async with http_site({"web": service}, server=nobody_trusted) as site, h2_user(site.port) as user:
        stream = user.open(get("/a%20b?c", ("cookie", "a=1"), ("cookie", "b=2"), ("x-real-ip", "6.6.6.6")))
        head, body, _ = await user.whole(stream)
        assert (head[":status"], body, head["content-length"], head["x-upper"]) == ("200", b"hello", "5", "1")
        assert "x-hop" not in head
        assert "date" in head
    (request,) = service.requests
    assert (request.method, request.target) == (b"GET", b"/a%20b?c")
    assert dict(request.headers) == {
        b"host": b"web.test",
        b"cookie": b"a=1; b=2",
        b"x-forwarded-for": b"127.0.0.1",
        b"x-forwarded-host": b"web.test",
        b"x-forwarded-proto": b"http",
        b"x-real-ip": b"127.0.0.1",
    }


async def test_requests_at_once_on_one_connection() -> None:
    together = asyncio.Barrier(20)

    async def at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        await together.wait()
        writer.write(ok(head.split()[1]))
        await reader.read()

    async with http_site({"web": at_once}) as site, h2_user(site.port) as user:
        streams = [user.open(get(f"/{number}")) for number in range(20)]
        bodies = [(await user.whole(stream))[1] for stream in streams]
        assert bodies == [b"/%d" % number for number in range(20)]


@pytest.mark.parametrize("known", [True, False])
async def test_bodies_both_ways(known: bool) -> None:
    async def digest(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        got = b""
        if known:
            assert b"Content-Length: 3000000\r\n" in head
            got = await reader.readexactly(len(sent))
        else:
            assert b"Transfer-Encoding: chunked\r\n" in head
            while size := int((await reader.readline()).strip(), 16):
                got += (await reader.readexactly(size + 2))[:-2]
            assert await reader.readline() == b"x-sum: 1\r\n"
            assert await reader.readline() == b"\r\n"
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for start in range(0, len(got), 50_000):
            piece = got[start : start + 50_000]
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await writer.drain()
        writer.write(b"0\r\nX-Sum: 2\r\n\r\n")

    sent = os.urandom(3_000_000)
    async with http_site({"web": digest}) as site, h2_user(site.port) as user:
        fields = [("content-length", str(len(sent)))] if known else []
        stream = user.open(get("/", *fields, method="POST"), end=False)
        await user.data(stream, sent, end=known)
        if not known:
            user.headers(stream, [("x-sum", "1"), ("content-length", "7")], end=True)
        head, body, trailers = await user.whole(stream)
        assert head[":status"] == "200"
        assert hashlib.sha256(body).digest() == hashlib.sha256(sent).digest()
        assert trailers == {"x-sum": "2"}


async def test_events_and_interim_responses_arrive_as_they_are_sent() -> None:
    service = Manual()
    async with http_site({"web": service}) as site, h2_user(site.port) as user:
        stream = user.open(get())
        _, writer, _ = await service.request()
        writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")
        assert isinstance(await user.next(stream), h2.events.InformationalResponseReceived)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        assert isinstance(await user.next(stream), h2.events.ResponseReceived)
        for event in (b"one", b"two"):
            writer.write(event)
            got = await user.next(stream)
            assert isinstance(got, h2.events.DataReceived)
            assert got.data == event
        writer.close()
        assert (await user.whole(stream))[1] == b""


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (get(host="nowhere.test"), "404"),
        (get(host="safe.test"), "401"),
        (get("/", ("authorization", f"Basic {BASIC}"), host="safe.test"), "200"),
        (get("/", ("proxy-authorization", f"Basic {BASIC}"), host="safe.test"), "401"),
        (get("*", method="OPTIONS"), "200"),
        (get("http://safe.test/"), "400"),
        (get("//safe.test/.."), "200"),
        ([(":method", "CONNECT"), (":authority", "web.test:1")], "501"),
    ],
)
async def test_requests_are_judged_as_those_of_http_1(headers: Headers, status: str) -> None:
    services = {"web": saying("web"), "safe": saying("safe")}
    own = {"safe": ('httpUser = "u"', 'httpPassword = "p"')}
    async with http_site(services, own=own) as site, h2_user(site.port) as user:
        for _ in range(2):
            head, body, _ = await user.whole(user.open(headers))
            assert head[":status"] == status
            assert "connection" not in head
        if status == "404":
            assert b"Faithfully yours" in body
        assert len(services["safe"].requests) == 2 * (
            status == "200" and ("authorization", f"Basic {BASIC}") in headers
        )


async def test_heads_without_bodies() -> None:
    service = Service(lambda request: b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    async with http_site({"web": service}) as site, h2_user(site.port) as user:
        for host, length in (("web.test", "1000"), ("none.test", "489")):
            head, body, _ = await user.whole(user.open(get(method="HEAD", host=host)))
            assert (head["content-length"], body) == (length, b"")


async def test_a_service_that_does_not_answer() -> None:
    silent = Service(lambda request: b"")
    async with http_site({"web": silent}, server="vhostHTTPTimeout = 1") as site, h2_user(site.port) as user:
        head, _, _ = await user.whole(user.open(get()))
        assert head[":status"] == "504"


async def test_a_response_that_breaks_off_resets_its_stream_alone(caplog: pytest.LogCaptureFixture) -> None:
    service = Manual()
    async with http_site({"web": service}) as site, h2_user(site.port) as user:
        first, second = user.open(get("/1")), user.open(get("/2"))
        for _ in range(2):
            _, writer, head = await service.request()
            if head.startswith(b"GET /1"):
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
                writer.close()
            else:
                writer.write(ok(b"whole"))
        seen = [await user.next(first) for _ in range(3)]
        assert isinstance(seen[-1], h2.events.StreamReset)
        assert (await user.whole(second))[1] == b"whole"
    assert "error: the response broke off: the connection ended 5 bytes before the body" in caplog.text


async def test_uploads_that_are_given_up_take_no_credit_with_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """The window of the connection is that of others too; these uploads wait for a work connection."""
    service = Service(lambda request: ok(b"%d" % len(request.body)))
    async with http_site({"web": service}) as site, h2_user(site.port) as user:
        with monkeypatch.context() as patch:
            patch.setattr(Upstream, "take", lambda *args, **kwargs: None)
            for _ in range(10):
                stream = user.open(get(method="POST"), end=False)
                await user.data(stream, bytes(200_000))
                user.conn.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
        last = user.open(get("/", ("content-length", "200000"), method="POST"), end=False)
        await user.data(last, bytes(200_000), end=True)
        assert (await user.whole(last))[1] == b"200000"


async def test_a_response_that_is_framed_twice_says_no_length() -> None:
    answer = (
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    )
    service = Service(lambda request: answer)
    async with http_site({"web": service}) as site, h2_user(site.port) as user:
        for _ in range(2):
            head, body, _ = await user.whole(user.open(get()))
            assert (head.get("content-length"), body) == (None, b"hello")
    assert len(service.received) == 2


async def test_the_service_learns_that_the_user_gave_up() -> None:
    service = Manual()
    async with http_site({"web": service}) as site, h2_user(site.port) as user:
        stream = user.open(get())
        reader, _, _ = await service.request()
        user.conn.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
        user.flush()
        with suppress(ConnectionError):
            assert await reader.read() == b""
        head, _, _ = await user.whole(user.open(get(host="none.test")))
        assert head[":status"] == "404"


# Flow control


async def test_a_user_that_does_not_take_stops_the_service() -> None:
    sent = 0

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(bytes(65536))
            await writer.drain()
            sent += 65536

    async with http_site({"web": endless}) as site, h2_user(site.port, hold=True) as user:
        user.open(get())
        last = -1
        while sent != last or not sent:
            last = sent
            await asyncio.sleep(0.2)
        assert sent < 32 << 20


async def test_a_service_that_does_not_read_stops_the_user() -> None:
    over = asyncio.Event()

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await over.wait()

    async with http_site({"web": deaf}) as site, h2_user(site.port) as user:
        stream = user.open(get(method="POST"), end=False)
        pouring = asyncio.create_task(user.data(stream, bytes(64 << 20)))
        while user.conn.local_flow_control_window(stream) > 0:
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.3)
        assert not pouring.done()
        head, _, _ = await user.whole(user.open(get(host="none.test")))
        assert head[":status"] == "404"
        pouring.cancel()
        over.set()


# gRPC


async def test_a_call_with_messages_both_ways_and_trailers() -> None:
    heads: list[dict[str, str]] = []

    async def chat(peer: Peer, stream: int) -> None:
        event = await peer.next(stream)
        assert isinstance(event, h2.events.RequestReceived)
        heads.append({str(name): str(value) for name, value in event.headers})
        peer.headers(stream, [(":status", "200"), ("content-type", "application/grpc")])
        while True:
            event = await peer.next(stream)
            if isinstance(event, h2.events.DataReceived) and event.data:
                await peer.data(stream, b"got " + event.data)
            elif isinstance(event, h2.events.StreamEnded):
                peer.headers(stream, [("grpc-status", "0"), ("grpc-message", "fine")], end=True)
                return

    options = (
        'hostHeaderRewrite = "inner.test"',
        'requestHeaders.set.X-Set = "1"',
        'responseHeaders.set.Y-Set = "2"',
    )
    async with http_site({"web": h2_service(chat)}, options) as site, h2_user(site.port) as user:
        request = get(
            "/pkg.Service/Method", ("content-type", "application/grpc"), ("te", "trailers"), method="POST"
        )
        streams = [user.open(request, end=False) for _ in range(3)]
        for stream in streams:
            assert isinstance(await user.next(stream), h2.events.ResponseReceived)
            for message in (b"one", b"two"):
                await user.data(stream, message)
                got = await user.next(stream)
                assert isinstance(got, h2.events.DataReceived)
                assert got.data == b"got " + message
        for stream in streams:
            user.conn.end_stream(stream)
            user.flush()
            _, body, trailers = await user.whole(stream)
            assert (body, trailers) == (b"", {"grpc-status": "0", "grpc-message": "fine"})
    assert len(heads) == 3
    wanted = {
        ":method": "POST",
        ":path": "/pkg.Service/Method",
        ":authority": "inner.test",
        "te": "trailers",
        "x-forwarded-host": "web.test",
        "x-real-ip": "127.0.0.1",
        "x-set": "1",
    }
    assert wanted.items() <= heads[0].items()


async def test_an_error_that_is_all_head_stays_all_head() -> None:
    async def unknown(peer: Peer, stream: int) -> None:
        await peer.whole(stream)
        peer.headers(stream, [(":status", "200"), ("grpc-status", "12")], end=True)

    async with http_site({"web": h2_service(unknown)}) as site, h2_user(site.port) as user:
        event = await user.next(user.open(GRPC))
        assert isinstance(event, h2.events.ResponseReceived)
        assert event.stream_ended is not None


async def test_a_long_call_keeps_to_the_windows() -> None:
    async def mirror(peer: Peer, stream: int) -> None:
        _, body, _ = await peer.whole(stream)
        peer.headers(stream, [(":status", "200"), ("content-type", "application/grpc")])
        await peer.data(stream, body)
        peer.headers(stream, [("grpc-status", "0")], end=True)

    sent = os.urandom(2_000_000)
    async with http_site({"web": h2_service(mirror)}) as site, h2_user(site.port) as user:
        stream = user.open(get("/x", ("content-type", "application/grpc+proto"), method="POST"), end=False)
        await user.data(stream, sent, end=True)
        _, body, trailers = await user.whole(stream)
        assert (body == sent, trailers) == (True, {"grpc-status": "0"})


GRPC = get("/x", ("content-type", "application/grpc"), method="POST")


async def test_a_call_to_a_service_of_http_1() -> None:
    async with http_site({"web": saying("web")}) as site, h2_user(site.port) as user:
        for _ in range(2):
            head, _, _ = await user.whole(user.open(GRPC))
            assert head[":status"] == "404"
        head, body, _ = await user.whole(user.open(get()))
        assert (head[":status"], body) == ("200", b"web")


async def test_a_call_that_is_reset_or_answered_too_late() -> None:
    async def refuse(peer: Peer, stream: int) -> None:
        event = await peer.next(stream)
        assert isinstance(event, h2.events.RequestReceived)
        if (":path", "/reset") in [(str(name), str(value)) for name, value in event.headers]:
            peer.headers(stream, [(":status", "200")])
            peer.conn.reset_stream(stream, h2.errors.ErrorCodes.INTERNAL_ERROR)
            peer.flush()

    async with (
        http_site({"web": h2_service(refuse)}, server="vhostHTTPTimeout = 1") as site,
        h2_user(site.port) as user,
    ):
        reset = user.open([*GRPC[:3], (":path", "/reset"), *GRPC[4:]])
        late = user.open(GRPC)
        seen = [await user.next(reset) for _ in range(2)]
        assert isinstance(seen[1], h2.events.StreamReset)
        head, _, _ = await user.whole(late)
        assert head[":status"] == "504"


@pytest.mark.parametrize("announced", ["5", "7", "2000000"])
@pytest.mark.parametrize("end", ["data", "trailers"])
async def test_a_call_whose_body_is_not_as_long_as_announced_is_reset(announced: str, end: str) -> None:
    """The service does not take for whole what is not."""
    heard: list[h2.events.Event | None] = []

    async def listen(peer: Peer, stream: int) -> None:
        while (event := await peer.next(stream)) is not None:
            heard.append(event)

    async with http_site({"web": h2_service(listen)}) as site, raw_user(site.port) as user:
        fields = [(name.encode(), value.encode()) for name, value in GRPC]
        user.send(
            user.headers(1, [*fields, (b"content-length", announced.encode())]),
            user.body(1, b"hell", end=end == "data"),
            user.headers(1, [(b"x-sum", b"1")], end=True) if end == "trailers" else b"",
        )
        await user.over(1)
        assert 1 not in user.status
        async with h2_user(site.port) as other:
            head, _, _ = await other.whole(other.open(get(host="none.test")))
            assert head[":status"] == "404"
    assert not [event for event in heard if isinstance(event, h2.events.StreamEnded)]


async def test_interim_responses_without_end_are_no_response() -> None:
    """A service that sends as many as it can: the user's connection goes on, and frps holds little."""
    sent = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"GET /other"):
            writer.write(ok(b"other"))
            return
        with suppress(ConnectionError):
            while True:
                writer.write(b"HTTP/1.1 103 x\r\nLink: y\r\n\r\n" * 1000)
                await writer.drain()
                sent += 1000

    async with http_site({"web": flood}) as site, h2_user(site.port) as user:
        head, _, _ = await user.whole(user.open(get()))
        assert head[":status"] == "404"
        assert (await user.whole(user.open(get("/other"))))[1] == b"other"


async def test_calls_end_with_their_user() -> None:
    ended = asyncio.Event()

    async def wait(peer: Peer, stream: int) -> None:
        while await peer.next(stream) is not None:
            peer.headers(stream, [(":status", "200")])
        ended.set()

    async with http_site({"web": h2_service(wait)}) as site:
        async with h2_user(site.port) as user:
            stream = user.open(GRPC, end=False)
            assert isinstance(await user.next(stream), h2.events.ResponseReceived)
        await asyncio.wait_for(ended.wait(), 5)
        vhost = site.server._vhost_ports.http
        await until(lambda: not vhost.users and not vhost.idle)


# What users may not do


async def test_a_user_that_resets_too_much_is_told_to_calm_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection2, "MAX_RESETS", 10)
    async with http_site({"web": Service(lambda request: b"")}) as site, h2_user(site.port) as user:
        for _ in range(30):
            if user.terminated is not None:
                break
            stream = user.open(get())
            user.conn.reset_stream(stream)
            user.flush()
            await asyncio.sleep(0.01)
        await until(lambda: user.terminated is not None)
        assert user.terminated is not None
        assert user.terminated.error_code == h2.errors.ErrorCodes.ENHANCE_YOUR_CALM


@pytest.mark.parametrize(
    "data",
    [
        b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n" + bytes(100),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"GET / HTTP/1.1\r\nHost: web.test\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff" + bytes(100),
    ],
)
async def test_a_preface_that_leads_to_nothing(data: bytes) -> None:
    async with http_site({"web": saying("web")}) as site, user_of(site.port) as user:
        user.send(data)
        with suppress(ConnectionResetError):
            assert b"web" not in await user.rest()
        vhost = site.server._vhost_ports.http
        await until(lambda: not vhost.users and not vhost.idle)


BEGINNINGS = {
    "nothing": b"",
    "half a preface": OPENING[:20],
    "no request": OPENING,
    "pings": OPENING + frame(PING, bytes(8)),
    "a header block without end": OPENING + frame(HEADERS, fields(), 0, 1),
    "half a frame": OPENING + request(1)[:12],
}


@pytest.mark.parametrize("what", BEGINNINGS)
async def test_a_connection_without_a_request_has_a_time(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (connection2, user2, times1):
        monkeypatch.setattr(module, "HEAD_TIMEOUT", 0.3)
    async with http_site({"web": saying("web")}) as site, user_of(site.port) as user:
        user.send(BEGINNINGS[what])
        with suppress(ConnectionResetError):
            await user.rest()
        await until(lambda: not site.server._vhost_ports.http.users)


async def test_an_idle_connection_is_told_goodbye(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user2, "IDLE_TIMEOUT", 0.2)
    async with http_site({"web": saying("web")}) as site, h2_user(site.port) as user:
        assert (await user.whole(user.open(get())))[1] == b"web"
        await until(lambda: user.terminated is not None)
        assert user.terminated is not None
        assert user.terminated.error_code == h2.errors.ErrorCodes.NO_ERROR


async def test_a_body_that_trickles_is_refused_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request2, "BODY_WINDOW", 0.4)
    monkeypatch.setattr(request2, "BODY_LEAST", 100)
    async with http_site({"web": saying("web")}) as site, h2_user(site.port) as user:
        slow, good = (
            user.open(get("/", ("content-length", "2000"), method="POST"), end=False) for _ in range(2)
        )
        for _ in range(20):
            if user.events(slow).empty():
                await user.data(slow, b"x")
            await user.data(good, bytes(100))
            await asyncio.sleep(0.1)
        head, _, _ = await user.whole(slow)
        assert head[":status"] == "408"
        assert isinstance(await user.next(slow), h2.events.StreamReset)
        user.conn.end_stream(good)
        user.flush()
        assert (await user.whole(good))[0][":status"] == "200"


async def test_a_stream_that_takes_nothing_is_ended_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream2, "TAKE_WINDOW", 0.3)
    service = Service(lambda request: ok(bytes(10_000_000 if request.target == b"/large" else 10)))
    async with http_site({"web": service}) as site, h2_user(site.port, hold=True) as user:
        user.conn.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 100})
        user.flush()
        large = user.open(get("/large"))
        while not isinstance(await user.next(large), h2.events.StreamReset):
            pass
        assert (await user.whole(user.open(get())))[0][":status"] == "200"


async def test_the_rest_of_a_request_that_is_answered_is_not_wanted() -> None:
    async with http_site({"web": saying("web")}) as site, h2_user(site.port) as user:
        stream = user.open(get(method="POST", host="none.test"), end=False)
        head, _, _ = await user.whole(stream)
        assert head[":status"] == "404"
        reset = await user.next(stream)
        assert isinstance(reset, h2.events.StreamReset)
        assert reset.error_code == h2.errors.ErrorCodes.NO_ERROR


async def test_all_streams_together_queue_little(monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service(lambda request: ok(bytes(1_000_000)))
    async with http_site({"web": service}) as site, h2_user(site.port, hold=True) as user:
        streams = [user.open(get()) for _ in range(100)]
        await until(lambda: len(service.requests) == 100)
        (one,) = site.server._vhost_ports.http.users
        assert isinstance(one, user2.User2)
        await until(lambda: all(stream.full for stream in one._connection.streams.values()))
        assert one._connection._sender.queued < sender2.CONNECTION_HIGH_WATER + 100 * 128 * 1024
        assert one._connection._sender.queued == sum(
            stream.queued for stream in one._connection.streams.values()
        )
        user.hold = False
        user.conn.increment_flow_control_window(2**30)
        for stream in streams:
            user.conn.increment_flow_control_window(2**24, stream)
        user.flush()
        for stream in streams:
            assert len((await user.whole(stream))[1]) == 1_000_000
        assert one._connection._sender.queued == 0


async def test_fields_that_would_split_a_head_are_refused() -> None:
    service = Service()
    async with http_site({"web": service}) as site, h2_user(site.port) as user:
        user.conn.config.validate_outbound_headers = False
        user.conn.config.normalize_outbound_headers = False
        user.open(get("/", ("x", "y\r\nHost: safe.test")))
        async with asyncio.timeout(5):
            while user.terminated is None and user.events(1).empty():
                await asyncio.sleep(0.01)
    assert service.requests == []
