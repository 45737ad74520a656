"""The values a template computes with, and what Go calls their types.

Booleans, floats and text are Python's own. Integers of the template's text are ``int``; Go's
narrower kinds, which matter to ``%T`` and error messages only, are subclasses. Text is as
:mod:`aiofrp.config.golang.literals` describes.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, ClassVar, Final, TypeAlias

from aiofrp.config.golang.literals import to_bytes


class Nothing(enum.Enum):
    """No value at all: a key a map does not hold, or ``nil``."""

    NOTHING = enum.auto()


NOTHING: Final = Nothing.NOTHING


class Int64(int):
    """A number of 64 bits, whatever the width of ``int``."""

    __slots__ = ()


class Uint8(int):
    """A byte of a string, as ``index`` returns it; prints as a number."""

    __slots__ = ()


class Struct:
    """A structure with named fields; the caller of the engine declares its own."""

    __slots__ = ()

    @property
    def type_name(self) -> str:
        """Go's name of the type, with a leading ``*`` for a pointer."""
        raise NotImplementedError

    @property
    def fields(self) -> Mapping[str, Value]:
        """The fields by name, in the order they print in."""
        raise NotImplementedError


class Pointer(Struct):
    """A structure held by a pointer: it prints as ``&{…}``, and what it points at as ``{…}``."""

    __slots__ = ()

    @property
    def target(self) -> Struct:
        """The value that the pointer points at."""
        raise NotImplementedError


class Slice(tuple[Any, ...]):
    """A list whose elements are of one type; the caller of the engine declares its own."""

    __slots__ = ()

    type_name: ClassVar[str]
    """Go's name of the type."""


class StringMap(dict[str, str]):
    """A map of texts, in the order of its keys."""

    __slots__ = ()

    @classmethod
    def of(cls, items: Mapping[str, str]) -> StringMap:
        """The items of a mapping; keys and values are made Unicode if they are not."""
        clean = {_clean(name): _clean(value) for name, value in items.items()}
        return cls(sorted(clean.items(), key=lambda item: to_bytes(item[0])))


Value: TypeAlias = Nothing | bool | int | float | str | Struct | Slice | StringMap

_TYPE_NAMES: Final[dict[type, str]] = {
    bool: "bool",
    int: "int",
    Int64: "int64",
    Uint8: "uint8",
    float: "float64",
    str: "string",
    StringMap: "map[string]string",
}


def type_name(value: Value) -> str:
    """Go's name for the type of ``value``, which is not :data:`NOTHING`."""
    return value.type_name if isinstance(value, Struct | Slice) else _TYPE_NAMES[type(value)]


def truth(value: Value) -> bool:
    """Whether ``if`` takes the value for true: not zero, not empty, not missing."""
    return value is not NOTHING and bool(value)


def _clean(text: str) -> str:
    """Only surrogates that escape a byte are meaningful; others cannot be written and become question
    marks."""
    try:
        to_bytes(text)
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode("utf-8")
    return text
