"""One stream of an HTTP/2 connection, called a stream here, with the queue of what its windows do not allow yet.

Knows its connection only as what sends and resets; who has the stream is its :class:`Receiver2`.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

import h2.errors

from aiofrp.http.answers import Answer
from aiofrp.http.deadline import TAKE_LEAST, TAKE_WINDOW, Deadline
from aiofrp.stream.base import Buffer
from aiofrp.wire.http.head import Field

#: Bytes queued for a stream at which its owner is told to pause, and to go on.
HIGH_WATER, LOW_WATER = 256 * 1024, 64 * 1024
#: The same while all streams of a connection together have much.
CROWDED_HIGH, CROWDED_LOW = 16 * 1024, 8 * 1024
#: Seconds a peer gets to end its side of a stream after all of the answer is sent.
LINGER = 1.0
#: Pieces up to this size together are joined, so that many tiny ones cost neither memory nor frames.
_MERGE_BELOW = 4096

Headers = list[Field]


class Receiver2(Protocol):
    """Who has a stream."""

    def headers_received(self, headers: Headers, ended: bool) -> None:
        """The head of a response (on a client's stream), interim ones too; ``ended``: there is no body."""

    def data_received(self, data: bytes) -> None:
        """Bytes of the peer's body; :meth:`Stream2.took` them when they are on their way."""

    def eof_received(self, trailers: Headers) -> None:
        """The peer finished its body."""

    def reset_received(self) -> None:
        """The stream is gone."""

    def pause_writing(self) -> None:
        """Write no more until ``resume_writing``."""

    def resume_writing(self) -> None:
        """There is room again."""


class FrameSender(Protocol):
    """The connection, as its streams see it."""

    queued: int
    """Bytes that all streams together have and cannot send."""

    @property
    def crowded(self) -> bool:
        """Whether that is so much that a stream may have only a little."""

    @property
    def watches(self) -> bool:
        """Whether the peer has to take what it is sent in time."""

    def send_headers(self, stream: Stream2, headers: Headers, end: bool, /) -> None:
        """Send a head."""

    def pump(self, stream: Stream2, /) -> None:
        """Send of the stream's queue what the windows allow."""

    def reset(self, stream: Stream2, code: int, /) -> None:
        """Give the stream up."""

    def took(self, number: int, size: int, /) -> None:
        """Reopen windows."""


class Stream2:
    """One stream of the connection."""

    __slots__ = (
        "_connection",
        "_ended",
        "_full",
        "_queue",
        "_taking",
        "_trailers",
        "bodiless",
        "closed",
        "number",
        "owner",
        "peer_ended",
        "queued",
    )

    def __init__(self, connection: FrameSender, number: int) -> None:
        self.number = number
        self.owner: Receiver2 | None = None
        self.closed = False
        self._connection = connection
        self._queue: deque[Buffer] = deque()  # limited by HIGH_WATER and one write
        self.queued = 0  # bytes
        self._taking: Deadline | None = None  # made when something has to wait for the first time
        self._ended = False
        self._trailers: Headers | None = None  # of an end that is still to be sent
        self._full = False
        self.peer_ended = False
        self.bodiless = False  # the peer's head ended its side too; that is told after the head

    @property
    def full(self) -> bool:
        """Whether its owner was told to pause."""
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
        """Not all of it went out: the peer takes the rest in time, and the owner pauses above a limit."""
        if self._taking is None and self._connection.watches:
            self._taking = Deadline(self._miss)
        if self._taking is not None and not self._taking.running:
            self._taking.pace(TAKE_WINDOW, TAKE_LEAST)
        limit = CROWDED_HIGH if self._connection.crowded else HIGH_WATER
        if self.queued > limit and not self._full and self.owner is not None:
            self._full = True
            self.owner.pause_writing()

    def _miss(self) -> None:
        """The peer takes too little, or sends on although it has its answer."""
        owner = self.owner
        self.reset(h2.errors.ErrorCodes.NO_ERROR if self.ended else h2.errors.ErrorCodes.CANCEL)
        if owner is not None:
            owner.reset_received()

    def end(self, trailers: Headers | None = None) -> None:
        """Our body is whole."""
        if not self.closed and not self._ended:
            self._ended, self._trailers = True, trailers or []
            self._connection.pump(self)

    def reset(self, code: int = h2.errors.ErrorCodes.INTERNAL_ERROR) -> None:
        """Give the stream up."""
        self._connection.reset(self, code)

    def took(self, size: int) -> None:
        """``size`` bytes of the peer's body are on their way: it may send as many more."""
        self._connection.took(self.number, size)

    # For the connection

    def close(self) -> None:
        """The stream is gone, and what it had queued."""
        self.closed = True
        self._connection.queued -= self.queued
        self.queued = 0
        self._queue.clear()
        if self._taking is not None:
            self._taking.close()

    def linger(self) -> None:
        """Our side is whole: the peer ends its own soon, or is told that the rest is not wanted."""
        if self._taking is None:
            self._taking = Deadline(self._miss)
        self._taking.set(LINGER)

    def next_piece(self, room: int) -> Buffer | None:
        """Up to ``room`` bytes of what is queued."""
        if not self._queue or room <= 0:
            return None
        data = self._queue.popleft()
        if len(data) > room:
            view = memoryview(data)
            self._queue.appendleft(view[room:])
            data = view[:room]
        size = len(data)
        self.queued -= size
        self._connection.queued -= size
        if self._taking is not None:
            self._taking.moved(size)
            if not self.queued:
                self._taking.clear()
        return data

    def take_end(self) -> Headers | None:
        """The trailers, once, when nothing is queued any more and the body is whole."""
        if self._queue:
            return None
        trailers, self._trailers = self._trailers, None
        return trailers

    def relieve(self) -> None:
        """Some of the queue has gone."""
        limit = CROWDED_LOW if self._connection.crowded else LOW_WATER
        if self._full and self.queued <= limit and self.owner is not None:
            self._full = False
            self.owner.resume_writing()


def send_answer(stream: Stream2, made: Answer, method: bytes) -> None:
    """An answer of frps itself to a request by ``method``; nothing more is expected of the stream."""
    headers = [(b":status", b"%d" % made.status), *((name.lower(), value) for name, value in made.fields)]
    stream.owner = None
    stream.send_headers(headers)
    if method != b"HEAD":
        stream.write(made.body)
    stream.end()
