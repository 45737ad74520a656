"""A row of the catalogue, and what it says about one failure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

Facts: TypeAlias = Mapping[str, str]
"""What is known besides the text of the error: settings, and what was seen of the peer."""

#: Characters of a value in a hint at most: a peer may have chosen it.
MOST_VALUE = 120

# Patterns in escaped text, compiled when they are used: every start loads this module.
_FIELD = r"\\\{(\w+)\\\}|…"
_LAST = r"\\\{(\w+)\\\}$"
#: Names whose parts have no blanks.
_SHAPES = {"network": r"\w{1,9}", "place": r"\S{0,99}", "number": r"\d{1,5}"}
_NONE: Mapping[str, str] = MappingProxyType({})


class Hint(NamedTuple):
    """What is known about one failure: cause, likely reasons, the most likely first, and the next step."""

    code: str  #: of the row, as the reference page has it
    cause: str
    reasons: tuple[str, ...]
    step: str
    key: str  #: of the configuration; empty where none is concerned

    def __str__(self) -> str:
        """One line for people."""
        return f"hint: {self.cause}. {self.step}."


class KnownFailure(NamedTuple):
    """One row: when it applies, and what it says. ``{name}`` stands for a fact, or for a part of the text.

    It applies to an error whose text has one of ``prints`` in it, where ``…`` and ``{name}`` stand for anything, while
    all facts of ``given`` have one of the values there (separated by ``|``). A row without ``prints`` needs the facts
    alone.
    """

    code: str
    cause: str
    step: str
    prints: tuple[str, ...] = ()
    given: Facts = _NONE
    reasons: tuple[str, ...] = ()
    key: str = ""

    def match(self, text: str, facts: Facts) -> Hint | None:
        """What this row says about an error with ``text``; ``None`` where it does not apply."""
        for name, values in self.given.items():
            if facts.get(name, "") not in values.split("|"):
                return None
        parts: Mapping[str, str] = _NONE
        if self.prints:
            found = next(filter(None, (pattern(prints).search(text) for prints in self.prints)), None)
            if found is None:
                return None
            parts = found.groupdict()
        known = _Known({name: shown(value) for name, value in (*facts.items(), *parts.items()) if value})
        return Hint(
            self.code,
            self.cause.format_map(known),
            tuple(reason.format_map(known) for reason in self.reasons),
            self.step.format_map(known),
            self.key.format_map(known),
        )


class _Known(dict[str, str]):
    """Facts for a sentence; one that is not known is shown as an ellipsis."""

    def __missing__(self, name: str) -> str:
        return "…"


@lru_cache(512)
def pattern(prints: str) -> re.Pattern[str]:
    """What finds a text of :attr:`KnownFailure.prints` in an error."""
    text = re.escape(prints)
    last = re.sub(_LAST, r"(?P<\1>[^\\n]{1,300})", text)  # it has the rest of the line
    return re.compile(re.sub(_FIELD, lambda found: _field(found[1]) if found[1] else ".{0,300}?", last), re.S)


def _field(name: str) -> str:
    """What stands for ``{name}`` in a pattern."""
    return f"(?P<{name}>{_SHAPES.get(name, '.{1,300}?')})"


def shown(value: str) -> str:
    """A value as a hint shows it: printable and not too long."""
    text = "".join(character if character.isprintable() else "?" for character in value[: MOST_VALUE + 1])
    return text if len(text) <= MOST_VALUE else f"{text[:MOST_VALUE]}…"
