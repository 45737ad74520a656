"""One stream of an HTTP/2 connection, with the queue of what the flow-control windows do not allow yet.

It knows its connection only as a :class:`FrameSender`, and what is done with the peer's body as a :class:`Receiver2`.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

import h2.errors

from aiofrp.http.answers import Answer
from aiofrp.http.deadline import TAKE_LEAST, TAKE_WINDOW, Deadline
from aiofrp.stream.base import Buffer
from aiofrp.wire.http.head import Field

#: Bytes queued for a stream above which its receiver pauses writing, and down to which it resumes.
HIGH_WATER, LOW_WATER = 256 * 1024, 64 * 1024
#: The same while all streams of a connection together have more than CONNECTION_HIGH_WATER.
NEARLY_FULL_HIGH, NEARLY_FULL_LOW = 16 * 1024, 8 * 1024
#: Seconds a peer gets to end its side of a stream after all of the answer is sent.
LINGER = 1.0
#: Pieces up to this size together are joined, so that many tiny ones cost neither memory nor frames.
_MERGE_BELOW = 4096

Headers = list[Field]


class Receiver2(Protocol):
    """What receives from a stream: the names are those of :class:`~aiofrp.stream.base.Receiver`.

    Calls come in this order: any number of heads, data, at most one end. A reset may come at any time and is the last
    call.
    """

    def headers_received(self, headers: Headers, ended: bool) -> None:
        """The head of a response, interim ones (1xx) too; only on a client's side. ``ended``: there is no body."""

    def data_received(self, data: bytes) -> None:
        """Bytes of the peer's body. :meth:`Stream2.consumed`, called when they are passed on, gives credit for more."""

    def eof_received(self, trailers: Headers) -> None:
        """The peer's body is complete."""

    def reset_received(self) -> None:
        """The stream was reset, or its connection is lost."""

    def pause_writing(self) -> None:
        """Write no more until ``resume_writing``."""

    def resume_writing(self) -> None:
        """Writing may go on."""


class FrameSender(Protocol):
    """The sending half of the connection, as its streams use it."""

    queued: int
    """Bytes that all streams together have and cannot send."""

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


class Stream2:
    """One stream of the connection."""

    __slots__ = (
        "_connection",
        "_deadline",
        "_ended",
        "_full",
        "_queue",
        "_trailers",
        "bodiless",
        "closed",
        "number",
        "peer_ended",
        "queued",
        "receiver",
    )

    def __init__(self, connection: FrameSender, number: int) -> None:
        self.number = number
        self.receiver: Receiver2 | None = None
        self.closed = False
        self._connection = connection
        self._queue: deque[Buffer] = deque()  # limited by HIGH_WATER and one write
        self.queued = 0  # bytes
        self._deadline: Deadline | None = None  # made when something has to wait for the first time
        self._ended = False
        self._trailers: Headers | None = None  # of an end that is still to be sent
        self._full = False
        self.peer_ended = False
        self.bodiless = False  # the peer's head ended its side too; eof_received follows the head

    @property
    def full(self) -> bool:
        """Whether its receiver has been paused."""
        return self._full

    @property
    def ended(self) -> bool:
        """Whether all of our side is sent."""
        return self._ended and self._trailers is None

    def send_headers(self, headers: Headers, *, end: bool = False) -> None:
        """Send a head; ``end``: there is no body."""
        if not self.closed:
            self._ended = end
            self._connection.send_headers(self, headers, end)

    def write(self, data: Buffer) -> None:
        """Queue bytes of our body."""
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

    def _wait(self) -> None:
        """Not all of it went out: the peer has to accept the rest in time, and the receiver pauses above a limit."""
        if self._deadline is None and self._connection.timed:
            self._deadline = Deadline(self._miss)
        if self._deadline is not None and not self._deadline.running:
            self._deadline.pace(TAKE_WINDOW, TAKE_LEAST)
        limit = NEARLY_FULL_HIGH if self._connection.nearly_full else HIGH_WATER
        if self.queued > limit and not self._full and self.receiver is not None:
            self._full = True
            self.receiver.pause_writing()

    def _miss(self) -> None:
        """The peer accepts too little, or goes on sending although it has its response."""
        receiver = self.receiver
        self.reset(h2.errors.ErrorCodes.NO_ERROR if self.ended else h2.errors.ErrorCodes.CANCEL)
        if receiver is not None:
            receiver.reset_received()

    def end(self, trailers: Headers | None = None) -> None:
        """Our body is complete."""
        if not self.closed and not self._ended:
            self._ended, self._trailers = True, trailers or []
            self._connection.pump(self)

    def reset(self, code: int = h2.errors.ErrorCodes.INTERNAL_ERROR) -> None:
        """Reset the stream with an error code."""
        self._connection.reset(self, code)

    def consumed(self, size: int) -> None:
        """``size`` bytes of the peer's body have been passed on: give credit for as many more."""
        self._connection.consumed(self.number, size)

    # For the connection

    def close(self) -> None:
        """The stream is gone, and what it had queued."""
        self.closed = True
        self._connection.queued -= self.queued
        self.queued = 0
        self._queue.clear()
        if self._deadline is not None:
            self._deadline.close()

    def linger(self) -> None:
        """Our side is complete: reset the stream with NO_ERROR unless the peer ends its own within :data:`LINGER`."""
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
        trailers, self._trailers = self._trailers, None
        return trailers

    def resume_if_low(self) -> None:
        """Some of the queue has been sent: resume the receiver when the rest is small enough."""
        limit = NEARLY_FULL_LOW if self._connection.nearly_full else LOW_WATER
        if self._full and self.queued <= limit and self.receiver is not None:
            self._full = False
            self.receiver.resume_writing()


def send_answer(stream: Stream2, made: Answer, method: bytes) -> None:
    """Send an answer of the site itself to a request by ``method``. The stream has no receiver after that."""
    headers = [(b":status", b"%d" % made.status), *((name.lower(), value) for name, value in made.fields)]
    stream.receiver = None
    stream.send_headers(headers)
    if method != b"HEAD":
        stream.write(made.body)
    stream.end()
