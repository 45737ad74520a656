"""Shares the time for parsing among the connections of one event loop.

A connection that received many bytes at once is parsed for one slice of time; the rest waits for a later turn of the
loop, so that the loop serves the other connections in between.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Protocol

#: Seconds that one connection may parse at a time, and all connections together in one turn of the loop.
SLICE, ROUND = 0.002, 0.004


class Work(Protocol):
    """A connection that has bytes to parse."""

    def step(self) -> bool:
        """Parse a small part, such as one frame. Returns whether there may be more. Raises nothing."""

    def turn_ended(self, more: bool) -> None:
        """Called after the last step of a slice. ``more``: further steps follow on a later turn of the loop, and the
        connection must not read until then."""


class Scheduler:
    """Calls the steps of connections, in the order in which they called :meth:`take`."""

    __slots__ = ("_current", "_due", "_spent", "_waiting")

    def __init__(self) -> None:
        self._waiting: dict[Work, None] = {}  # in order; limited by the number of connections
        self._spent = 0.0  # of the present round
        self._due = False
        self._current: Work | None = None

    def take(self, work: Work) -> None:
        """Call ``work.step()`` until it returns false or the time is up, then ``work.turn_ended()`` once.

        The first steps run within this call while this turn of the loop has time left, else on a later turn. A call
        within a step of the same ``work`` does nothing, because another step follows anyway.
        """
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
