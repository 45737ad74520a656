"""gRPC through an http proxy: calls of an HTTP/2 user to a service of HTTP/2, stream by stream.

The reference speaks only HTTP/1.1 to services, over which gRPC cannot work. Services need no announcement: a call says
by its content type that it needs HTTP/2.
"""

from __future__ import annotations

from collections.abc import Callable

import h2.errors

from aiofrp.errors import Closed, FrpError, RemoteProtocolError
from aiofrp.http.deadline import Deadline
from aiofrp.http.exchange import Failure
from aiofrp.http.scheduler import Scheduler
from aiofrp.http.site import RequestRoute, Site
from aiofrp.http.upstream import Upstream
from aiofrp.http.v2.connection import MAX_STREAMS, Connection2
from aiofrp.http.v2.stream import Headers, Stream2, send_answer
from aiofrp.stream.base import Stream
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

    ``near`` is the receiver of the user's stream. ``peer``: the user's IP address.
    """

    __slots__ = ("_deadline", "_peer", "_request", "_responding", "_route", "_site", "far", "near")

    def __init__(
        self, site: Site, peer: bytes, stream: Stream2, request: RequestHead, route: RequestRoute
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

    def start(self, connection: Connection2) -> None:
        """Send the request on ``connection``, unless the user gave it up meanwhile."""
        if self.near.stream is None or self.near.stream.closed:
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
        stream = connection.open(headers, self.far, end=self.near.ended)
        if stream is None:
            self.fail(Closed("the service takes no more streams"))
        else:
            self.far.joined(stream)

    def fail(self, error: FrpError, failure: Failure = Failure.NOBODY) -> None:
        """There is no response."""
        stream = self.near.stream
        self._deadline.close()
        answer = self._site.failed(self._request, failure, error)
        if stream is not None and not stream.closed:
            send_answer(stream, answer, self._request.method)

    # For the sides

    def headers(self, side: CallSide, headers: Headers, ended: bool) -> None:
        """The service's response begins, and ends with its head when it is an error of gRPC."""
        stream = self.near.stream
        if side is self.far and stream is not None:
            self._deadline.clear()
            self._responding = not headers[0][1].startswith(b"1")
            stream.send_headers(self._route.response.apply(headers), end=ended)

    def ended(self, side: CallSide) -> None:
        """One side finished."""
        if side is self.near and not self._responding:
            self._deadline.set(self._site.response_timeout)
        if self.near.ended and self.far.ended:
            self._deadline.close()

    def reset(self, side: CallSide) -> None:
        """One side is gone."""
        self._deadline.close()
        stream = side.other.stream
        if side is self.far and not self._responding:
            self.fail(Closed("EOF"))
        elif stream is not None:
            stream.reset()
        self.near.release()
        self.far.release()

    def malformed(self) -> None:
        """The request's body is not as long as its head announced."""
        self._deadline.close()
        for side in (self.near, self.far):
            if side.stream is not None:
                side.stream.reset(h2.errors.ErrorCodes.PROTOCOL_ERROR)
            side.release()

    def _miss(self) -> None:
        far, near = self.far.stream, self.near.stream
        if far is not None:
            far.receiver = None
            far.reset()
        if near is not None and not near.closed:
            self.fail(Closed("timeout awaiting response headers"), Failure.TIMED_OUT)


class CallSide:
    """One side of a call, the receiver of its stream."""

    __slots__ = ("_body", "_call", "_early", "_held", "_not_taken", "_trailers", "ended", "other", "stream")

    other: CallSide

    def __init__(self, call: Call, stream: Stream2 | None, body: Body) -> None:
        self.stream = stream
        self._body = body
        self.ended = False
        self._call = call
        self._held = stream is None  # what comes from the other side waits until there is a stream
        self._early: list[bytes] = []  # limited by the other side's window
        self._trailers: Headers | None = None
        self._not_taken = 0

    def joined(self, stream: Stream2) -> None:
        """The stream of this side is open."""
        self.stream, self._held = stream, False
        for data in self._early:
            stream.write(data)
        self._early = []
        if self._trailers is not None and not stream.ended:
            stream.end(self._trailers)
        if not self._held:
            self.other.release()

    def write(self, data: bytes) -> bool:
        """Send on what came on the other side; False when it takes no more for now."""
        if self.stream is None:
            self._early.append(data)
        else:
            self.stream.write(data)
        return not self._held

    def finish(self, trailers: Headers) -> None:
        """The other side finished."""
        if self.stream is None:
            self._trailers = trailers
        else:
            self.stream.end(trailers)

    def release(self) -> None:
        """What came on this side is on its way."""
        size, self._not_taken = self._not_taken, 0
        if size and self.stream is not None:
            self.stream.consumed(size)

    # Receiver of the stream

    def headers_received(self, headers: Headers, ended: bool) -> None:
        self._call.headers(self, headers, ended)

    def data_received(self, data: bytes) -> None:
        if self._body.receive_data(data) != len(data):
            self._call.malformed()
            return
        self._not_taken += len(data)
        if self.other.write(data):
            self.release()

    def eof_received(self, trailers: Headers) -> None:
        try:
            self._body.receive_eof()
        except RemoteProtocolError:
            self._call.malformed()
            return
        self.ended = True
        self.other.finish(trailers)
        self._call.ended(self)

    def reset_received(self) -> None:
        self._call.reset(self)

    def pause_writing(self) -> None:
        self._held = True

    def resume_writing(self) -> None:
        self._held = False
        self.other.release()
