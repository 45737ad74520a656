"""A user's connection on the vhost HTTP port, as long as it speaks HTTP/1: requests one after another.

Heads are parsed and judged here, bodies pass to the :class:`~aiofrp.server.httpexchange.Exchange` of the request.
"""

from __future__ import annotations

import asyncio
import enum
from typing import TYPE_CHECKING

from aiofrp.errors import FrpError, RemoteProtocolError
from aiofrp.proxy.http import HttpRoute
from aiofrp.proxy.httpbackend import Backend
from aiofrp.server.deadline import Deadline
from aiofrp.server.httpexchange import Exchange, Failure
from aiofrp.server.httpjudge import judge
from aiofrp.server.httppages import Answer, http_date, options_answer, refusal, timed_out
from aiofrp.server.httpreply import Reply, connection_fields
from aiofrp.stream.base import Buffer, Pause, Stream
from aiofrp.transport.net import address_of
from aiofrp.wire.http1 import (
    MAX_HEAD,
    HeadError,
    RequestHead,
    ResponseHead,
    head_end,
    loose_head_end,
    parse_request,
)
from aiofrp.wire.httpbody import Body, body_of
from aiofrp.wire.httpforward import (
    encode_connect,
    encode_request,
    encode_response,
    request_fields,
    response_fields,
)

if TYPE_CHECKING:
    from aiofrp.server.httpvhost import HttpVhost

#: What a connection with prior knowledge of HTTP/2 begins with, as far as it looks like a head (RFC 9113 §3.4).
HTTP2 = b"PRI * HTTP/2.0\r\n\r\n"
#: Seconds for a head to come, from the accept or its first byte on (spec: server §6.5).
HEAD_TIMEOUT = 60.0
#: Bytes of the next requests read while one is under way.
MAX_AHEAD = 64 * 1024
#: Seconds a user that sent nonsense gets to read the answer while the rest of what it sends is thrown away.
LINGER = 1.0
#: Seconds without progress after which a response to a user that finished sending is given up.
HALF_CLOSED = 60.0


class State(enum.Enum):
    """What is expected of the user."""

    HEAD = "head"
    BODY = "body"
    WAIT = "wait"  # for the response; what comes is the next request
    CLOSING = "closing"
    GONE = "gone"


class HttpUser:
    """The receiver of a user's stream, and the user of its exchanges."""

    __slots__ = (
        "_body",
        "_buffer",
        "_deadline",
        "_ended",
        "_exchange",
        "_held",
        "_peer",
        "_reply",
        "_request",
        "_route",
        "_state",
        "_stream",
        "_vhost",
        "full",
        "source",
    )

    def __init__(self, stream: Stream, vhost: HttpVhost) -> None:
        self.source = address_of(stream.info("peername"))
        self.full = False
        self._peer = self.source[0].encode()
        self._stream = stream
        self._vhost = vhost
        self._state = State.HEAD
        self._buffer = (
            bytearray()
        )  # a head that is not whole, limited by MAX_HEAD; or requests ahead, by MAX_AHEAD
        self._request: RequestHead | None = None
        self._route: HttpRoute | None = None
        self._body: Body | None = None
        self._exchange: Exchange | None = None
        self._reply: Reply | None = None
        self._held = False
        self._ended = False  # the user finished sending
        self._deadline = Deadline(self._miss)
        self._deadline.set(HEAD_TIMEOUT)
        vhost.idle[self] = None
        stream.attach(self)

    def __repr__(self) -> str:
        return f"<HttpUser {self.source} {self._state.value}>"

    # Receiver of the user's stream

    def data_received(self, data: Buffer, /) -> None:
        if self._state is State.HEAD:
            self._receive_head(data)
        elif self._state is State.BODY:
            self._receive_body(data)
        elif self._state is State.WAIT:
            self._buffer += data
            self._bound_ahead()

    def eof_received(self) -> None:
        self._ended = True
        if self._state is State.WAIT and self._exchange is not None:
            self._exchange.half_close()
            self._deadline.set(HALF_CLOSED)
        elif self._state is State.HEAD and self._buffer:
            self._next()
        elif self._state is not State.WAIT:
            self._close()

    def connection_lost(self, exc: Exception | None, /) -> None:
        self._leave()

    def pause_writing(self) -> None:
        self.full = True
        if self._exchange is not None:
            self._exchange.pause()

    def resume_writing(self) -> None:
        self.full = False
        if self._exchange is not None:
            self._exchange.resume()
        elif self._state is State.HEAD:
            self._next()

    # For the vhost

    def close_idle(self) -> None:
        """End the connection, which is between two requests or slow with one."""
        if self._buffer:
            self._stream.abort()
        self._close()

    def abort(self) -> None:
        """End the connection now."""
        self._stream.abort()
        self._leave()

    # User of an exchange

    def request_sent(self) -> None:
        self._deadline.set(self._vhost.response_timeout)

    def hold_request(self) -> None:
        if not self._held:
            self._held = True
            self._stream.pause_reading(Pause.PEER)

    def go_on(self) -> None:
        if self._held:
            self._held = False
            self._stream.resume_reading(Pause.PEER)

    def inform(self, head: ResponseHead) -> None:
        if self._request is not None and self._request.minor:
            self._stream.write(encode_response(head.status, head.reason, 1, head.fields))

    def begin(self, head: ResponseHead, size: int) -> Body:
        assert self._request is not None
        assert self._route is not None
        self._deadline.clear()
        keep = self._may_keep(self._request)
        self._reply = Reply(head, size, self._request, self._route.response, keep)
        return self._reply.body

    def send(self, data: Buffer, done: bool) -> None:
        assert self._reply is not None
        data = self._reply.encode(data, done)
        if data:
            self._stream.write(data)
        if self._ended:
            self._deadline.set(HALF_CLOSED)

    def finished(self) -> None:
        assert self._reply is not None
        keep = self._reply.keep
        self._exchange = self._reply = None
        self._deadline.clear()
        self.go_on()
        if self._state is State.BODY:
            self._linger()
        elif keep:
            self._wait_for_head()
            self._next()
        else:
            self._close()

    def switched(self, head: ResponseHead, backend: Backend, early: bytes) -> None:
        assert self._route is not None
        fields = response_fields(head, self._route.response, http_date())
        fields += [(b"Connection", b"Upgrade"), (b"Upgrade", b", ".join(head.noted[b"upgrade"]))]
        self._stream.write(encode_response(101, head.reason, 1, fields))
        self._tunnel(backend, early)

    def failed(self, failure: Failure, error: FrpError) -> None:
        assert self._request is not None
        self._exchange = None
        self._deadline.clear()
        self.go_on()
        self._vhost.tell_failure(self._request, str(error))
        timed = failure is Failure.TIMED_OUT
        self._turn_away(self._request, timed_out() if timed else self._vhost.pages.not_found())
        if self._buffer:  # perhaps we are within _next: it is not to call itself
            asyncio.get_running_loop().call_soon(self._next)

    def broken(self, error: Exception | None) -> None:
        self.abort()

    # Private: heads

    def _receive_head(self, data: Buffer) -> None:
        buffer = self._buffer
        if not buffer:
            data = bytes(data)
            end = head_end(data)
            if end == len(data):
                self._judge(data)
                return
        known = len(buffer)
        buffer += data
        if not known:
            self._deadline.set(HEAD_TIMEOUT)
        self._next(known)

    def _next(self, known: int = 0) -> None:
        """Go on with the requests in the buffer, until one takes its time; ``known``: bytes without an end."""
        buffer = self._buffer
        while self._state is State.HEAD and buffer and not self.full:
            end = head_end(buffer, known)
            if end < 0:
                if loose_head_end(buffer, known) >= 0:
                    self._refuse(HeadError())
                elif self._ended:
                    self._close()
                elif len(buffer) > MAX_HEAD:
                    self._refuse(HeadError(status=431))
                return
            known = 0
            head = bytes(buffer[:end])
            del buffer[:end]
            self._judge(head)
        if self._state is State.BODY and buffer:
            data = bytes(buffer)
            buffer.clear()
            self._receive_body(data)
        self._bound_ahead()

    def _bound_ahead(self) -> None:
        if self._state is State.WAIT and len(self._buffer) > MAX_AHEAD:
            self._stream.pause_reading(Pause.WAIT)

    def _judge(self, head: bytes) -> None:
        if len(head) > MAX_HEAD:
            self._refuse(HeadError(status=431))
            return
        if head == HTTP2:
            self._switch_to_http2(head)
            return
        self._vhost.idle.pop(self, None)
        self._deadline.clear()
        try:
            request = self._request = parse_request(head)
            if request.target == b"*":
                outcome: HttpRoute | Answer = options_answer()
            else:
                outcome = judge(request, self._vhost.routes, self._vhost.pages)
        except HeadError as exc:
            self._refuse(exc)
            return
        if isinstance(outcome, Answer):
            if request.body_size:
                self._state = State.BODY
            if outcome.status == 404:
                self._vhost.tell_failure(request, "no route found")
            self._turn_away(request, outcome)
        elif request.method == b"CONNECT":
            self._connect(request, outcome)
        else:
            self._forward(request, outcome)

    def _forward(self, request: RequestHead, route: HttpRoute) -> None:
        self._route = route
        if request.body_size:
            self._body, self._state = body_of(request.body_size), State.BODY
        else:
            self._state = State.WAIT
        head = encode_request(request, request_fields(request, route.request, self._peer), route.rewrite)
        exchange = self._exchange = Exchange(self, route.next(), request, head)
        if self._ended:
            exchange.half_close()
        exchange.start()

    def _turn_away(self, request: RequestHead, answer: Answer) -> None:
        """An answer of frps itself; with the request's body still to come it is the last."""
        if answer.status == 404 and request.method == b"CONNECT":
            self._stream.write(self._vhost.pages.not_found_bytes())
            self._close()
            return
        keep = self._may_keep(request)
        fields = connection_fields(request.minor, keep)
        self._stream.write(answer.encode(request.minor, fields, body=request.method != b"HEAD"))
        if keep:
            self._wait_for_head()
        else:
            self._linger()

    def _refuse(self, error: HeadError) -> None:
        self._stream.write(refusal(error))
        self._linger()

    def _may_keep(self, request: RequestHead) -> bool:
        return (
            request.keep_alive and self._state is not State.BODY and not (self._ended or self._vhost.stopping)
        )

    # Private: bodies

    def _receive_body(self, data: Buffer) -> None:
        body, exchange = self._body, self._exchange
        if body is None or exchange is None:
            return
        try:
            size = body.receive_data(data)
        except RemoteProtocolError:
            exchange.abandon()
            if exchange.responding:
                self.abort()
            else:
                self._refuse(HeadError())
            return
        whole = size == len(data)
        if size:
            exchange.send(data if whole else data[:size])
        if body.done and self._state is State.BODY:
            self._state = State.WAIT
            if not whole:
                self._buffer += data[size:]
            exchange.end()

    # Private: CONNECT

    def _connect(self, request: RequestHead, route: HttpRoute) -> None:
        self._state = State.WAIT
        head = encode_connect(request)

        def ready(backend: Backend) -> None:
            if self._state is State.WAIT:
                backend.write(head)
                self._tunnel(backend, b"")
            else:
                backend.close()

        def failed(error: FrpError) -> None:
            if self._state is State.WAIT:
                self.failed(Failure.NOBODY, error)

        route.next().take(self.source, ready, failed, fresh=True)

    def _switch_to_http2(self, head: bytes) -> None:
        ahead = bytes(self._buffer)
        self._leave()
        self._stream.detach()
        self._stream.unread(head + ahead)
        self._vhost.speak_http2(self._stream)

    def _tunnel(self, backend: Backend, early: bytes) -> None:
        """From here on bytes go both ways, and the connection is no longer ours."""
        self._exchange = None
        ahead = bytes(self._buffer)
        self._leave()
        self._stream.detach()
        self._stream.resume_reading(Pause.WAIT)
        backend.tunnel(self._stream, ahead, early)

    # Private: time and the end

    def _wait_for_head(self) -> None:
        self._state = State.HEAD
        self._request = self._route = self._body = None
        self._vhost.idle[self] = None
        if self._buffer:
            self._deadline.set(HEAD_TIMEOUT)
            self._stream.resume_reading(Pause.WAIT)

    def _miss(self) -> None:
        """What was expected did not come in time."""
        if self._state is State.WAIT and self._exchange is not None and not self._exchange.responding:
            self._exchange.time_out()
        elif self._state is State.CLOSING:
            self._stream.close()
        else:
            self.abort()

    def _linger(self) -> None:
        """Our last words are written: let the user read them although it may still be sending."""
        self._end()
        self._state = State.CLOSING
        self._buffer.clear()
        self._stream.write_eof()
        self._stream.resume_reading(Pause.WAIT)
        self._deadline.set(LINGER)

    def _close(self) -> None:
        self._leave()
        self._stream.close()

    def _leave(self) -> None:
        """The connection is no longer ours to serve."""
        self._end()
        self._state = State.GONE
        self._vhost.users.discard(self)
        self._deadline.close()

    def _end(self) -> None:
        self._vhost.idle.pop(self, None)
        self._deadline.clear()
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.abandon()
