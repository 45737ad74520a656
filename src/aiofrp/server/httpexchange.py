"""One request and its response, from the moment its route is known: the service's side of it.

Speaks to the service through a :class:`~aiofrp.proxy.httpbackend.Backend` and to the user through
:class:`ExchangeUser`, whatever protocol the user speaks. Bodies pass as they come.
"""

from __future__ import annotations

import enum
from typing import Protocol

from aiofrp.errors import Closed, FrpError, RemoteProtocolError
from aiofrp.proxy.httpbackend import Backend, Backends
from aiofrp.stream.base import Buffer
from aiofrp.wire.http1 import UNTIL_EOF, RequestHead, ResponseHead, loose_head_end, parse_response
from aiofrp.wire.httpbody import Body

#: Bytes of the largest response head.
MAX_RESPONSE_HEAD = 256 * 1024
#: Requests that may be sent again on a fresh connection when an idle one turns out dead.
_REPEATABLE = frozenset((b"GET", b"HEAD", b"OPTIONS", b"TRACE"))
_BODILESS = frozenset((204, 304))


class Failure(enum.Enum):
    """Why a request gets no response of the service."""

    NOBODY = "nobody"
    """No work connection, or it ended or spoke nonsense before a response."""
    TIMED_OUT = "timed out"
    """No response head within vhostHTTPTimeout."""


class ExchangeUser(Protocol):
    """The user's side of an exchange."""

    @property
    def source(self) -> tuple[str, int]:
        """The user's address."""

    @property
    def full(self) -> bool:
        """Whether the user takes no more for now."""

    def request_sent(self) -> None:
        """The service has all of the request; it should answer in time."""

    def hold_request(self) -> None:
        """Deliver no more of the request's body until ``go_on``."""

    def go_on(self) -> None:
        """There is room for more of the request's body."""

    def inform(self, head: ResponseHead) -> None:
        """An interim response (1xx)."""

    def begin(self, head: ResponseHead, size: int) -> Body:
        """The response, with a body of ``size`` (see :mod:`aiofrp.wire.http1`); returns its count."""

    def send(self, data: Buffer, done: bool) -> None:
        """More of the response's body; empty at once after ``begin`` or at the end."""

    def finished(self) -> None:
        """The response is complete."""

    def switched(self, head: ResponseHead, backend: Backend, early: bytes) -> None:
        """The service took the upgrade: the connection is a tunnel now; ``early`` follows the head."""

    def failed(self, failure: Failure, error: FrpError) -> None:
        """There will be no response."""

    def broken(self, error: Exception | None) -> None:
        """The response broke off in the middle."""


class Exchange:
    """A request under way."""

    __slots__ = (
        "_backend",
        "_backends",
        "_body",
        "_buffer",
        "_early",
        "_half_closed",
        "_head",
        "_over",
        "_paused",
        "_request",
        "_response",
        "_sent",
        "_size",
        "_user",
    )

    def __init__(self, user: ExchangeUser, backends: Backends, request: RequestHead, head: bytes) -> None:
        """``head``: the request's head as the service is to get it."""
        self._user = user
        self._backends = backends
        self._request = request
        self._head = head
        self._backend: Backend | None = None
        # Body that came before the work connection; the user is held after the first piece.
        self._early: list[Buffer] = []
        self._buffer = b""  # beginning of a response head, limited by MAX_RESPONSE_HEAD
        self._response: ResponseHead | None = None
        self._size = 0
        self._body: Body | None = None
        self._sent = request.body_size == 0
        self._half_closed = False
        self._paused = False
        self._over = False

    def start(self) -> None:
        """Find a work connection; everything else follows from it."""
        self._backends.take(self._user.source, self._ready, self._failed)

    # For the user

    @property
    def responding(self) -> bool:
        """Whether the response has begun."""
        return self._body is not None

    def send(self, data: Buffer) -> None:
        """More of the request's body, framed as the head said."""
        if self._backend is not None:
            self._backend.write(data)
        else:
            self._early.append(data)
            self._user.hold_request()

    def end(self) -> None:
        """That was all of the request."""
        self._sent = True
        if self._backend is not None and self._body is None:
            self._user.request_sent()

    def half_close(self) -> None:
        """The user finished sending, after all of its request. The service is told, as if it were connected: it may
        answer or leave."""
        self._half_closed = True
        if self._backend is not None:
            self._backend.stream.write_eof()

    def pause(self) -> None:
        """The user takes no more of the response for now."""
        if self._backend is not None and not self._paused:
            self._paused = True
            self._backend.stream.pause_reading()

    def resume(self) -> None:
        """The user has room again."""
        if self._backend is not None and self._paused:
            self._paused = False
            self._backend.stream.resume_reading()

    def abandon(self) -> None:
        """The user is gone, or wants no more of it."""
        self._over = True
        backend, self._backend = self._backend, None
        if backend is not None:
            backend.user = None
            backend.abort()

    def time_out(self) -> None:
        """The service took too long to answer."""
        self._fail(Failure.TIMED_OUT, Closed("net/http: timeout awaiting response headers"))

    # User of the work connection

    def backend_data(self, data: Buffer, /) -> None:
        if self._body is None:
            self._receive_head(bytes(data))
        else:
            self._receive_body(self._body, data)

    def backend_eof(self) -> None:
        if self._body is None:
            self._no_response(Closed("EOF"))
            return
        try:
            self._body.receive_eof()
        except RemoteProtocolError as exc:
            self._break(exc)
            return
        if self._body.done:
            self._user.send(b"", True)
            self._finish(False)

    def backend_lost(self, exc: Exception | None, /) -> None:
        if exc is None or self._body is None:
            self.backend_eof()
        else:
            self._break(exc)

    def backend_full(self) -> None:
        self._user.hold_request()

    def backend_drained(self) -> None:
        self._user.go_on()

    # Private: the request

    def _ready(self, backend: Backend) -> None:
        if self._over:
            backend.release()
            return
        self._backend, backend.user = backend, self
        early, self._early = self._early, []
        backend.write(b"".join((self._head, *early)) if early else self._head)
        if self._user.full:
            self.pause()
        if self._half_closed:
            backend.stream.write_eof()
        if self._sent:
            self._user.request_sent()
        elif backend.full:
            self._user.hold_request()
        elif early:
            self._user.go_on()

    def _failed(self, error: FrpError) -> None:
        if not self._over:
            self._fail(Failure.NOBODY, error)

    def _no_response(self, error: FrpError) -> None:
        backend, self._backend = self._backend, None
        if backend is None:
            return
        backend.close()
        repeatable = self._request.method in _REPEATABLE and self._request.body_size == 0
        if backend.reused and repeatable and not self._buffer:
            self._backends.take(self._user.source, self._ready, self._failed, fresh=True)
        else:
            self._fail(Failure.NOBODY, error)

    def _fail(self, failure: Failure, error: FrpError) -> None:
        self.abandon()
        self._user.failed(failure, error)

    # Private: the response

    def _receive_head(self, data: bytes) -> None:
        data = self._buffer + data if self._buffer else data
        while (end := loose_head_end(data)) >= 0:
            try:
                head = parse_response(data[:end])
            except RemoteProtocolError as exc:
                self._fail(Failure.NOBODY, exc)
                return
            data = data[end:]
            if head.status >= 200:
                self._begin(head, data)
                return
            if head.status == 101:
                self._switch(head, data)
                return
            self._user.inform(head)
        self._buffer = data
        if len(data) > MAX_RESPONSE_HEAD:
            self._fail(Failure.NOBODY, RemoteProtocolError("server response headers exceeded"))

    def _begin(self, head: ResponseHead, data: Buffer) -> None:
        bodiless = head.status in _BODILESS or self._request.method == b"HEAD"
        self._response, self._size = head, 0 if bodiless else head.body_size
        self._body = self._user.begin(head, self._size)
        self._receive_body(self._body, data)

    def _receive_body(self, body: Body, data: Buffer) -> None:
        try:
            size = body.receive_data(data)
        except RemoteProtocolError as exc:
            self._break(exc)
            return
        done = body.done
        clean = size == len(data)
        self._user.send(data if clean else data[:size], done)
        if done:
            self._finish(clean)

    def _finish(self, clean: bool) -> None:
        """The response is complete; ``clean``: nothing came after it."""
        backend, self._backend = self._backend, None
        if backend is not None:
            if self._paused:
                backend.stream.resume_reading()
            backend.user = None
            keep = self._response is not None and self._response.keep_alive and self._size != UNTIL_EOF
            if not self._sent:
                backend.abort()
            elif clean and keep and not self._half_closed:
                backend.release()
            else:
                backend.close()
        self._over = True
        self._user.finished()

    def _switch(self, head: ResponseHead, data: bytes) -> None:
        backend, self._backend = self._backend, None
        if backend is None or not (self._request.upgrade and head.noted.get(b"upgrade")) or not self._sent:
            self._backend = backend
            self._fail(Failure.NOBODY, RemoteProtocolError("the service switched protocols unasked"))
            return
        self._over = True
        backend.user = None
        if self._paused:
            backend.stream.resume_reading()
        self._user.switched(head, backend, data)

    def _break(self, error: Exception | None) -> None:
        self.abandon()
        self._user.broken(error)
