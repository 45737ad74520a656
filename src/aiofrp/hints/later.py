"""Hints of lines that may be left out of a log, and of failures that repeat: what nobody reads is not made."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from aiofrp.hints.entry import Facts, Hint

if TYPE_CHECKING:
    from aiofrp.hints.catalogue import Place

#: Seconds until the hint about a failure that repeats is given again.
AGAIN = 300.0


class Later:
    """An error's text with its hint, which is made when the line is written.

    ``facts`` gathers the evidence then. It must not block, and may be called once for each line that is written.
    """

    __slots__ = ("_facts", "_place", "_text")

    def __init__(self, place: Place, text: str, facts: Callable[[], Facts] = dict[str, str]) -> None:
        self._place: Place = place
        self._text = text
        self._facts = facts

    def __str__(self) -> str:
        return self._with_hint(self._text)

    def shortened(self, most: int) -> str:
        """The same with at most ``most`` characters of the text, before the hint."""
        text = self._text
        return self._with_hint(text if len(text) <= most else f"{text[:most]}... ({len(text)} characters)")

    def _with_hint(self, text: str) -> str:
        from aiofrp.hints.catalogue import find  # here, as the rows are needed only when something failed

        hint = find(self._place, self._text, self._facts())
        return text if hint is None else f"{text}\n{hint}"


class Repeats:
    """Which hint was given last about each of some subjects: the same is given again after :data:`AGAIN` seconds."""

    __slots__ = ("_clock", "_given")

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock`` gives seconds."""
        self._clock = clock
        self._given: dict[str, tuple[Hint, float]] = {}  # by subject: the names of one configuration

    def due(self, subject: str, hint: Hint | None) -> bool:
        """Whether to give ``hint`` about ``subject`` now; it counts as given then."""
        if hint is None:
            self._given.pop(subject, None)
            return False
        before, now = self._given.get(subject), self._clock()
        if before is not None and before[0] == hint and now - before[1] < AGAIN:
            return False
        self._given[subject] = hint, now
        return True

    def forget(self, subject: str) -> None:
        """``subject`` is well: the next failure is a new one."""
        self._given.pop(subject, None)
