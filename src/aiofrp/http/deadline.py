"""A time by which something has to happen, moved often and rarely reached; and the pace that a peer has to keep.

The numbers of the HTTP service stand here together, because they must fit each other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiofrp.stream.base import Stream, nothing

#: Seconds for a head to come, from the accept or its first byte on
#: (docs/protocol/server.md §6.5); in HTTP/2 for the preface and
#: the first request, and for a header block that comes in pieces.
HEAD_TIMEOUT = 60.0
#: Seconds a connection may be without a request after its last one. frp has no such time; it is for peers that are gone
#: and never said so.
IDLE_TIMEOUT = 3600.0
#: A request's body has to come with so many bytes in each so many seconds, while the service takes it and has not
#: answered: 68 bytes a second.
BODY_WINDOW, BODY_LEAST = 60.0, 4 * 1024
#: A user whose output is full has to take so many bytes in each so many seconds: 109 bytes a second. The time is long
#: because a paused download is honest, and because a peer's kernel with a large buffer opens its window in steps.
TAKE_WINDOW, TAKE_LEAST = 600.0, 64 * 1024


class Deadline:
    """Calls ``missed`` when the time passes.

    One timer serves many deadlines: when it fires it compares the time, so that a deadline per request costs an
    assignment and no timer.
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
        """Expect something within ``seconds`` from now, instead of what was expected before; ``None``: expect
        nothing."""
        self._least = 0
        if seconds is None:
            self._when = None
        else:
            self._until(seconds)

    def pace(self, seconds: float, least: int) -> None:
        """Expect ``least`` bytes within ``seconds`` from now, and so again from then on, instead of what was expected
        before; :meth:`moved` counts them. What moves less does not get the time anew."""
        self._window, self._least, self._moved = seconds, least, 0
        self._until(seconds)

    def moved(self, size: int) -> None:
        """``size`` bytes of what is expected have come."""
        self._moved += size

    @property
    def running(self) -> bool:
        """Whether something is expected."""
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
        """It happened; nothing is expected."""
        self._when = None

    def close(self) -> None:
        """Nothing will be expected any more; the owner may go."""
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
    """Checks that a user whose output is full accepts some of it; else calls ``missed``, once."""

    __slots__ = ("_before", "_deadline", "_missed", "_stream")

    def __init__(self, stream: Stream, missed: Callable[[], None]) -> None:
        self._stream = stream
        self._missed = missed
        self._before = 0
        self._deadline = Deadline(self._check)

    def start(self) -> None:
        """The output is full."""
        self._before = self._unsent()
        self._deadline.set(TAKE_WINDOW)

    def stop(self) -> None:
        """The output is no longer full."""
        self._deadline.clear()

    def close(self) -> None:
        """The connection is gone."""
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
