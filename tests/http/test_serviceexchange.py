"""One exchange, without sockets: which bytes go where, and what becomes of the connection to the service."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, cast

import pytest

from aiofrp.errors import FrpError, RemoteProtocolError
from aiofrp.http.answers import Answer
from aiofrp.http.exchange import Failure
from aiofrp.http.heads import INTERIM_COST, MAX_RESPONSE_HEAD
from aiofrp.http.serviceexchange import ServiceExchange
from aiofrp.http.upstream import Counted, Upstream, UpstreamConnection
from aiofrp.stream.base import Buffer, Receiver, Stream
from aiofrp.wire.http.body import Body, body_of
from aiofrp.wire.http.head import ResponseHead, parse_request

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class FakeStream:
    """The stream of a connection to the service; ``told`` has what was done with it after writing."""

    def __init__(self) -> None:
        self.written = b""
        self.told: list[str] = []
        self._receiver: Receiver | None = None

    def attach(self, receiver: Receiver, early: bytes = b"") -> None:
        self._receiver = receiver

    def write(self, data: Buffer) -> None:
        assert not self.told, self.told
        self.written += data

    def write_eof(self) -> None:
        self.told.append("eof")

    def pause_reading(self) -> None:
        self.told.append("pause")

    def resume_reading(self) -> None:
        self.told.append("resume")

    def close(self) -> None:
        self.told.append("close")
        self._receiver = None

    def abort(self) -> None:
        self.told.append("abort")
        self._receiver = None

    def says(self, *pieces: bytes) -> None:
        """The service sends."""
        for piece in pieces:
            if self._receiver is not None:
                self._receiver.data_received(piece)


class OneService(Upstream):
    """Connections to a service, whose only one is not kept when it becomes idle."""

    def put(self, connection: UpstreamConnection) -> None:
        cast(FakeStream, connection.stream).told.append("release")


class NotCounted:
    def opened(self, connection: Counted, /) -> None:
        pass

    def closed(self, connection: Counted, /) -> None:
        pass


class Rig:
    """An exchange between a user and a connection to the service, which comes when ``connect`` is called."""

    def __init__(self, head: bytes, *, full: bool = False) -> None:
        self.connection = FakeStream()
        self.events: list[str] = []
        self.received = b""
        self.source = ("127.0.0.1", 1)
        self.full = full
        self.error: FrpError | None = None
        self._ready: Callable[[Stream], None] | None = None
        upstream = OneService("a.test", self._open, NotCounted())
        self.exchange = ServiceExchange(self, upstream, parse_request(head), head)
        self.exchange.start()

    def _open(
        self, source: tuple[str, int], ready: Callable[[Stream], None], failed: Callable[[FrpError], None], /
    ) -> None:
        self._ready = ready

    def connect(self) -> FakeStream:
        """The connection is there."""
        assert self._ready is not None
        self._ready(cast(Stream, self.connection))
        return self.connection

    def service_ends(self) -> None:
        """The service finished sending."""
        if "finished" not in self.events:
            self.exchange.eof_received()

    # User of the exchange

    def request_sent(self) -> None:
        self.events.append("sent")

    def pause_writing(self) -> None:
        pass

    def resume_writing(self) -> None:
        pass

    def inform(self, head: ResponseHead) -> None:
        self.events.append(str(head.status))

    def begin(self, head: ResponseHead, size: int) -> Body:
        self.events.append(str(head.status))
        return body_of(size)

    def data_received(self, data: Buffer, /) -> None:
        self.received += data

    def eof_received(self) -> None:
        self.events.append("finished")

    def switched(self, head: ResponseHead, connection: Any, early: bytes) -> None:
        self.events.append("tunnel")
        self.received += early

    def answer(self, answer: Answer) -> None:
        self.events.append("answer")

    def failed(self, failure: Failure, error: FrpError) -> None:
        self.events.append(failure.value)
        self.error = error

    def connection_lost(self, exc: Exception | None, /) -> None:
        self.events.append("broken")


def post(*fields: bytes, line: bytes = b"POST / HTTP/1.1") -> bytes:
    return b"\r\n".join([line, b"Host: a.test", *fields, b"", b""])


SIZED, CHUNKED = post(b"Content-Length: 5"), post(b"Transfer-Encoding: chunked")
GET, HEAD = post(line=b"GET / HTTP/1.1"), post(line=b"HEAD / HTTP/1.1")


# The request is whole, or its connection serves nobody else


@pytest.mark.parametrize(
    ("head", "pieces"),
    [
        (SIZED, [b"hello"]),
        (SIZED, [b"h", b"", b"ello"]),
        (CHUNKED, [b"5\r\nhello\r\n0\r\n\r\n"]),
        (CHUNKED, [b"5\r", b"\nhello\r\n0\r\nX: y\r\n\r", b"\n"]),
        (post(), []),
        (GET, []),
    ],
)
@pytest.mark.parametrize("connected", [True, False])
def test_after_a_whole_request_and_its_response_the_connection_serves_others(
    head: bytes, pieces: list[bytes], connected: bool
) -> None:
    rig = Rig(head)
    if connected:
        rig.connect()
    assert [rig.exchange.send(piece) for piece in pieces] == [len(piece) for piece in pieces]
    rig.exchange.end()
    if not connected:
        rig.connect()
    assert rig.events == ["sent"]
    rig.connection.says(OK)
    assert rig.connection.written == head + b"".join(pieces)
    assert (rig.connection.told, rig.events, rig.received) == (
        ["release"],
        ["sent", "200", "finished"],
        b"ok",
    )


SHORT = [
    (SIZED, []),
    (SIZED, [b"hell"]),
    (CHUNKED, []),
    (CHUNKED, [b"5\r\nhello\r\n"]),
    (CHUNKED, [b"5\r\nhello\r\n0\r\n"]),
]


@pytest.mark.parametrize(("head", "pieces"), SHORT)
@pytest.mark.parametrize("connected", [True, False])
def test_a_request_that_ends_short_is_over(head: bytes, pieces: list[bytes], connected: bool) -> None:
    rig = Rig(head)
    if connected:
        rig.connect()
    for piece in pieces:
        rig.exchange.send(piece)
    with pytest.raises(RemoteProtocolError):
        rig.exchange.end()
    rig.exchange.send(b"5\r\nhello\r\n0\r\n\r\n")
    rig.exchange.end()
    if connected:
        assert rig.connection.written == head + b"".join(pieces)
        rig.connection.says(OK)
        assert rig.connection.told == ["abort"]
    else:
        rig.connect()
        assert (rig.connection.written, rig.connection.told) == (b"", ["release"])
    assert rig.events == []


@pytest.mark.parametrize(("head", "pieces"), SHORT)
def test_a_response_to_a_part_of_the_request_ends_with_its_connection(
    head: bytes, pieces: list[bytes]
) -> None:
    rig = Rig(head)
    connection = rig.connect()
    for piece in pieces:
        rig.exchange.send(piece)
    connection.says(OK)
    assert (connection.told, rig.events, rig.received) == (["abort"], ["200", "finished"], b"ok")
    rig.exchange.end()


@pytest.mark.parametrize("head", [SIZED, CHUNKED])
def test_a_response_that_began_early_ends_with_its_connection_although_the_request_became_whole(
    head: bytes,
) -> None:
    rig = Rig(head)
    connection = rig.connect()
    connection.says(OK[:-1])
    rig.exchange.send(b"hello" if head is SIZED else b"5\r\nhello\r\n0\r\n\r\n")
    rig.exchange.end()
    connection.says(OK[-1:])
    assert (connection.told, rig.events, rig.received) == (["close"], ["200", "finished"], b"ok")


def test_what_follows_the_body_is_not_sent() -> None:
    for head, body in ((SIZED, b"hello"), (CHUNKED, b"0\r\n\r\n"), (GET, b"")):
        rig = Rig(head)
        connection = rig.connect()
        assert rig.exchange.send(body + b"GET /next") == len(body)
        assert connection.written == head + body


def test_a_body_of_broken_form_is_over_at_once() -> None:
    rig = Rig(CHUNKED)
    connection = rig.connect()
    with pytest.raises(RemoteProtocolError):
        rig.exchange.send(b"5\r\nhelloX\r\n")
    assert (connection.written, connection.told, rig.events) == (CHUNKED, ["abort"], [])


def test_the_end_of_the_users_side_follows_the_body() -> None:
    rig = Rig(SIZED)
    rig.exchange.half_close()
    connection = rig.connect()
    rig.exchange.send(b"hell")
    assert connection.told == []
    rig.exchange.send(b"o")
    assert (connection.written, connection.told) == (SIZED + b"hello", ["eof"])


# Responses


@pytest.mark.parametrize(
    ("head", "pieces", "body"),
    [
        (GET, [OK + b"HTTP/1.1 200 OK\r\n\r\n"], b"ok"),
        (GET, [OK + b"x"], b"ok"),
        (HEAD, [OK], b""),
        (GET, [b"HTTP/1.1 204 x\r\nContent-Length: 2\r\n\r\nok"], b""),
        (GET, [b"HTTP/1.1 304 x\r\nContent-Length: 2\r\n\r\nok"], b""),
        (GET, [b"HTTP/1.1 304 x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"], b""),
        (GET, [b"HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n", b"0\r\n\r\nx"], b"0\r\n\r\n"),
        (GET, [b"HTTP/1.1 200 x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n", b"ok"], b"ok"),
        (GET, [b"HTTP/1.0 200 x\r\nContent-Length: 2\r\n\r\nok"], b"ok"),
        (
            GET,
            [b"HTTP/1.1 200 x\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
            b"0\r\n\r\n",
        ),
    ],
)
def test_a_connection_that_is_not_surely_at_the_end_of_the_response_is_closed(
    head: bytes, pieces: list[bytes], body: bytes
) -> None:
    rig = Rig(head)
    rig.connect().says(*pieces)
    assert (rig.connection.told, rig.received, rig.events[-1]) == (["close"], body, "finished")


def test_a_connection_that_may_hold_more_is_closed() -> None:
    rig = Rig(GET)
    connection = rig.connect()
    rig.exchange.pause()
    connection.says(OK)
    assert connection.told == ["pause", "resume", "close"]


def test_interim_responses_are_few() -> None:
    interim = b"HTTP/1.1 103 x\r\n\r\n"
    rig = Rig(GET)
    rig.connect().says(*[interim * 100] * 100)
    assert rig.connection.told == ["abort"]
    assert rig.events.count("103") == MAX_RESPONSE_HEAD // INTERIM_COST
    assert rig.events[-1] == "nobody"


def test_interim_responses_are_small_together() -> None:
    interim = b"HTTP/1.1 103 x\r\nX: " + b"y" * 60_000 + b"\r\n\r\n"
    rig = Rig(GET)
    rig.connect().says(*[interim] * 10)
    assert (rig.connection.told, rig.events) == (["abort"], ["sent", *["103"] * 4, "nobody"])


@pytest.mark.parametrize("size", [2, 1000])
def test_a_head_that_does_not_end_costs_little(size: int) -> None:
    rig = Rig(GET)
    connection = rig.connect()
    begun = time.process_time()
    connection.says(b"HTTP/1.1 200 OK\r\nX: ", *[b"y" * size] * (MAX_RESPONSE_HEAD // size + 1))
    assert (connection.told, rig.events) == (["abort"], ["sent", "nobody"])
    assert time.process_time() - begun < 3


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_heads_in_pieces(cut: int) -> None:
    text = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 x\n\n" + OK
    rig = Rig(GET)
    rig.connect().says(text[:cut], text[cut : cut + 3], text[cut + 3 :])
    assert (rig.events, rig.received) == (["sent", "100", "103", "200", "finished"], b"ok")
    assert rig.connection.told == ["release"]


# Tunnels

UPGRADE = (b"Connection: Upgrade", b"Upgrade: websocket, x/1")
SWITCH = b"HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: %b\r\n\r\n"
CONNECT = b"CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\n"


@pytest.mark.parametrize(
    ("head", "answer"),
    [
        (post(*UPGRADE, line=b"GET / HTTP/1.1"), SWITCH % b"WebSocket"),
        (post(*UPGRADE, line=b"GET / HTTP/1.1"), SWITCH % b"x/1, websocket"),
        (CONNECT, b"HTTP/1.1 200 Connected\r\n\r\n"),
        (CONNECT, b"HTTP/1.1 299 x\r\nX: y\r\n\r\n"),
        (CONNECT, b"HTTP/1.1 103 x\r\n\r\nHTTP/1.0 200 x\r\n\r\n"),
    ],
)
def test_a_tunnel_begins_when_the_service_agrees(head: bytes, answer: bytes) -> None:
    rig = Rig(head)
    rig.exchange.half_close()
    rig.connect().says(answer + b"early")
    assert (rig.events[-1], rig.received, rig.connection.told) == ("tunnel", b"early", [])


@pytest.mark.parametrize(
    ("head", "answer"),
    [
        (GET, SWITCH % b"websocket"),
        (post(*UPGRADE), b"HTTP/1.1 101 x\r\n\r\n"),
        (post(*UPGRADE), SWITCH % b"h2c"),
        (post(*UPGRADE), SWITCH % b"websocket, h2c"),
        (post(*UPGRADE, b"Content-Length: 5"), SWITCH % b"websocket"),
        (CONNECT, SWITCH % b"websocket"),
        (CONNECT.replace(b"Host", b"Connection: Upgrade\r\nUpgrade: x\r\nHost"), SWITCH % b"x"),
    ],
)
def test_a_switch_of_protocols_that_was_not_asked_for_is_no_response(head: bytes, answer: bytes) -> None:
    rig = Rig(head)
    rig.connect().says(answer)
    assert (rig.events[-1], rig.connection.told) == ("nobody", ["abort"])


@pytest.mark.parametrize("status", [b"199", b"301", b"404", b"405", b"407", b"500", b"999"])
def test_an_answer_to_connect_that_does_not_agree_is_a_response(status: bytes) -> None:
    rig = Rig(CONNECT)
    final = b"HTTP/1.1 %b x\r\nContent-Length: 2\r\n\r\nno" % status
    rig.connect().says(final + (OK if status == b"199" else b""))
    assert "tunnel" not in rig.events
    if status != b"199":
        assert (rig.received, rig.events[-1], rig.connection.told) == (b"no", "finished", ["close"])


@pytest.mark.parametrize(
    ("framing", "body"), [(b"Content-Length: 0", b""), (b"Transfer-Encoding: chunked", b"0\r\n\r\n")]
)
@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_a_2xx_answer_to_connect_with_a_body_is_a_response(
    framing: bytes, body: bytes, version: bytes
) -> None:
    rig = Rig(CONNECT)
    rig.connect().says(b"HTTP/%b 200 x\r\n%b\r\n\r\n%b" % (version, framing, body))
    rig.service_ends()
    assert (rig.received, rig.events[-1], rig.connection.told) == (body, "finished", ["close"])
