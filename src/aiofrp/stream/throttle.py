"""A bandwidth limit shared by streams: bytes beyond it wait in order, and their sender is paused.

No task and no sleep: bytes without tokens wait in their stream, reading from the lower stream is paused, and one timer
of the limit passes the next ones on. Proxies and configuration are not used here.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from aiofrp.aio import check_after
from aiofrp.stream.base import Buffer, Pause, Stream
from aiofrp.stream.layer import LayerStream

#: Bytes waiting to be written above which ``pause_writing`` is called, and at which ``resume_writing`` is.
HIGH_WATER, LOW_WATER = 64 * 1024, 16 * 1024
#: What one stream may send in its turn: this share of the bytes of a second, but at least so many bytes.
_TURN, _MIN_TURN = 50, 1024
#: Least seconds between two runs of the timer: the resolution of the loop's clock.
_SERVE_EVERY = 0.001


class TokenBucket:
    """A token bucket: ``rate`` bytes a second, at most the bytes of one second at once, full at first
    (docs/protocol/server.md §4.3). Times are seconds of a monotonic clock."""

    __slots__ = ("_stamp", "_tokens", "rate")

    def __init__(self, rate: int, now: float) -> None:
        """``rate``: bytes per second, at least 1."""
        self.rate = rate
        self._tokens = float(rate)
        self._stamp = now

    def take(self, wanted: int, now: float) -> int:
        """Subtract as many of ``wanted`` bytes as may pass now, and return their number."""
        now = max(now, self._stamp)
        self._tokens = min(float(self.rate), self._tokens + (now - self._stamp) * self.rate)
        self._stamp = now
        taken = min(wanted, int(self._tokens))
        self._tokens -= taken
        return taken

    def wait(self, wanted: int) -> float:
        """Seconds until ``wanted`` bytes may pass, as of the last :meth:`take`."""
        return max(0.0, (min(wanted, self.rate) - self._tokens) / self.rate)


class Limit:
    """The bandwidth limit of one proxy, shared by both directions of all its connections, which take turns."""

    __slots__ = ("_bucket", "_loop", "_timer", "_turn", "_waiting")

    def __init__(self, rate: int) -> None:
        """``rate``: bytes per second, at least 1."""
        self._loop = asyncio.get_running_loop()
        self._bucket = TokenBucket(rate, self._loop.time())
        self._turn = min(rate, max(rate // _TURN, _MIN_TURN))
        self._waiting: deque[_ThrottleQueue] = deque()  # limited by the connections: two each
        self._timer: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<Limit {self._bucket.rate} B/s waiting={len(self._waiting)}>"

    def throttle(self, stream: Stream) -> Stream:
        """A stream over ``stream`` that keeps the limit."""
        return ThrottledStream(stream, self)

    # For the queues

    def spend(self, size: int) -> int:
        """How many of ``size`` bytes may pass at once: none while others wait."""
        return 0 if self._waiting else self._bucket.take(size, self._loop.time())

    def enter(self, queue: _ThrottleQueue) -> None:
        """Append ``queue`` to the waiting ones; its ``let`` is called in its turn."""
        self._waiting.append(queue)
        self._arm()

    def leave(self, queue: _ThrottleQueue) -> None:
        """Remove ``queue`` from the waiting ones."""
        if queue in self._waiting:
            self._waiting.remove(queue)
        if not self._waiting and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # Private

    def _arm(self) -> None:
        if self._waiting and self._timer is None:
            delay = self._bucket.wait(self._share(self._waiting[0]))
            self._timer = check_after(max(delay, _SERVE_EVERY), self._serve)

    def _share(self, queue: _ThrottleQueue) -> int:
        return min(queue.size, self._turn)

    def _serve(self, now: float) -> None:
        self._timer = None
        self._bucket.take(0, now)
        try:
            while self._waiting and not self._bucket.wait(self._share(self._waiting[0])):
                queue = self._waiting.popleft()
                queue.let(self._bucket.take(self._share(queue), now))
                if queue.size:
                    self._waiting.append(queue)
        finally:  # an error of one must not stop the others
            self._arm()


class _ThrottleQueue:
    """One direction of one stream: bytes that wait for tokens."""

    __slots__ = ("_chunks", "_limit", "_passed", "_relieved", "size")

    def __init__(self, limit: Limit, passed: Callable[[Buffer], None], relieved: Callable[[], None]) -> None:
        """``passed`` is called with bytes that may pass; ``relieved`` is called when fewer wait."""
        self._limit = limit
        self._passed = passed
        self._relieved = relieved
        self._chunks: deque[Buffer] = deque()  # limited by its user, which pauses reading or writing
        self.size = 0

    def put(self, data: Buffer) -> None:
        """Pass ``data`` on, now or in its turn."""
        size = len(data)
        paid = 0 if self.size else self._limit.spend(size)
        if paid == size:
            self._passed(data)
            return
        first = not self.size
        self._chunks.append(bytes(data[paid:]))
        self.size += size - paid
        if first:
            self._limit.enter(self)
        if paid:
            self._passed(data[:paid])

    def let(self, paid: int) -> None:
        """Pass ``paid`` waiting bytes on."""
        while paid and self._chunks:
            data = self._chunks.popleft()
            if len(data) > paid:
                self._chunks.appendleft(memoryview(data)[paid:])
                data = data[:paid]
            paid -= len(data)
            self.size -= len(data)
            self._passed(data)
        self._relieved()

    def clear(self) -> None:
        """Drop the bytes that wait."""
        if self.size:
            self._chunks.clear()
            self.size = 0
            self._limit.leave(self)


class ThrottledStream(LayerStream):
    """A stream that keeps a limit: bytes count when they pass, in either direction.

    The end of a direction comes after the bytes that wait; an error drops them.
    """

    __slots__ = (
        "_closing",
        "_eof_due",
        "_finish_due",
        "_inward",
        "_lost_due",
        "_lower",
        "_lower_full",
        "_outward",
    )

    def __init__(self, lower: Stream, limit: Limit) -> None:
        super().__init__()
        self._lower = lower
        self._lower_full = False
        self._inward = _ThrottleQueue(limit, self._deliver, self._inward_relieved)
        self._outward = _ThrottleQueue(limit, lower.write, self._outward_relieved)
        self._eof_due = False  # the peer finished; delivered after what waits
        self._lost_due = False  # the carrier ended without an error; delivered after what waits
        self._finish_due = False  # we finished; the carrier's write_eof comes after what waits
        self._closing = False
        lower.attach(self)

    # Receiver of the carrier

    def data_received(self, data: Buffer, /) -> None:
        if self._closing:
            return
        self._inward.put(data)
        if self._inward.size:
            self._lower.pause_reading(Pause.RATE)

    def eof_received(self) -> None:
        if self._inward.size:
            self._eof_due = True
        else:
            self._deliver_eof()

    def connection_lost(self, exc: Exception | None, /) -> None:
        self._outward.clear()
        if exc is None and self._inward.size:
            self._lost_due = True
        else:
            self._inward.clear()
            self._deliver_lost(exc)

    def pause_writing(self) -> None:
        self._lower_full = True
        self._pause_writer()

    def resume_writing(self) -> None:
        self._lower_full = False
        self._let_writer()

    # Stream

    def write(self, data: Buffer, /) -> None:
        if self._closing or self._finish_due or self._lost or self._lost_due or not data:
            return
        self._outward.put(data)
        if self._outward.size > HIGH_WATER:
            self._pause_writer()

    def write_eof(self) -> None:
        self._finish_due = True
        if not self._outward.size:
            self._lower.write_eof()

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._inward.clear()
            self._lower.resume_reading(Pause.RATE)
            if not self._outward.size:
                self._lower.close()
        self._end_locally()

    def abort(self) -> None:
        self._closing = True
        self._inward.clear()
        self._outward.clear()
        self._lower.abort()
        self._end_locally()

    def info(self, key: str, /) -> Any:
        below = self._lower.info(key)
        return ("throttle", *below) if key == "layers" else below

    # Private

    def _inward_relieved(self) -> None:
        if self._inward.size:
            return
        if self._eof_due:
            self._eof_due = False
            self._deliver_eof()
        if self._lost_due:
            self._deliver_lost(None)
        else:
            self._lower.resume_reading(Pause.RATE)

    def _outward_relieved(self) -> None:
        self._let_writer()
        if self._outward.size:
            return
        if self._closing:
            self._lower.close()
        elif self._finish_due:
            self._lower.write_eof()

    def _let_writer(self) -> None:
        if not self._lower_full and self._outward.size <= LOW_WATER:
            self._resume_writer()

    def _gate_closed(self) -> None:
        self._lower.pause_reading(Pause.PEER)

    def _gate_opened(self) -> None:
        self._lower.resume_reading(Pause.PEER)
