"""The last lines of the log in memory, for who reads them over an API.

A line costs one tuple and one append. Lines may be added by any thread.
"""

from __future__ import annotations

import logging
from collections import deque
from itertools import count
from typing import Final, NamedTuple

#: Lines that are kept, and characters of each: 4 MB at most, where each character takes 4 bytes.
MOST_LINES: Final = 1000
MOST_CHARACTERS: Final = 1000

#: Levels in the order of their weight, and the number of each.
LEVELS: Final = {
    "trace": 5,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}


class TailLine(NamedTuple):
    """One line of the log."""

    id: int  #: grows by 1 from line to line
    at: float  #: seconds since 1970
    level: int  #: of :mod:`logging`
    text: str

    @property
    def name(self) -> str:
        """The level as frp names it."""
        return next((name for name, level in LEVELS.items() if self.level <= level), "error")


class LogTail:
    """The last :data:`MOST_LINES` lines."""

    __slots__ = ("_ids", "_lines")

    def __init__(self) -> None:
        self._lines: deque[TailLine] = deque(maxlen=MOST_LINES)
        self._ids = count(1)

    def add(self, at: float, level: int, text: str) -> None:
        """Keep a line; of a long one its beginning."""
        self._lines.append(TailLine(next(self._ids), at, level, text[:MOST_CHARACTERS]))

    @property
    def last_id(self) -> int:
        """The id of the last line, 0 where there is none."""
        return self._lines[-1].id if self._lines else 0

    def lines(
        self, *, level: str = "trace", q: str = "", limit: int = MOST_LINES, after: int = 0
    ) -> list[TailLine]:
        """The last ``limit`` lines after the line ``after`` that have at least ``level`` (one of :data:`LEVELS`) and
        contain ``q`` in any case; the newest last."""
        lowest, q = LEVELS[level], q.lower()
        found = [
            line
            for line in self._lines.copy()
            if line.id > after and line.level >= lowest and (not q or q in line.text.lower())
        ]
        return found[-limit:]
