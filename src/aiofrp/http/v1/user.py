"""A user's connection as long as it speaks HTTP/1: requests one after another.

Heads are parsed and judged here; a request that has a route is a :class:`~aiofrp.http.v1.request.Request1`.
"""

from __future__ import annotations

from aiofrp.errors import FrpError, RemoteProtocolError
from aiofrp.http.answers import Answer, refusal
from aiofrp.http.exchange import Failure
from aiofrp.http.site import RequestRoute
from aiofrp.http.upstream import UpstreamConnection
from aiofrp.http.users import Users
from aiofrp.http.v1.reply import connection_fields
from aiofrp.http.v1.request import Request1
from aiofrp.http.v1.state import AHEAD, UserState
from aiofrp.http.v1.times import UserTimes
from aiofrp.stream.base import Buffer, Pause, Stream
from aiofrp.wire.http.head import HeadError, RequestHead, head_end, parse_request
from aiofrp.wire.http.headbuffer import HeadBuffer

#: What a connection with prior knowledge of HTTP/2 begins with, up to the first empty line (RFC 9113 §3.4).
HTTP2 = b"PRI * HTTP/2.0\r\n\r\n"
#: Bytes of the next requests read while one is under way.
MAX_AHEAD = 64 * 1024


class User1:
    """The receiver of a user's stream.

    ``source``: the user's address; ``server_name``: what it called us in TLS (SNI), or empty; ``full``: its output
    takes no more for now.
    """

    __slots__ = (
        "_ahead",
        "_ended",
        "_late",
        "_peer",
        "_request",
        "_state",
        "_times",
        "_users",
        "full",
        "server_name",
        "source",
        "stream",
    )

    def __init__(self, stream: Stream, source: tuple[str, int], users: Users, server_name: str = "") -> None:
        self.source = source
        self.server_name = server_name
        self.stream = stream
        self.full = False
        self._times = UserTimes(stream, self._miss, self.abort)
        self._peer = self.source[0].encode()
        self._users = users
        self._state = UserState.HEAD
        self._ahead = HeadBuffer()  # read no more above MAX_AHEAD, nor while nothing can be done with it
        self._request: Request1 | None = None
        self._ended = False  # the user finished sending
        self._late = False  # heads wait for a later turn of the loop
        self._times.expect_head()
        users.idle[self] = None
        stream.attach(self)

    def __repr__(self) -> str:
        return f"<User1 {self.source} {self._state.value} ahead={len(self._ahead)}>"

    # Receiver of the user's stream

    def data_received(self, data: Buffer, /) -> None:
        if self._state is UserState.HEAD:
            self._receive_head(data)
        elif self._state is UserState.BODY:
            self._receive_body(data)
        elif self._state is UserState.WAIT:
            try:
                self._ahead.receive_data(data)
            except HeadError:
                self.abort()
            else:
                self._regulate()

    def eof_received(self) -> None:
        self._ended = True
        if self._state is UserState.WAIT and self._request is not None:
            self._request.exchange.half_close()
            self._times.expect_progress()
        elif self._state is UserState.HEAD and self._ahead:
            self._next()
        elif self._state is not UserState.WAIT:
            self._close()

    def connection_lost(self, exc: Exception | None, /) -> None:
        self._leave()

    def pause_writing(self) -> None:
        self.full = True
        if self._state is UserState.GONE:
            return
        self._times.output_full()
        if self._state is UserState.HEAD or self._half_closed():
            self._times.clear()  # it is not waited for while we do not read, or while it reads slowly
        if self._request is not None:
            self._request.exchange.pause()
        self._regulate()

    def resume_writing(self) -> None:
        self.full = False
        self._times.output_free()
        if self._request is not None:
            self._request.exchange.resume()
            self.progressed()
        elif self._state is UserState.HEAD:
            self._expect_head()
            self._next()
        self._regulate()

    # For the engine

    def close_idle(self) -> None:
        """End the connection, which is between two requests or slow with one."""
        if self._ahead:
            self.stream.abort()
        self._close()

    def abort(self) -> None:
        """End the connection now."""
        self.stream.abort()
        self._leave()

    # For the request

    def expect_answer(self) -> None:
        """The service has all of the request."""
        self._times.expect_answer(self._users.site.response_timeout)

    def begun(self) -> None:
        """The response has begun: nothing has to come in time for now."""
        self._times.clear()

    def progressed(self) -> None:
        """Some of the response was written; a user that finished sending may be gone all the same."""
        if self._ended and self._half_closed() and not self.full:
            self._times.expect_progress()

    def expect_body(self, on: bool) -> None:
        """The request's body has to come in time, or it is not read for now."""
        if (
            self._state is UserState.BODY
            and self._request is not None
            and not self._request.exchange.responding
        ):
            if on:
                self._times.expect_body()
            else:
                self._times.clear()

    def may_keep(self, request: RequestHead) -> bool:
        """Whether the connection may go on after the response to ``request``, as far as is known now."""
        more = not self._ended or bool(self._ahead)
        return request.keep_alive and self._state is not UserState.BODY and more and not self._users.stopping

    def answered(self, keep: bool, *, linger: bool = False) -> None:
        """The response is complete. ``linger``: the user may have sent more, which is for nobody."""
        self._drop_request()
        self._times.clear()
        if self._state is UserState.BODY or linger:
            self._linger()
        elif keep and not self._users.stopping:  # it may have stopped after the response began
            self._wait_for_head()
            if self._ahead:
                self._next()
            elif self._ended:  # since the response began
                self._close()
            else:
                self._regulate()
        else:
            self._close()

    def answer(self, request: RequestHead, answer: Answer) -> None:
        """The program itself answers."""
        self._drop_request()
        self._times.clear()
        self._answer(request, answer)
        if self._ahead:
            self._next()

    def failed(self, request: RequestHead, failure: Failure, error: FrpError) -> None:
        """There is no response."""
        self.answer(request, self._users.site.failed(request, failure, error))

    def broken(self, request: RequestHead, error: Exception | None) -> None:
        """The response broke off, which the user must not take for its end."""
        self._users.site.broke_off(request, error)
        self.abort()

    def tunnel(self, connection: UpstreamConnection, early: bytes) -> None:
        """From here on bytes go both ways, and the connection is no longer ours; ``early`` came from the service."""
        self._drop_request()
        self._leave()
        self.stream.detach()
        self.stream.resume_reading(Pause.WAIT)
        connection.tunnel(self.stream, self._ahead.take(), early)

    # Private: heads

    def _receive_head(self, data: Buffer) -> None:
        if not self._ahead and not self.full:
            data = bytes(data)
            if head_end(data) == len(data) <= MAX_AHEAD:  # the usual case
                self._judge(data)
                return
            self._times.expect_head()
        try:
            self._ahead.receive_data(data)
        except HeadError as exc:
            self._refuse(exc)
        else:
            self._next()

    def _next(self) -> None:
        """Go on with the requests that have arrived, until one has to wait or the share of time is used up."""
        self._users.scheduler.take(self)

    def step(self) -> bool:
        """The next head of those that are there."""
        if self._state is not UserState.HEAD or not self._ahead or self.full:
            return False
        try:
            head = self._ahead.next_head()
        except HeadError as exc:
            self._refuse(exc)
            return False
        if head is not None:
            self._judge(head)
        elif self._ended:
            self._close()
        return head is not None

    def turn_ended(self, more: bool) -> None:
        """``more``: heads wait until a later turn of the loop."""
        self._late = more
        if self._state is UserState.BODY and self._ahead:
            self._receive_body(self._ahead.take())
        if self._state is UserState.BODY and self._ended:
            self._close()  # the rest of the body will not come
        self._regulate()

    def _regulate(self) -> None:
        """Read no more while nothing can be done with it: heads and what follows a request wait in ``_ahead``, which
        must not grow; bodies are bounded by the service."""
        if self._state in AHEAD and (self.full or self._late or len(self._ahead) > MAX_AHEAD):
            self.stream.pause_reading(Pause.WAIT)
        elif self._state is not UserState.GONE:
            self.stream.resume_reading(Pause.WAIT)

    def _judge(self, head: bytes) -> None:
        if head == HTTP2 and self._users.site.http2:
            self._switch_to_http2(head)
            return
        self._users.idle.pop(self, None)
        self._times.clear()
        try:
            request = parse_request(head)
            outcome = self._users.site.judge(request, self)
        except HeadError as exc:
            self._refuse(exc)
            return
        if isinstance(outcome, Answer):
            self._state = UserState.BODY if request.body_size else UserState.HEAD
            self._answer(request, outcome)
        else:
            self._forward(request, outcome)

    def _forward(self, request: RequestHead, route: RequestRoute) -> None:
        current = self._request = Request1(self, request, route, self._peer)
        self._state = UserState.BODY if current.sending else UserState.WAIT
        self.expect_body(True)
        if self._ended:
            current.exchange.half_close()
        current.exchange.start()

    def _answer(self, request: RequestHead, answer: Answer) -> None:
        """An answer of the site itself; with the request's body still to come it is the last."""
        if answer.raw:
            self.stream.write(answer.raw)
            self._close()
            return
        keep = self.may_keep(request)
        fields = connection_fields(request.minor, keep)
        self.stream.write(answer.encode(request.minor, fields, body=request.method != b"HEAD"))
        if keep:
            self._wait_for_head()
        else:
            self._linger()

    def _refuse(self, error: HeadError) -> None:
        self.stream.write(refusal(error))
        self._linger()

    # Private: bodies

    def _receive_body(self, data: Buffer) -> None:
        current = self._request
        if current is None:
            return
        self._times.moved(len(data))
        try:
            rest = current.receive_data(data)
        except RemoteProtocolError:
            if current.exchange.responding:
                self.abort()
            else:
                self._refuse(HeadError())
            return
        if not current.sending and self._state is UserState.BODY:
            self._state = UserState.WAIT
            self._ahead.receive_data(rest)
            self._regulate()

    # Private: connections that change hands

    def _switch_to_http2(self, head: bytes) -> None:
        self._leave()
        self.stream.detach()
        self.stream.resume_reading(Pause.WAIT)
        self.stream.unread(head + self._ahead.take())
        self._users.speak_http2(self.stream, self.source, self.server_name)

    # Private: time and the end

    def _wait_for_head(self) -> None:
        self._state = UserState.HEAD
        self._users.idle[self] = None
        if not self.full:
            self._expect_head()

    def _expect_head(self) -> None:
        if self._ahead:
            self._times.expect_head()
        else:
            self._times.expect_request()

    def _half_closed(self) -> bool:
        """Whether the user finished sending and the response is on its way."""
        return self._ended and self._request is not None and self._request.exchange.responding

    def _miss(self) -> None:
        """What was expected did not come in time."""
        if (
            self._state is UserState.WAIT
            and self._request is not None
            and not self._request.exchange.responding
        ):
            self._request.exchange.time_out()
        elif self._state is UserState.CLOSING:
            self.stream.close()
        elif self._state is UserState.BODY:
            self._refuse(HeadError(status=408))
        else:
            self.abort()

    def _linger(self) -> None:
        """The last response is written: leave the user time to read it, and drop what it still sends."""
        self._end()
        self._state = UserState.CLOSING
        self._ahead.take()
        self.stream.write_eof()
        self.stream.resume_reading(Pause.WAIT)
        self._times.linger()

    def _close(self) -> None:
        self._leave()
        self.stream.close()

    def _leave(self) -> None:
        """The connection is no longer ours to serve."""
        self._end()
        self._state = UserState.GONE
        self._users.users.discard(self)
        self._times.close()

    def _end(self) -> None:
        self._users.idle.pop(self, None)
        self._times.clear()
        self._drop_request()

    def _drop_request(self) -> None:
        current, self._request = self._request, None
        if current is not None:
            current.exchange.abandon()
            current.release()
