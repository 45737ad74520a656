"""One request and its response of a service, from the moment its route is known.

Speaks to the service through a :class:`~aiofrp.http.upstream.UpstreamConnection` and to the user through
:class:`~aiofrp.http.exchange.ExchangeUser`, whatever protocol the user speaks. Bodies pass as they come.
"""

from __future__ import annotations

import enum

from aiofrp.errors import Closed, FrpError, RemoteProtocolError
from aiofrp.http.exchange import ExchangeUser, Failure
from aiofrp.http.heads import ResponseHeads, opens_tunnel
from aiofrp.http.upstream import Upstream, UpstreamConnection
from aiofrp.stream.base import Buffer
from aiofrp.wire.http.body import Body, body_of
from aiofrp.wire.http.head import UNTIL_EOF, RequestHead, ResponseHead

#: Requests that may be sent again on a fresh connection when an idle one turns out dead.
_REPEATABLE = frozenset((b"GET", b"HEAD", b"OPTIONS", b"TRACE"))
_BODILESS = frozenset((204, 304))


class ExchangeState(enum.Enum):
    """How far an exchange is.

    Only an exchange that ends from ``RESPONDING`` gives its connection back to serve others, and only ``ASKED``
    leads there: the service had the whole request before it answered.
    """

    CONNECTING = "connecting"
    """There is no connection to the service yet."""
    SENDING = "sending"
    """The service has a part of the request and has not answered."""
    ASKED = "asked"
    """The service has the whole request and has not answered."""
    EARLY = "early"
    """The response began before the request was whole."""
    RESPONDING = "responding"
    """The response to the whole request has begun."""
    OVER = "over"
    """Nothing more happens."""


class ServiceExchange:
    """A request under way to a service: an :class:`~aiofrp.http.exchange.Exchange`.

    What goes to the service is counted here, in the framing that the head announced. This count alone decides whether
    the request is whole, whatever protocol the user speaks.
    """

    __slots__ = (
        "_body",
        "_connection",
        "_early",
        "_half_closed",
        "_head",
        "_heads",
        "_paused",
        "_request",
        "_response",
        "_sent",
        "_size",
        "_state",
        "_upstream",
        "_user",
    )

    def __init__(self, user: ExchangeUser, upstream: Upstream, request: RequestHead, head: bytes) -> None:
        """``head``: the request's head as the service is to get it."""
        self._user = user
        self._upstream = upstream
        self._request = request
        self._head = head
        self._state = ExchangeState.CONNECTING
        self._connection: UpstreamConnection | None = None
        self._sent = body_of(request.body_size)
        # Body that came before the connection; the user is held after the first piece.
        self._early: list[Buffer] = []
        self._heads = ResponseHeads()
        self._response: ResponseHead | None = None
        self._size = 0
        self._body: Body | None = None
        self._half_closed = False
        self._paused = False

    def __repr__(self) -> str:
        return f"<ServiceExchange {self._state.value} whole={self.whole}>"

    def start(self) -> None:
        """Get a connection to the service; everything else follows from its callbacks."""
        fresh = self._request.method == b"CONNECT"
        self._upstream.take(self._user.source, self._ready, self._failed, fresh=fresh)

    # For the user

    @property
    def responding(self) -> bool:
        """Whether the response has begun."""
        return self._body is not None

    @property
    def whole(self) -> bool:
        """Whether all of the request has come."""
        return self._sent.done

    def send(self, data: Buffer) -> int:
        """More of the request's body, framed as the head said.

        Returns how many bytes of ``data`` belong to the body; the others are not sent. Raises RemoteProtocolError
        when its form is broken; the exchange is over then.
        """
        if self._state is ExchangeState.OVER:
            return len(data)
        try:
            size = self._sent.receive_data(data)
        except RemoteProtocolError:
            self.abandon()
            raise
        if size:
            self._write(data if size == len(data) else data[:size])
        if self._sent.done and self._state is ExchangeState.SENDING:
            self._complete()
        return size

    def end(self) -> None:
        """The user has sent all of its request.

        Raises RemoteProtocolError when the head announced more than has come; the exchange is over then.
        """
        if self._state is ExchangeState.OVER:
            return
        try:
            self._sent.receive_eof()
        except RemoteProtocolError:
            self.abandon()
            raise

    def half_close(self) -> None:
        """The user finished sending, after all of its request.

        The service gets EOF after the whole request, as if the user were connected to it: it may answer or close. When
        the request asks for a tunnel, the tunnel passes EOF on, after the bytes that the user sent early.
        """
        if self._request.upgrade or self._request.method == b"CONNECT":
            return
        self._half_closed = True
        if self._connection is not None and self.whole:
            self._connection.write_eof()

    def pause(self) -> None:
        """The user takes no more of the response for now."""
        if self._connection is not None and not self._paused:
            self._paused = True
            self._connection.stream.pause_reading()

    def resume(self) -> None:
        """The user takes more of the response again."""
        if self._connection is not None and self._paused:
            self._paused = False
            self._connection.stream.resume_reading()

    def abandon(self) -> None:
        """The user is gone, or needs no more of the response: drop the connection to the service."""
        self._state = ExchangeState.OVER
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.user = None
            connection.abort()

    def time_out(self) -> None:
        """The service took too long to answer."""
        self._fail(Failure.TIMED_OUT, Closed("net/http: timeout awaiting response headers"))

    # Receiver of what the service sends

    def data_received(self, data: Buffer, /) -> None:
        if self._body is None:
            self._receive_head(data)
        else:
            self._receive_body(self._body, data)

    def eof_received(self) -> None:
        if self._body is None:
            self._no_response(Closed("EOF"))
            return
        try:
            self._body.receive_eof()
        except RemoteProtocolError as exc:
            self._break(exc)
            return
        if self._body.done:
            self._finish(False)

    def connection_lost(self, exc: Exception | None, /) -> None:
        if exc is None or self._body is None:
            self.eof_received()
        else:
            self._break(exc)

    def pause_writing(self) -> None:
        self._user.pause_writing()

    def resume_writing(self) -> None:
        self._user.resume_writing()

    # Private: the request

    def _ready(self, connection: UpstreamConnection) -> None:
        if self._state is ExchangeState.OVER:
            connection.release()
            return
        self._connection, connection.user = connection, self
        early, self._early = self._early, []
        connection.write(b"".join((self._head, *early)) if early else self._head)
        if self._user.full:
            self.pause()
        self._state = ExchangeState.SENDING
        if self._sent.done:
            self._complete()
        elif connection.full:
            self._user.pause_writing()
        elif early:
            self._user.resume_writing()

    def _failed(self, error: FrpError) -> None:
        if self._state is not ExchangeState.OVER:
            self._fail(Failure.NOBODY, error)

    def _write(self, data: Buffer) -> None:
        if self._connection is not None:
            self._connection.write(data)
        else:
            self._early.append(data)
            self._user.pause_writing()

    def _complete(self) -> None:
        """The service has the whole request."""
        self._state = ExchangeState.ASKED
        if self._half_closed and self._connection is not None:
            self._connection.write_eof()
        self._user.request_sent()

    def _no_response(self, error: FrpError) -> None:
        connection = self._connection
        repeatable = self._request.method in _REPEATABLE and self._request.body_size == 0
        if connection is not None and connection.reused and repeatable and self._heads.untouched:
            self._connection, self._state = None, ExchangeState.CONNECTING
            connection.close()
            self._upstream.take(self._user.source, self._ready, self._failed, fresh=True)
        else:
            self._fail(Failure.NOBODY, error)

    def _fail(self, failure: Failure, error: FrpError) -> None:
        self.abandon()
        self._user.failed(failure, error)

    # Private: the response

    def _receive_head(self, data: Buffer) -> None:
        self._heads.receive_data(data)
        while self._body is None and self._state is not ExchangeState.OVER:
            try:
                head = self._heads.next_head()
            except RemoteProtocolError as exc:
                self._fail(Failure.NOBODY, exc)
                return
            if head is None:
                return
            self._act_on(head)

    def _act_on(self, head: ResponseHead) -> None:
        if self._state is ExchangeState.ASKED and opens_tunnel(self._request, head):
            self._switch(head, self._heads.rest())
        elif head.status == 101:
            self._fail(
                Failure.NOBODY, RemoteProtocolError("the service switched protocols unasked or too early")
            )
        elif head.status >= 200:
            self._begin(head, self._heads.rest())
        else:
            self._user.inform(head)

    def _begin(self, head: ResponseHead, data: Buffer) -> None:
        self._state = ExchangeState.RESPONDING if self._state is ExchangeState.ASKED else ExchangeState.EARLY
        bodiless = head.status in _BODILESS or self._request.method == b"HEAD"
        self._response, self._size = head, 0 if bodiless else head.body_size
        self._body = self._user.begin(head, self._size)
        if self._state is not ExchangeState.OVER:
            self._receive_body(self._body, data)

    def _receive_body(self, body: Body, data: Buffer) -> None:
        try:
            size = body.receive_data(data)
        except RemoteProtocolError as exc:
            self._break(exc)
            return
        done = body.done
        clean = size == len(data)
        self._user.data_received(data if clean else data[:size])
        if done and self._state is not ExchangeState.OVER:
            self._finish(clean)

    def _finish(self, clean: bool) -> None:
        """The response is complete; ``clean``: nothing came after it."""
        state, self._state = self._state, ExchangeState.OVER
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.user = None
            if self._paused:
                connection.stream.resume_reading()
            if not self.whole:
                connection.abort()
            elif state is ExchangeState.RESPONDING and clean and self._goes_on():
                connection.release()
            else:
                connection.close()
        self._user.eof_received()

    def _goes_on(self) -> bool:
        """Whether the service takes another request, as far as it said; what a paused stream holds nobody has seen."""
        keep = self._response is not None and self._response.keep_alive and self._size != UNTIL_EOF
        return keep and self._request.method != b"CONNECT" and not self._paused

    def _switch(self, head: ResponseHead, data: bytes) -> None:
        connection, self._connection = self._connection, None
        assert connection is not None
        self._state = ExchangeState.OVER
        connection.user = None
        if self._paused:
            connection.stream.resume_reading()
        self._user.switched(head, connection, data)

    def _break(self, error: Exception | None) -> None:
        self.abandon()
        self._user.connection_lost(error)
