"""Dropped datagrams and bytes, counted and logged: at most one log line a minute for each cause."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from aiofrp.logs import Log

#: Seconds between two lines about one cause, and from a first loss to its line, so that it counts a burst.
INTERVAL: Final = 60.0
FIRST: Final = 1.0


class Losses:
    """Counts what is lost, by cause.

    ``counted`` gets each cause and how many, for the counters an API shows. Causes are named in the code: there are
    few. ``explained`` makes what is logged of the text about a cause; it is called for each line.
    """

    __slots__ = ("_causes", "_closed", "_counted", "_explained", "_log", "_said")

    def __init__(
        self,
        log: Log,
        counted: Callable[[str, int], None] | None = None,
        explained: Callable[[str], object] = str,
    ) -> None:
        self._log = log
        self._explained = explained
        self._counted = counted
        self._causes: dict[str, _Cause] = {}
        self._closed = False
        self._said: set[str] = set()  # texts in the code; there are few

    @property
    def log(self) -> Log:
        """Where the lines go."""
        return self._log

    def lost(self, cause: str, why: str, count: int = 1, what: str = "datagrams") -> None:
        """``count`` of ``what`` are lost: ``cause`` is the counter's name, ``why`` is for people."""
        known = self._causes.get(cause)
        if known is None:
            known = self._causes[cause] = _Cause(self._log, self._explained)
        known.add(count, what, why, wait=not self._closed)
        if self._counted is not None:
            self._counted(cause, count)

    def say_once(self, text: str, *args: object) -> None:
        """Warn of what will be lost: once, however often the same begins again."""
        if text not in self._said:
            self._said.add(text)
            self._log.warning(text, *args)

    def close(self) -> None:
        """Log what was not logged yet; later losses are logged at once. Idempotent."""
        self._closed = True
        for known in self._causes.values():
            known.write()


class _Cause:
    __slots__ = ("_at", "_explained", "_log", "_timer", "_unsaid", "_what", "_why")

    def __init__(self, log: Log, explained: Callable[[str], object]) -> None:
        self._log = log
        self._explained = explained
        self._at = float("-inf")  # when the last line was written
        self._unsaid = 0
        self._what = self._why = ""
        self._timer: asyncio.TimerHandle | None = None

    def add(self, count: int, what: str, why: str, *, wait: bool) -> None:
        self._unsaid += count
        self._what, self._why = what, why
        if not wait:
            self.write()
        elif self._timer is None:
            delay = max(FIRST, self._at + INTERVAL - time.monotonic())
            self._timer = asyncio.get_running_loop().call_later(delay, self.write)

    def write(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._unsaid:
            count, self._unsaid = self._unsaid, 0
            self._at = time.monotonic()
            self._log.warning("lost %d %s: %s", count, self._what, self._explained(self._why))
