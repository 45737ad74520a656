"""gRPC through an http proxy: calls of an HTTP/2 user to a service of HTTP/2, stream by stream.

The reference speaks only HTTP/1.1 to services, over which gRPC cannot work. Services need no announcement: a call says
by its content type that it needs HTTP/2.
"""

from __future__ import annotations

from collections.abc import Callable

from h2.errors import ErrorCodes

from aiofrp.errors import Closed, FrpError, RemoteProtocolError
from aiofrp.http.deadline import Deadline
from aiofrp.http.exchange import Failure
from aiofrp.http.scheduler import Scheduler
from aiofrp.http.site import ServiceRoute, Site
from aiofrp.http.upstream import Upstream
from aiofrp.http.v2.connection import Connection2
from aiofrp.http.v2.core import MAX_STREAMS
from aiofrp.http.v2.stream import Headers, Stream2, send_answer
from aiofrp.stream.base import Buffer, Pause, Stream
from aiofrp.wire.http.body import Body, body_of
from aiofrp.wire.http.head import CHUNKED, UNTIL_EOF, RequestHead


class Service2:
    """One HTTP/2 connection to a service, for the calls of one user."""

    __slots__ = ("_connection", "_gone", "_scheduler", "_waiting", "closed")

    def __init__(self, upstream: Upstream, source: tuple[str, int], scheduler: Scheduler) -> None:
        self.closed = False
        self._scheduler = scheduler
        self._connection: Connection2 | None = None
        self._waiting: list[Call] = []  # limited by MAX_STREAMS
        upstream.take_stream(source, self._ready, self._failed)

    def start(self, call: Call) -> None:
        """Send the request of ``call`` as soon as there is a connection; the call fails when none comes."""
        if self._connection is not None:
            call.start(self._connection)
        elif self.closed or len(self._waiting) >= MAX_STREAMS:
            call.fail(Closed("the service is gone"))
        else:
            self._waiting.append(call)

    def close(self) -> None:
        """The user is gone."""
        self.closed = True
        if self._connection is not None:
            self._connection.abort()

    # Private

    def _ready(self, stream: Stream, gone: Callable[[], None]) -> None:
        self._gone = gone
        self._connection = Connection2(stream, self._scheduler, lost=self._lost, client=True)
        if self.closed:
            self._connection.abort()
        waiting, self._waiting = self._waiting, []
        for call in waiting:
            call.start(self._connection)

    def _failed(self, error: FrpError) -> None:
        self.closed = True
        waiting, self._waiting = self._waiting, []
        for call in waiting:
            call.fail(error)

    def _lost(self) -> None:
        self.closed = True
        self._gone()


class Call:
    """One call: a stream of the user and one to the service. What comes on one goes out on the other.

    ``near`` is the receiver of the user's stream, ``far`` of the service's. ``peer``: the user's IP address.
    """

    __slots__ = ("_deadline", "_peer", "_request", "_responding", "_route", "_site", "far", "near")

    def __init__(
        self, site: Site, peer: bytes, stream: Stream2, request: RequestHead, route: ServiceRoute
    ) -> None:
        self._site = site
        self._peer = peer
        self._request = request
        self._route = route
        self._responding = False
        self._deadline = Deadline(self._miss)
        size = request.body_size
        self.near = CallSide(self, stream, body_of(UNTIL_EOF if size == CHUNKED else size))
        self.far = CallSide(self, None, body_of(UNTIL_EOF))
        self.near.other, self.far.other = self.far, self.near
        stream.lingers = True
        stream.attach(self.near)
        stream.pause_reading(Pause.WAIT)

    def start(self, connection: Connection2) -> None:
        """Send the request on ``connection``, unless the user gave it up meanwhile."""
        near = self.near.stream
        if near is None or near.closed:
            return
        request, route = self._request, self._route
        host = route.rewrite or request.host
        headers = [
            (b":method", request.method),
            (b":scheme", b"http"),
            (b":authority", host),
            (b":path", request.target),
        ]
        fields = route.request_fields(request, self._peer)
        headers += [(name.lower(), value) for name, value in fields]
        stream = connection.open(headers, self._head_received, end=near.bodiless)
        if stream is None:
            self.fail(Closed("the service takes no more streams"))
        else:
            self.far.stream = stream
            stream.attach(self.far)
            near.resume_reading(Pause.WAIT)

    def fail(self, error: FrpError, failure: Failure = Failure.NOBODY) -> None:
        """There is no response."""
        stream = self.near.stream
        self._deadline.close()
        answer = self._site.failed(self._request, failure, error)
        if stream is not None and not stream.closed:
            send_answer(stream, answer, self._request.method)

    # For the sides

    def ended(self, side: CallSide) -> None:
        """One side finished."""
        if side is self.near and not self._responding:
            self._deadline.set(self._site.response_timeout)
        if self.near.ended and self.far.ended:
            self._deadline.close()

    def lost(self, side: CallSide, exc: Exception | None) -> None:
        """One side is gone, and with it the other one unless the whole response is passed on."""
        self._deadline.close()
        if exc is None and self.far.ended:
            return
        if side is self.far and not self._responding:
            self.fail(Closed("EOF"))
        else:
            side.other.drop()

    def malformed(self) -> None:
        """The request's body is not as long as its head announced."""
        self._deadline.close()
        for side in (self.near, self.far):
            side.drop(ErrorCodes.PROTOCOL_ERROR)

    # Private

    def _head_received(self, headers: Headers, ended: bool) -> None:
        """The service's response begins, and ends with its head when it is an error of gRPC."""
        stream = self.near.stream
        if stream is not None:
            self._deadline.clear()
            self._responding = not headers[0][1].startswith(b"1")
            stream.send_headers(self._route.response.apply(headers), end=ended)

    def _miss(self) -> None:
        near = self.near.stream
        self.far.drop()
        if near is not None and not near.closed:
            self.fail(Closed("timeout awaiting response headers"), Failure.TIMED_OUT)


class CallSide:
    """One side of a call, the receiver of its stream; what comes is written to the other side's.

    ``ended``: all of the peer's body has been passed on.
    """

    __slots__ = ("_body", "_call", "ended", "other", "stream")

    other: CallSide

    def __init__(self, call: Call, stream: Stream2 | None, body: Body) -> None:
        """``body`` counts what comes. The service's side has no ``stream`` at first; nothing is read from the user's
        until then."""
        self.stream = stream
        self.ended = False
        self._body = body
        self._call = call

    def drop(self, code: int = ErrorCodes.INTERNAL_ERROR) -> None:
        """Reset the stream, and receive nothing more from it."""
        if self.stream is not None:
            self.stream.detach()
            self.stream.reset(code)

    # Receiver of the stream

    def data_received(self, data: Buffer, /) -> None:
        if self._body.receive_data(data) != len(data):
            self._call.malformed()
        elif self.other.stream is not None:
            self.other.stream.write(data)

    def eof_received(self) -> None:
        try:
            self._body.receive_eof()
        except RemoteProtocolError:
            self._call.malformed()
            return
        self.ended = True
        if self.other.stream is not None and self.stream is not None:
            self.other.stream.end(self.stream.trailers)
        self._call.ended(self)

    def connection_lost(self, exc: Exception | None, /) -> None:
        self._call.lost(self, exc)

    def pause_writing(self) -> None:
        if self.other.stream is not None:
            self.other.stream.pause_reading(Pause.PEER)

    def resume_writing(self) -> None:
        if self.other.stream is not None:
            self.other.stream.resume_reading(Pause.PEER)
