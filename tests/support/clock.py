"""A clock that the test moves: timers fire in order and at their exact time, and nothing waits."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from typing import Any


class Timer:
    """What :meth:`ManualClock.call_later` gives; the part of ``asyncio.TimerHandle`` that is used."""

    __slots__ = ("_cancelled", "_when")

    def __init__(self, when: float) -> None:
        self._when = when
        self._cancelled = False

    def when(self) -> float:
        return self._when

    def cancel(self) -> None:
        self._cancelled = True

    def cancelled(self) -> bool:
        return self._cancelled


class ManualClock:
    """The time and the timers of an event loop. Tests count in whole seconds, of which every sum is exact."""

    def __init__(self) -> None:
        self._now = 0.0
        self._count = itertools.count()
        self._timers: list[tuple[float, int, Timer, Callable[..., object], tuple[Any, ...]]] = []

    def time(self) -> float:
        """Seconds since the clock was made."""
        return self._now

    def call_later(self, delay: float, callback: Callable[..., object], *arguments: Any) -> Timer:
        """Call ``callback`` when the clock has moved on by ``delay`` seconds."""
        timer = Timer(self._now + delay)
        heapq.heappush(self._timers, (timer.when(), next(self._count), timer, callback, arguments))
        return timer

    def advance(self, seconds: float) -> None:
        """Move on by ``seconds``; the timers on the way fire, those that they set included."""
        end = self._now + seconds
        while self._timers and self._timers[0][0] <= end:
            self._now, _, timer, callback, arguments = heapq.heappop(self._timers)
            if not timer.cancelled():
                callback(*arguments)
        self._now = end
