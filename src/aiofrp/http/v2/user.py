"""A user's connection that speaks HTTP/2 with prior knowledge (RFC 9113 §3.3).

Each request is judged like one of HTTP/1 and sent to the service in HTTP/1.1. gRPC, which needs HTTP/2 to the end,
goes on in HTTP/2, see :mod:`aiofrp.http.v2.call`.
"""

from __future__ import annotations

import re

import h2.errors

from aiofrp.errors import FrpError, RemoteProtocolError
from aiofrp.http.answers import Answer, http_date, too_slow
from aiofrp.http.deadline import BODY_LEAST, BODY_WINDOW, HEAD_TIMEOUT, IDLE_TIMEOUT, Deadline
from aiofrp.http.exchange import Exchange, Failure
from aiofrp.http.site import RequestRoute, Site
from aiofrp.http.upstream import Upstream, UpstreamConnection
from aiofrp.http.users import Users
from aiofrp.http.v2.call import Call, Service2
from aiofrp.http.v2.connection import Connection2
from aiofrp.http.v2.stream import Headers, Receiver2, Stream2, send_answer
from aiofrp.stream.base import Buffer, Stream
from aiofrp.wire.http.body import Body, ChunkedBody, body_of, encode_chunk, may_be_trailer
from aiofrp.wire.http.forward import encode_request, response_fields
from aiofrp.wire.http.head import CHUNKED, HeadError, RequestHead, ResponseHead, parse_request

_NOT_IN_HEADS = re.compile(rb"[\r\n\0]")


class User2:
    """The connection and what its requests share."""

    __slots__ = ("_connection", "_deadline", "_peer", "_services", "_users", "source")

    def __init__(self, stream: Stream, source: tuple[str, int], users: Users) -> None:
        """``source``: the user's address."""
        self.source = source
        self._peer = source[0].encode()
        self._users = users
        self._services: dict[Upstream, Service2] = {}  # limited by the number of proxies
        users.users.add(self)
        users.idle[self] = None
        self._deadline = Deadline(self.close_idle)
        self._deadline.set(HEAD_TIMEOUT)
        self._connection = Connection2(
            stream, users.scheduler, opened=self._opened, changed=self._changed, lost=self._lost
        )

    def __repr__(self) -> str:
        return f"<User2 {self.source} streams={len(self._connection.streams)}>"

    def close_idle(self) -> None:
        """End the connection, which has no request under way."""
        self._connection.close()

    def abort(self) -> None:
        """End the connection now."""
        self._connection.abort()

    # Private

    def _service(self, upstream: Upstream) -> Service2:
        """The HTTP/2 connection of this user to a service."""
        service = self._services.get(upstream)
        if service is None or service.closed:
            service = self._services[upstream] = Service2(upstream, self.source, self._users.scheduler)
        return service

    # Callbacks of the connection

    def _opened(self, stream: Stream2, headers: Headers, ended: bool) -> Receiver2 | None:
        self._users.idle.pop(self, None)
        self._deadline.clear()
        try:
            request = request_of(headers, ended)
            outcome = self._users.site.judge(request)
        except HeadError as exc:
            status = b"%d" % exc.status
            stream.send_headers([(b":status", status), (b"content-length", b"0")], end=True)
            return None
        if isinstance(outcome, Answer):
            send_answer(stream, outcome, request.method)
            return None
        if any(name == b"content-type" and value.startswith(b"application/grpc") for name, value in headers):
            call = Call(self._users.site, self._peer, stream, request, outcome)
            self._service(outcome.next()).start(call)
            return call.near
        return Request2(self._users.site, self.source, stream, request, outcome, ended)

    def _changed(self) -> None:
        if not self._connection.streams:
            if self._users.stopping:
                self._connection.close()
            else:
                self._users.idle[self] = None
                self._deadline.set(IDLE_TIMEOUT)

    def _lost(self) -> None:
        self._deadline.close()
        self._users.users.discard(self)
        self._users.idle.pop(self, None)
        for service in self._services.values():
            service.close()


class Request2:
    """One request of an HTTP/2 user to a service of HTTP/1.1: receiver of the user's stream, and user of the exchange.

    The service gets the request whole only once its stream has ended: what follows a body of the announced length may
    make the request malformed (RFC 9113 §8.1.1).
    """

    __slots__ = (
        "_body",
        "_coming",
        "_deadline",
        "_exchange",
        "_held",
        "_last",
        "_left",
        "_not_taken",
        "_request",
        "_route",
        "_site",
        "_stream",
        "source",
    )

    def __init__(
        self,
        site: Site,
        source: tuple[str, int],
        stream: Stream2,
        request: RequestHead,
        route: RequestRoute,
        ended: bool,
    ) -> None:
        """``source``: the user's address. ``ended``: the stream ended with the head."""
        self.source = source
        self._site = site
        self._stream = stream
        self._request = request
        self._route = route
        self._body: Body | None = None
        self._coming = not ended
        self._left = request.body_size  # bytes of an announced body that are still to come
        self._last = b""  # the end of such a body, until the stream ends; limited by the size of a frame
        self._held = False
        self._not_taken = 0
        self._deadline = Deadline(self._miss)
        head = encode_request(
            request, route.request_fields(request, source[0].encode()), route.rewrite, route.connection
        )
        self._exchange: Exchange | None = Exchange(self, route.next(), request, head)
        self._expect_body()
        if ended or request.body_size:
            self._exchange.start()

    @property
    def full(self) -> bool:
        return self._stream.full

    # Receiver of the stream

    def headers_received(self, headers: Headers, ended: bool) -> None:
        """Not on a server's side."""

    def data_received(self, data: bytes) -> None:
        if self._exchange is None:
            self._stream.consumed(len(data))
            return
        self._not_taken += len(data)
        self._deadline.moved(len(data))
        if self._request.body_size == CHUNKED:
            self._pass_on(encode_chunk(data))
        else:
            self._count(data)
        if not self._held:
            self._take()

    def eof_received(self, trailers: Headers) -> None:
        if self._coming:
            self._coming = False
            self._deadline.clear()
            if self._exchange is not None and not self._request.body_size:
                self._exchange.start()
        self._pass_on(_last_chunk(trailers) if self._request.body_size == CHUNKED else self._last, last=True)

    def reset_received(self) -> None:
        self._give_up()

    def pause_writing(self) -> None:
        if self._exchange is not None:
            self._exchange.pause()

    def resume_writing(self) -> None:
        if self._exchange is not None:
            self._exchange.resume()

    def _count(self, data: bytes) -> None:
        """Send more of a body whose length was announced, except its end."""
        self._left -= len(data)
        if self._left < 0:
            self._malformed()
        elif self._left or not data:
            self._pass_on(data)
        else:
            self._last = data

    def _malformed(self) -> None:
        self._stream.reset(h2.errors.ErrorCodes.PROTOCOL_ERROR)
        self._give_up()

    def _pass_on(self, data: bytes, *, last: bool = False) -> None:
        """Send more of the body, framed as the service gets it. A body of another length than was announced is
        malformed, and so is its stream (RFC 9113 §8.1.1)."""
        exchange = self._exchange
        if exchange is None:
            return
        try:
            if exchange.send(data) != len(data):
                raise RemoteProtocolError("more body than the head announced")
            if last:
                exchange.end()
        except RemoteProtocolError:
            self._malformed()

    def _give_up(self) -> None:
        """There is nobody to answer any more."""
        self._deadline.close()
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.abandon()
        self.resume_request()

    # User of the exchange

    def request_sent(self) -> None:
        self._deadline.set(self._site.response_timeout)

    def pause_request(self) -> None:
        self._held = True
        if self._coming:
            self._deadline.clear()

    def resume_request(self) -> None:
        self._take()
        if self._held:
            self._held = False
            self._expect_body()

    def _take(self) -> None:
        """What came of the body is on its way."""
        size, self._not_taken = self._not_taken, 0
        if size:
            self._stream.consumed(size)

    def inform(self, head: ResponseHead) -> None:
        if head.status != 100 or self._request.body_size:
            self._stream.send_headers(_response_headers(head, head.fields))

    def begin(self, head: ResponseHead, size: int) -> Body:
        self._deadline.close()
        fields = response_fields(head, self._route.response, http_date)
        if size != CHUNKED and b"content-length" in head.noted and head.status != 204:
            fields.append((b"content-length", head.noted[b"content-length"][0]))
        self._stream.send_headers(_response_headers(head, fields))
        self._body = body_of(size, decode=True, of_service=True)
        return self._body

    def send(self, data: Buffer, done: bool) -> None:
        if self._stream.closed:  # it took no such head
            self._give_up()
            return
        trailers: Headers = []
        if isinstance(self._body, ChunkedBody):
            for piece in self._body.take():
                self._stream.write(piece)
            trailers = [(name.lower(), value) for name, value in self._body.trailers]
        else:
            self._stream.write(data)
        if done:
            self._stream.end(trailers)

    def finished(self) -> None:
        self._exchange = None
        self.resume_request()

    def switched(self, head: ResponseHead, connection: UpstreamConnection, early: bytes) -> None:
        """HTTP/2 has no upgrades, so that none was asked for."""
        connection.abort()
        self.broken(RemoteProtocolError("the service switched protocols unasked"))

    def failed(self, failure: Failure, error: FrpError) -> None:
        self._exchange = None
        self._deadline.close()
        send_answer(self._stream, self._site.failed(self._request, failure, error), self._request.method)
        self.resume_request()

    def broken(self, error: Exception | None) -> None:
        self._exchange = None
        self._site.broke_off(self._request, error)
        self._stream.reset()
        self.resume_request()

    def _expect_body(self) -> None:
        """The rest of the request comes in time, as long as there is no response."""
        if self._coming and self._body is None and self._exchange is not None:
            self._deadline.pace(BODY_WINDOW, BODY_LEAST)

    def _miss(self) -> None:
        exchange = self._exchange
        if exchange is None:
            return
        if self._coming:
            self._exchange = None
            exchange.abandon()
            send_answer(self._stream, too_slow(), self._request.method)
        else:
            exchange.time_out()


def request_of(headers: Headers, ended: bool) -> RequestHead:
    """The head of a request, judged as if it had come in HTTP/1.1. Raises HeadError."""
    pseudo = {name: value for name, value in headers if name.startswith(b":")}
    method, path = pseudo.get(b":method", b""), pseudo.get(b":path", b"")
    if method == b"CONNECT":
        raise HeadError(status=501)
    if path != b"*" and not path.startswith(b"/"):
        raise HeadError
    lines = [b"%b %b HTTP/1.1" % (method, path)]
    authority = pseudo.get(b":authority")
    if authority is not None:
        lines.append(b"host: " + authority)
    left_out = (b"cookie", b"host") if authority is not None else (b"cookie",)
    lines += [
        b"%b: %b" % pair for pair in headers if not pair[0].startswith(b":") and pair[0] not in left_out
    ]
    cookies = [value for name, value in headers if name == b"cookie"]
    if cookies:  # they may come in pieces (RFC 9113 §8.2.3)
        lines.append(b"cookie: " + b"; ".join(cookies))
    if not ended and not any(name == b"content-length" for name, _ in headers):
        lines.append(b"transfer-encoding: chunked")
    if any(_NOT_IN_HEADS.search(line) for line in lines):
        raise HeadError
    request = parse_request(b"\r\n".join([*lines, b"", b""]))
    if ended and request.body_size:
        raise HeadError("the body is shorter than content-length")
    return request


def _response_headers(head: ResponseHead, fields: Headers) -> Headers:
    return [(b":status", b"%d" % head.status), *((name.lower(), value) for name, value in fields)]


def _last_chunk(trailers: Headers) -> bytes:
    lines = [b"%b: %b\r\n" % pair for pair in trailers if may_be_trailer(pair[0])]
    return b"0\r\n" + b"".join(lines) + b"\r\n"
