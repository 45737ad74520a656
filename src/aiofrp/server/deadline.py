"""A time by which something has to happen, moved often and rarely reached."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiofrp.stream.base import nothing


class Deadline:
    """Calls ``missed`` when the time passes. One timer serves many deadlines: when it fires it looks again, so that
    a deadline per request costs an assignment and no timer."""

    __slots__ = ("_loop", "_missed", "_timer", "_when")

    def __init__(self, missed: Callable[[], None]) -> None:
        self._missed = missed
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._when: float | None = None

    def set(self, seconds: float) -> None:
        """Expect something within ``seconds`` from now, instead of what was expected before."""
        when = self._when = self._loop.time() + seconds
        if self._timer is None:
            self._timer = self._loop.call_later(seconds, self._look)
        elif self._timer.when() > when:
            self._timer.cancel()
            self._timer = self._loop.call_later(seconds, self._look)

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

    def _look(self) -> None:
        self._timer = None
        if self._when is None:
            return
        left = self._when - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._look)
        else:
            self._when = None
            self._missed()
