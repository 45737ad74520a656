"""gRPC through an http proxy: calls of an HTTP/2 user to a service of HTTP/2, stream by stream.

The reference speaks only HTTP/1.1 to services, over which gRPC cannot work. Services need no announcement: a call says
by its content type that it needs HTTP/2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import h2.errors

from aiofrp.errors import Closed, FrpError, RemoteProtocolError
from aiofrp.proxy.http import HttpRoute
from aiofrp.proxy.httpbackend import Backends
from aiofrp.server.deadline import Deadline
from aiofrp.server.h2lane import Headers, Lane, send_answer
from aiofrp.server.h2link import MAX_LANES, H2Link
from aiofrp.server.vhost.pages import timed_out
from aiofrp.server.vhost.turns import Turns
from aiofrp.stream.base import Stream
from aiofrp.wire.http.body import Body, body_of
from aiofrp.wire.http.forward import request_fields
from aiofrp.wire.http.head import CHUNKED, UNTIL_EOF, RequestHead

if TYPE_CHECKING:
    from aiofrp.server.h2user import H2User


class H2Service:
    """One HTTP/2 connection to a service, for the calls of one user."""

    __slots__ = ("_gone", "_link", "_turns", "_waiting", "closed")

    def __init__(self, backends: Backends, source: tuple[str, int], turns: Turns) -> None:
        self.closed = False
        self._turns = turns
        self._link: H2Link | None = None
        self._waiting: list[Call] = []  # limited by MAX_LANES
        backends.take_stream(source, self._ready, self._failed)

    def call(self, user: H2User, lane: Lane, request: RequestHead, route: HttpRoute) -> CallSide:
        """Begin a call of ``user``, who has ``lane`` with a ``request`` for it; returns the lane's owner."""
        call = Call(user, lane, request, route)
        if self._link is not None:
            call.start(self._link)
        elif self.closed or len(self._waiting) >= MAX_LANES:
            call.fail(Closed("the service is gone"))
        else:
            self._waiting.append(call)
        return call.near

    def close(self) -> None:
        """The user is gone."""
        self.closed = True
        if self._link is not None:
            self._link.abort()

    # Private

    def _ready(self, stream: Stream, gone: Callable[[], None]) -> None:
        self._gone = gone
        self._link = H2Link(stream, self._turns, lost=self._lost, client=True)
        if self.closed:
            self._link.abort()
        waiting, self._waiting = self._waiting, []
        for call in waiting:
            call.start(self._link)

    def _failed(self, error: FrpError) -> None:
        self.closed = True
        waiting, self._waiting = self._waiting, []
        for call in waiting:
            call.fail(error)

    def _lost(self) -> None:
        self.closed = True
        self._gone()


class Call:
    """One call: two lanes, and what comes on one goes out on the other."""

    __slots__ = ("_deadline", "_request", "_responding", "_route", "_user", "far", "near")

    def __init__(self, user: H2User, lane: Lane, request: RequestHead, route: HttpRoute) -> None:
        self._user = user
        self._request = request
        self._route = route
        self._responding = False
        self._deadline = Deadline(self._miss)
        size = request.body_size
        self.near = CallSide(self, lane, body_of(UNTIL_EOF if size == CHUNKED else size))
        self.far = CallSide(self, None, body_of(UNTIL_EOF))
        self.near.other, self.far.other = self.far, self.near

    def start(self, link: H2Link) -> None:
        """Send the request on ``link``, unless the user gave it up meanwhile."""
        if self.near.lane is None or self.near.lane.closed:
            return
        request, route = self._request, self._route
        host = route.rewrite or request.host
        headers = [
            (b":method", request.method),
            (b":scheme", b"http"),
            (b":authority", host),
            (b":path", request.target),
        ]
        fields = request_fields(request, route.request, self._user.peer)
        headers += [(name.lower(), value) for name, value in fields]
        lane = link.open(headers, self.far, end=self.near.ended)
        if lane is None:
            self.fail(Closed("the service takes no more streams"))
        else:
            self.far.joined(lane)

    def fail(self, error: FrpError) -> None:
        """There is no response."""
        lane = self.near.lane
        self._deadline.close()
        vhost = self._user.vhost
        vhost.tell_failure(self._request, str(error))
        if lane is not None and not lane.closed:
            send_answer(lane, vhost.pages.not_found(), self._request.method)

    # For the sides

    def headers(self, side: CallSide, headers: Headers, ended: bool) -> None:
        """The service's response begins, and ends with its head when it is an error of gRPC."""
        lane = self.near.lane
        if side is self.far and lane is not None:
            self._deadline.clear()
            self._responding = not headers[0][1].startswith(b"1")
            lane.send_headers(self._route.response.apply(headers), end=ended)

    def ended(self, side: CallSide) -> None:
        """One side finished."""
        if side is self.near and not self._responding:
            self._deadline.set(self._user.vhost.response_timeout)
        if self.near.ended and self.far.ended:
            self._deadline.close()

    def reset(self, side: CallSide) -> None:
        """One side is gone."""
        self._deadline.close()
        lane = side.other.lane
        if side is self.far and not self._responding:
            self.fail(Closed("EOF"))
        elif lane is not None:
            lane.reset()
        self.near.release()
        self.far.release()

    def malformed(self) -> None:
        """The request's body is not as long as its head announced."""
        self._deadline.close()
        for side in (self.near, self.far):
            if side.lane is not None:
                side.lane.reset(h2.errors.ErrorCodes.PROTOCOL_ERROR)
            side.release()

    def _miss(self) -> None:
        far, near = self.far.lane, self.near.lane
        if far is not None:
            far.owner = None
            far.reset()
        if near is not None and not near.closed:
            self._user.vhost.tell_failure(self._request, "timeout awaiting response headers")
            send_answer(near, timed_out(), self._request.method)


class CallSide:
    """The owner of one of a call's lanes."""

    __slots__ = ("_body", "_call", "_early", "_held", "_not_taken", "_trailers", "ended", "lane", "other")

    other: CallSide

    def __init__(self, call: Call, lane: Lane | None, body: Body) -> None:
        self.lane = lane
        self._body = body
        self.ended = False
        self._call = call
        self._held = lane is None  # what comes from the other side waits until there is a lane
        self._early: list[bytes] = []  # limited by the other side's window
        self._trailers: Headers | None = None
        self._not_taken = 0

    def joined(self, lane: Lane) -> None:
        """The lane of this side is open."""
        self.lane, self._held = lane, False
        for data in self._early:
            lane.write(data)
        self._early = []
        if self._trailers is not None and not lane.ended:
            lane.end(self._trailers)
        if not self._held:
            self.other.release()

    def write(self, data: bytes) -> bool:
        """Send on what came on the other side; False when it takes no more for now."""
        if self.lane is None:
            self._early.append(data)
        else:
            self.lane.write(data)
        return not self._held

    def finish(self, trailers: Headers) -> None:
        """The other side finished."""
        if self.lane is None:
            self._trailers = trailers
        else:
            self.lane.end(trailers)

    def release(self) -> None:
        """What came on this side is on its way."""
        size, self._not_taken = self._not_taken, 0
        if size and self.lane is not None:
            self.lane.took(size)

    # Owner of the lane

    def lane_headers(self, headers: Headers, ended: bool) -> None:
        self._call.headers(self, headers, ended)

    def lane_data(self, data: bytes) -> None:
        if self._body.receive_data(data) != len(data):
            self._call.malformed()
            return
        self._not_taken += len(data)
        if self.other.write(data):
            self.release()

    def lane_ended(self, trailers: Headers) -> None:
        try:
            self._body.receive_eof()
        except RemoteProtocolError:
            self._call.malformed()
            return
        self.ended = True
        self.other.finish(trailers)
        self._call.ended(self)

    def lane_reset(self) -> None:
        self._call.reset(self)

    def lane_full(self) -> None:
        self._held = True

    def lane_drained(self) -> None:
        self._held = False
        self.other.release()
