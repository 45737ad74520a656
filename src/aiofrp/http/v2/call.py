"""gRPC through an http proxy: each stream of an HTTP/2 user is joined to a stream to an HTTP/2 service.

The reference uses only HTTP/1.1 to services, over which gRPC cannot work. Nothing is configured for it: the content
type of a request shows that it is a gRPC call.
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
from aiofrp.wire.http.forward import passed_fields
from aiofrp.wire.http.head import CHUNKED, UNTIL_EOF, RequestHead


class Service2:
    """One HTTP/2 connection to a service, for all calls of one user connection to it.

    ``closed``: the connection has ended or could not be opened; a new call needs another one.
    """

    __slots__ = ("_connection", "_gone", "_scheduler", "_waiting", "closed")

    def __init__(self, upstream: Upstream, source: tuple[str, int], scheduler: Scheduler) -> None:
        self.closed = False
        self._scheduler = scheduler
        self._connection: Connection2 | None = None
        self._waiting: list[Call] = []  # limited by MAX_STREAMS
        upstream.take_stream(source, self._ready, self._failed)

    def start(self, call: Call) -> None:
        """Call ``call.start`` once the connection is open, or ``call.fail`` when it cannot be opened, within this call
        or later."""
        if self._connection is not None:
            call.start(self._connection)
        elif self.closed or len(self._waiting) >= MAX_STREAMS:
            call.fail(Closed("the service is gone"))
        else:
            self._waiting.append(call)

    def close(self) -> None:
        """The user's connection has ended: close the one to the service at once."""
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
    """One gRPC call: what arrives on the user's stream is sent on the service's stream, and the other way round.

    ``near`` is the receiver of the user's stream, ``far`` of the service's. ``peer``: the user's IP address as text.
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
        """Send the request on a new stream of ``connection``, unless the user's stream has ended meanwhile."""
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
        fields = passed_fields(request, route.changes, route.about(request, self._peer))
        headers += [(name.lower(), value) for name, value in fields]
        stream = connection.open(headers, self._head_received, end=near.bodiless)
        if stream is None:
            self.fail(Closed("the service takes no more streams"))
        else:
            self.far.stream = stream
            stream.attach(self.far)
            near.resume_reading(Pause.WAIT)

    def fail(self, error: FrpError, failure: Failure = Failure.NOBODY) -> None:
        """The service gave no response: send the answer of the site for ``failure``."""
        stream = self.near.stream
        self._deadline.close()
        answer = self._site.failed(self._request, failure, error)
        if stream is not None and not stream.closed:
            send_answer(stream, answer, self._request.method)

    # For the sides

    def ended(self, side: CallSide) -> None:
        """``side`` has passed on its whole body. The time for the response begins when the user's side has."""
        if side is self.near and not self._responding:
            self._deadline.set(self._site.response_timeout)
        if self.near.ended and self.far.ended:
            self._deadline.close()

    def lost(self, side: CallSide, exc: Exception | None) -> None:
        """The stream of ``side`` has ended.

        Without a response the user gets an error; else the other stream is reset, unless the response is complete.
        """
        self._deadline.close()
        if exc is None and self.far.ended:
            return
        if side is self.far and not self._responding:
            self.fail(Closed("EOF"))
        else:
            side.other.drop()

    def malformed(self) -> None:
        """The request's body is longer or shorter than its head announced: reset both streams."""
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
    """One side of a call, the receiver of its stream; data received is written to the stream of ``other``.

    ``ended``: the peer's whole body has been passed on.
    """

    __slots__ = ("_body", "_call", "ended", "other", "stream")

    other: CallSide

    def __init__(self, call: Call, stream: Stream2 | None, body: Body) -> None:
        """``body`` counts the bytes received. The service's side has no ``stream`` at first; nothing is read from the
        user's stream until it has."""
        self.stream = stream
        self.ended = False
        self._body = body
        self._call = call

    def drop(self, code: int = ErrorCodes.INTERNAL_ERROR) -> None:
        """Reset the stream with ``code``; its receiver gets no further call."""
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
