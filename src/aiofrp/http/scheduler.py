"""Time for parsing, shared among the connections of one event loop.

A connection that sends much at once is served a slice at a time; between two slices the loop serves all others.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Protocol

#: Seconds that one connection may parse at a time, and all of them together before the loop goes on.
SLICE, ROUND = 0.002, 0.004


class Work(Protocol):
    """A connection that has bytes to parse."""

    def step(self) -> bool:
        """Do a small part of it; whether there may be more. Raises nothing."""

    def turn_ended(self, more: bool) -> None:
        """No more steps for now; ``more``: the rest follows on a later turn of the loop. Until then the connection
        is not to read."""


class Scheduler:
    """Gives connections their slices of time, in the order in which they asked."""

    __slots__ = ("_current", "_due", "_spent", "_waiting")

    def __init__(self) -> None:
        self._waiting: dict[Work, None] = {}  # in order; limited by the number of connections
        self._spent = 0.0  # of the present round
        self._due = False
        self._current: Work | None = None

    def take(self, work: Work) -> None:
        """Do ``work`` now, as long as its slice and the round last, and the rest later. Called within a step of the
        same work it does nothing: the step is followed by another one."""
        if work is self._current or work in self._waiting:
            return
        if self._spent < ROUND and self._current is None:
            self._slice(work)
        else:
            self._wait(work)
            work.turn_ended(True)

    # Private

    def _slice(self, work: Work) -> None:
        self._current = work
        began = now = monotonic()
        until = began + min(SLICE, ROUND - self._spent)
        more = True
        try:
            while more and now < until:
                more = work.step()
                now = monotonic()
        finally:
            self._current = None
        self._spent += now - began
        if more:
            self._wait(work)
        work.turn_ended(more)

    def _wait(self, work: Work) -> None:
        self._waiting[work] = None
        self._go_on()

    def _go_on(self) -> None:
        if self._waiting and not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._round)

    def _round(self) -> None:
        self._due = False
        self._spent = 0.0
        while self._waiting and self._spent < ROUND:
            work = next(iter(self._waiting))
            del self._waiting[work]
            self._slice(work)
        self._go_on()
