"""Read the keys of a section into fields of the new format.

A value that does not parse is left out, as in the reference; here a warning is kept, too.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from aiofrp.config.golang.literals import SPACE, parse_int
from aiofrp.config.legacy.ini import IniFile

Tree: TypeAlias = dict[str, Any]
"""A table of the new format as plain values."""

Explain: TypeAlias = Callable[[str, str, Collection[str]], str]
"""The reason why a key has no effect, from its section, the key itself and the keys that were read."""

MAX_WARNINGS: Final = 100
"""Warnings kept of one file; more would hide the first."""

_TRUE: Final = frozenset({"1", "t", "T", "true", "TRUE", "True", "YES", "yes", "Yes", "y", "ON", "on", "On"})
_FALSE: Final = frozenset(
    {"0", "f", "F", "false", "FALSE", "False", "NO", "no", "No", "n", "OFF", "off", "Off"}
)
_SHOWN: Final = 40  # characters of a value in a warning


class KeyKind(enum.Enum):
    """The type of a key's value; the member's own value is its name in warnings."""

    TEXT = "text"
    NUMBER = "a whole number"
    FLAG = "true or false"
    LIST = "a list"


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the INI format."""

    path: str
    """Where its value goes, dotted; empty for keys that are read apart."""
    kind: KeyKind = KeyKind.TEXT


@dataclass(frozen=True, slots=True)
class LegacyWarning:
    """Something in an INI file that has no effect, or one the user may not expect."""

    section: str
    key: str
    reason: str
    line: int = 0
    """Its line in the rendered text, from 1; 0 if it has none."""

    def __str__(self) -> str:
        return f"[{self.section}] {self.key}: {self.reason}"


@dataclass(slots=True)
class SectionReader:
    """Reads the values of one section by their kinds."""

    file: IniFile
    section: str
    warnings: list[LegacyWarning]
    _known: set[str] = field(default_factory=set)

    def text(self, key: str) -> str:
        """The text of a key; empty if the section does not have it."""
        self._known.add(key)
        return self.file.get(self.section, key) or ""

    def number(self, key: str) -> int | None:
        """A whole number, ``None`` if there is none or it does not parse."""
        value = self._value(key, KeyKind.NUMBER)
        return value if isinstance(value, int) else None

    def flag(self, key: str) -> bool | None:
        """True or false, ``None`` if there is neither."""
        value = self._value(key, KeyKind.FLAG)
        return value if isinstance(value, bool) else None

    def fill(self, tree: Tree, keys: Mapping[str, Key]) -> None:
        """Set the fields of ``tree`` that ``keys`` describe and the section has."""
        for name, key in keys.items():
            value = self._value(name, key.kind)
            if key.path and value not in (None, "", []):
                put(tree, key.path, value)

    def with_prefix(self, prefix: str) -> dict[str, str]:
        """The section's own keys that begin with ``prefix``, without it; as written, nothing is replaced in
        them."""
        own = self.file.own(self.section)
        self._known.update(key for key in own if key.startswith(prefix))
        return {key.removeprefix(prefix): entry.value for key, entry in own.items() if key.startswith(prefix)}

    def warn(self, key: str, reason: str) -> None:
        """Keep a warning about a key, unless there are plenty."""
        if len(self.warnings) < MAX_WARNINGS:
            line = self.file.line(self.section, key)
            self.warnings.append(LegacyWarning(self.section, key, reason, line))

    def warn_unread(self, explain: Explain, ignored: Collection[str] = ()) -> None:
        """Warn about the section's own keys that were never read, in the words of ``explain``."""
        for key in self.file.own(self.section):
            if key not in self._known and key not in ignored:
                self.warn(key, explain(self.section, key, self._known))

    def _value(self, key: str, kind: KeyKind) -> str | int | bool | list[str] | None:
        self._known.add(key)
        text = self.file.get(self.section, key)
        if text is None or kind is KeyKind.TEXT:
            return text
        if kind is KeyKind.LIST:
            return split_list(text)
        value = _flag(text) if kind is KeyKind.FLAG else _number(text)
        if value is None:
            shown = text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
            self.warn(key, f"'{shown}' is not {kind.value} and has no effect")
        return value


def put(tree: Tree, path: str, value: Any) -> None:
    """Set the field at a dotted ``path``, making the tables on the way."""
    *tables, name = path.split(".")
    for table in tables:
        tree = tree.setdefault(table, {})
    tree[name] = value


def split_list(text: str) -> list[str]:
    r"""Split at commas and trim; ``\,`` is a comma of an item, ``\\`` a backslash. A last empty item is none."""
    items: list[str] = []
    item = ""
    escaped = False
    for char in text:
        if escaped:
            item += char if char in "\\," else "\\" + char
            escaped = False
        elif char == "\\":
            escaped = True
        elif char == ",":
            items.append(item.strip(SPACE))
            item = ""
        else:
            item += char
    if item:
        items.append(item.strip(SPACE))
    return items


def _flag(text: str) -> bool | None:
    return True if text in _TRUE else False if text in _FALSE else None


def _number(text: str) -> int | None:
    try:
        return parse_int(text)
    except ValueError:
        return None
