"""One stream of an HTTP/2 connection as a :class:`~aiofrp.stream.base.Stream`, with heads before its bytes and trailers
after them.

It knows its connection only as a :class:`FrameSender`. What the flow-control windows do not allow yet is queued here;
what the receiver does not take is held here, and the peer gets no credit for it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

from h2.errors import ErrorCodes

from aiofrp.errors import Closed
from aiofrp.faults import FAULTS
from aiofrp.http.answers import Answer
from aiofrp.http.deadline import TAKE_LEAST, TAKE_WINDOW, Deadline
from aiofrp.stream.base import Buffer, Stream
from aiofrp.stream.layer import LayerStream
from aiofrp.wire.http.head import Field

#: Bytes queued for a stream above which its receiver pauses writing, and down to which it resumes.
HIGH_WATER, LOW_WATER = 256 * 1024, 64 * 1024
#: The same while all streams of a connection together have more than CONNECTION_HIGH_WATER.
NEARLY_FULL_HIGH, NEARLY_FULL_LOW = 16 * 1024, 8 * 1024
#: Seconds a peer gets to end its side of a stream that was closed here, or of a request that is answered.
LINGER = 1.0
#: Pieces up to this size together are joined, so that many tiny ones cost neither memory nor frames.
_MERGE_BELOW = 4096

Headers = list[Field]
Heads: TypeAlias = Callable[[Headers, bool], None]
"""Called with the head of a response, interim ones (1xx) too, and with whether there is no body after it."""


def ignore(headers: Headers, ended: bool) -> None:
    """A :data:`Heads` that needs nothing of them."""


class FrameSender(Protocol):
    """The sending half of the connection, as its streams use it."""

    queued: int
    """Bytes that all streams together have and cannot send."""

    @property
    def carrier(self) -> Stream:
        """The byte stream that carries the connection."""

    @property
    def nearly_full(self) -> bool:
        """Whether that is so much that each stream may queue only a little."""

    @property
    def timed(self) -> bool:
        """Whether the peer has to accept what it is sent in time: users have, services not."""

    def send_headers(self, stream: Stream2, headers: Headers, end: bool, /) -> None:
        """Send a head."""

    def pump(self, stream: Stream2, /) -> None:
        """Send of the stream's queue what the windows allow."""

    def reset(self, stream: Stream2, code: int, /) -> None:
        """Send RST_STREAM with the error ``code``."""

    def consumed(self, number: int, size: int, /) -> None:
        """Give the peer credit for ``size`` more bytes, on the stream and on the connection."""


class Stream2(LayerStream):
    """One stream of the connection. Its head is sent before anything else; ``heads`` gets those of the peer's
    responses, on a client's side.

    ``trailers`` are those of the peer, when ``eof_received`` is called. ``lingers``: once our side is complete, the
    peer has to end its own within :data:`LINGER` seconds (RFC 9113 §8.1); for requests that are answered.
    """

    __slots__ = (
        "_closing",
        "_connection",
        "_deadline",
        "_ended",
        "_last_trailers",
        "_put_back",
        "_queue",
        "bodiless",
        "closed",
        "heads",
        "lingers",
        "number",
        "peer_ended",
        "queued",
        "trailers",
    )

    def __init__(self, connection: FrameSender, number: int, heads: Heads = ignore) -> None:
        super().__init__()
        self.number = number
        self.heads = heads
        self.closed = False  # nothing can be sent or received any more
        self.lingers = False
        self.trailers: Headers = []
        self.queued = 0  # bytes
        self.peer_ended = False
        self.bodiless = False  # the peer's head ended its side too; peer_finished follows
        self._connection = connection
        self._queue: deque[Buffer] = deque()  # limited by HIGH_WATER and one write
        self._deadline: Deadline | None = None  # made when something has to wait for the first time
        self._ended = False
        self._last_trailers: Headers | None = None  # of an end that is still to be sent
        self._closing = False  # closed here: what still arrives is dropped
        self._put_back = 0  # bytes delivered, and credited, that are held again

    def __repr__(self) -> str:
        return f"<Stream2 {self.number} ended={self._ended}/{self.peer_ended} queued={self.queued}>"

    @property
    def full(self) -> bool:
        """Whether its receiver has been paused."""
        return self._writing_paused

    @property
    def ended(self) -> bool:
        """Whether all of our side is sent."""
        return self._ended and self._last_trailers is None

    # Stream

    def send_headers(self, headers: Headers, *, end: bool = False) -> None:
        """Send a head; ``end``: there is no body."""
        if not self.closed:
            self._ended = end
            self._connection.send_headers(self, headers, end)

    def write(self, data: Buffer, /) -> None:
        if self.closed or self._ended or not data:
            return
        queue = self._queue
        if queue and len(queue[-1]) + len(data) <= _MERGE_BELOW:
            queue[-1] = b"".join((queue[-1], data))
        else:
            queue.append(data)
        self.queued += len(data)
        self._connection.queued += len(data)
        self._connection.pump(self)
        if self.queued:
            self._wait()

    def write_eof(self) -> None:
        self.end()

    def end(self, trailers: Headers | None = None) -> None:
        """Finish sending after what was written, with ``trailers``; receiving goes on."""
        if not self.closed and not self._ended:
            self._ended, self._last_trailers = True, trailers or []
            self._connection.pump(self)

    def close(self) -> None:
        """Send what was written and end; what the peer still sends is dropped. ``connection_lost`` comes when all is
        sent."""
        if self.closed:
            self._end_locally()
        elif not self._closing:
            self._closing = self.lingers = True
            self._discard_held()
            if self.ended:
                self.all_sent()
            else:
                self.end()

    def abort(self) -> None:
        self.reset()

    def reset(self, code: int = ErrorCodes.INTERNAL_ERROR) -> None:
        """Drop everything and reset the stream with an error code."""
        self._connection.reset(self, code)
        self._end_locally()

    def unread(self, data: Buffer, /) -> None:
        self._put_back += len(data)
        super().unread(data)

    def info(self, key: str, /) -> Any:
        below = self._connection.carrier.info(key)
        return ("http2", *below) if key == "layers" else below

    # For the connection: receiving

    def headers_received(self, headers: Headers, ended: bool) -> None:
        """The head of a response."""
        try:
            self.heads(headers, ended)
        except FAULTS as exc:
            self.receiver_failed(exc)

    def body_received(self, data: bytes) -> None:
        """Bytes of the peer's body; the peer gets credit for more when the receiver has them."""
        if self._closing:
            self._consumed(len(data))
        else:
            self._deliver(data)

    def peer_finished(self, trailers: Headers) -> None:
        """The peer's side is complete."""
        self.peer_ended, self.trailers = True, trailers
        if not self._closing:
            self._deliver_eof()

    def reset_received(self, code: int) -> None:
        """The peer reset the stream. After its own end NO_ERROR says only that it needs no more (RFC 9113 §8.1)."""
        whole = self.peer_ended and code == ErrorCodes.NO_ERROR
        self.connection_lost(None if whole else Closed("the peer reset the HTTP/2 stream"))

    def malformed(self) -> None:
        """The peer's message is malformed: an error of this stream alone (RFC 9113 §8.1.1)."""
        self._connection.reset(self, ErrorCodes.PROTOCOL_ERROR)
        self.connection_lost(Closed("the peer's HTTP/2 message was malformed"))

    def over(self, exc: Exception | None) -> None:
        """Call ``connection_lost`` on the next turn, for we may be within a call of the receiver: both sides are
        complete, or with ``exc`` the stream is gone."""
        asyncio.get_running_loop().call_soon(self.connection_lost, exc)

    def connection_lost(self, exc: Exception | None) -> None:
        """The stream is gone; ``None``: in order."""
        if self._closing:
            self._end_locally()
        else:
            self._deliver_lost(exc)

    # For the connection: sending

    def gone(self) -> None:
        """Nothing more can be sent: drop what is queued."""
        self.closed = True
        self._connection.queued -= self.queued
        self.queued = 0
        self._queue.clear()
        if self._deadline is not None:
            self._deadline.close()

    def all_sent(self) -> None:
        """Our side is complete and the peer's is not: it gets LINGER seconds when there is a limit."""
        if self._closing:
            self._end_locally()
        if self.lingers and not self.bodiless:
            if self._deadline is None:
                self._deadline = Deadline(self._miss)
            self._deadline.set(LINGER)

    def next_piece(self, limit: int) -> Buffer | None:
        """Up to ``limit`` bytes of what is queued."""
        if not self._queue or limit <= 0:
            return None
        data = self._queue.popleft()
        if len(data) > limit:
            view = memoryview(data)
            self._queue.appendleft(view[limit:])
            data = view[:limit]
        size = len(data)
        self.queued -= size
        self._connection.queued -= size
        if self._deadline is not None:
            self._deadline.moved(size)
            if not self.queued:
                self._deadline.clear()
        return data

    def take_end(self) -> Headers | None:
        """The trailers, once, when nothing is queued any more and the body is whole."""
        if self._queue:
            return None
        trailers, self._last_trailers = self._last_trailers, None
        return trailers

    def resume_if_low(self) -> None:
        """Some of the queue has been sent: resume the receiver when the rest is small enough."""
        limit = NEARLY_FULL_LOW if self._connection.nearly_full else LOW_WATER
        if self._writing_paused and self.queued <= limit:
            self._resume_writer()

    # Private

    def _wait(self) -> None:
        """Not all of it went out: the peer has to accept the rest in time, and the receiver pauses above a limit."""
        if self._deadline is None and self._connection.timed:
            self._deadline = Deadline(self._miss)
        if self._deadline is not None and not self._deadline.running:
            self._deadline.pace(TAKE_WINDOW, TAKE_LEAST)
        limit = NEARLY_FULL_HIGH if self._connection.nearly_full else HIGH_WATER
        if self.queued > limit:
            self._pause_writer()

    def _miss(self) -> None:
        """The peer accepts too little, or goes on sending although it has its response."""
        self._connection.reset(self, ErrorCodes.NO_ERROR if self.ended else ErrorCodes.CANCEL)
        self.connection_lost(Closed("the peer of the HTTP/2 stream was too slow"))

    def _consumed(self, size: int) -> None:
        again = min(size, self._put_back)
        self._put_back -= again
        if size > again:
            self._connection.consumed(self.number, size - again)

    def _discard_held(self) -> None:
        size = sum(map(len, self._held or ()))
        super()._discard_held()
        if size:
            self._consumed(size)


def send_answer(stream: Stream2, made: Answer, method: bytes) -> None:
    """Send an answer of the site itself to a request by ``method``. The stream has no receiver after that."""
    headers = [(b":status", b"%d" % made.status), *((name.lower(), value) for name, value in made.fields)]
    stream.detach()
    stream.send_headers(headers)
    if method != b"HEAD":
        stream.write(made.body)
    stream.close()
