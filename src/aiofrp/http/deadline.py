"""Deadlines that are set often and rarely missed, and least rates at which a peer has to send or accept bytes.

The time limits of the HTTP service stand here together, because they must fit each other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiofrp.stream.base import Stream, nothing

#: Seconds within which a head must be complete, counted from the accept or from its first byte
#: (docs/protocol/server.md §6.5). In HTTP/2: for the preface with the first request, and for a header block in several
#: frames.
HEAD_TIMEOUT = 60.0
#: Seconds a connection may be without a request after its last one. frp has no such limit; it closes connections of
#: peers that disappeared without closing them.
IDLE_TIMEOUT = 3600.0
#: In each window of so many seconds at least so many bytes of a request's body must arrive (68 bytes a second), while
#: the service accepts the body and has not answered.
BODY_WINDOW, BODY_LEAST = 60.0, 4 * 1024
#: A user whose output is full must accept at least so many bytes in each window of so many seconds (109 bytes a
#: second). The window is long because users pause downloads, and because a kernel with a large buffer opens its TCP
#: window in steps.
TAKE_WINDOW, TAKE_LEAST = 600.0, 64 * 1024


class Deadline:
    """One deadline at a time: calls ``missed`` once when it passes.

    The timer is kept when the deadline moves to a later time: when it fires it compares the clock and starts again for
    the rest. So a deadline per request costs an assignment and no timer.
    """

    __slots__ = ("_due", "_least", "_loop", "_missed", "_moved", "_timer", "_when", "_window")

    def __init__(self, missed: Callable[[], None]) -> None:
        self._missed = missed
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0  # when the timer fires; uvloop's handles of short times do not know
        self._when: float | None = None
        self._window, self._least, self._moved = 0.0, 0, 0

    def set(self, seconds: float | None) -> None:
        """Replace the deadline by one ``seconds`` from now; ``None`` removes it."""
        self._least = 0
        if seconds is None:
            self._when = None
        else:
            self._until(seconds)

    def pace(self, seconds: float, least: int) -> None:
        """Replace the deadline by a least rate: ``least`` bytes in each window of ``seconds``, the first from now on.

        :meth:`moved` counts the bytes. ``missed`` is called at the end of the first window with fewer.
        """
        self._window, self._least, self._moved = seconds, least, 0
        self._until(seconds)

    def moved(self, size: int) -> None:
        """Count ``size`` bytes towards the least rate of :meth:`pace`."""
        self._moved += size

    @property
    def running(self) -> bool:
        """Whether a deadline is set."""
        return self._when is not None

    def _until(self, seconds: float) -> None:
        when = self._when = self._loop.time() + seconds
        if self._timer is None:
            self._start(seconds)
        elif self._due > when:
            self._timer.cancel()
            self._start(seconds)

    def _start(self, seconds: float) -> None:
        self._due = self._loop.time() + seconds
        self._timer = self._loop.call_later(seconds, self._check)

    def clear(self) -> None:
        """Remove the deadline; the timer stays for the next one."""
        self._when = None

    def close(self) -> None:
        """Remove the deadline, the timer and the reference to ``missed``. No other call may follow."""
        self._missed = nothing
        self._when = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _check(self) -> None:
        self._timer = None
        if self._when is None:
            return
        left = self._when - self._loop.time()
        if left > 0:
            self._start(left)
        elif self._least and self._moved >= self._least:
            self.pace(self._window, self._least)
        else:
            self._when = None
            self._missed()


class OutputWatch:
    """Checks that a peer whose output is full accepts some of it, by the bytes that ``stream`` has not sent.

    Calls ``missed`` once when the peer accepts fewer than :data:`TAKE_LEAST` bytes in :data:`TAKE_WINDOW` seconds.
    """

    __slots__ = ("_before", "_deadline", "_missed", "_stream")

    def __init__(self, stream: Stream, missed: Callable[[], None]) -> None:
        self._stream = stream
        self._missed = missed
        self._before = 0
        self._deadline = Deadline(self._check)

    def start(self) -> None:
        """The output became full: check from now on."""
        self._before = self._unsent()
        self._deadline.set(TAKE_WINDOW)

    def stop(self) -> None:
        """The output is no longer full: stop checking."""
        self._deadline.clear()

    def close(self) -> None:
        """The connection has ended: stop the timer. No other call may follow."""
        self._deadline.close()

    def _check(self) -> None:
        unsent = self._unsent()
        if self._before - unsent >= TAKE_LEAST:
            self._before = unsent
            self._deadline.set(TAKE_WINDOW)
        else:
            self._missed()

    def _unsent(self) -> int:
        return int(self._stream.info("unsent") or 0)
