"""The values a template computes with, and what the reference calls their types.

Booleans, floats and text are Python's own. Integers of the template's text are ``int``; the reference's
narrower kinds, which matter to ``%T`` and error messages only, are subclasses. Text is as
:mod:`aiofrp.config.literals` says.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from aiofrp.config.literals import to_bytes


class Nothing(enum.Enum):
    """No value at all: an unset variable of the environment, or ``nil``."""

    NOTHING = enum.auto()


NOTHING: Final = Nothing.NOTHING


class Int64(int):
    """A number of ``parseNumberRange``."""

    __slots__ = ()


class Uint8(int):
    """A byte of a string."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class NumberPair:
    """An element of ``parseNumberRangePair``."""

    first: Int64
    second: Int64


class NumberList(tuple[Int64, ...]):
    """What ``parseNumberRange`` gives."""

    __slots__ = ()


class PairList(tuple[NumberPair, ...]):
    """What ``parseNumberRangePair`` gives."""

    __slots__ = ()


class Environment(dict[str, str]):
    """``.Envs``: the variables of the process environment, in the order of their names."""

    __slots__ = ()

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> Environment:
        """The variables of a process; names and values are made Unicode if they are not."""
        clean = {_clean(name): _clean(value) for name, value in variables.items()}
        return cls(sorted(clean.items(), key=lambda item: to_bytes(item[0])))


@dataclass(frozen=True, slots=True)
class Root:
    """``$``, the object a file is rendered with."""

    environment: Environment
    type_name: str
    """``*config.Values``, or ``*legacy.Values`` for INI files."""
    pointer: bool = True
    """It is the pointer the reference holds, printed as ``&{…}``, not what that points at."""


Value: TypeAlias = (
    Nothing | bool | int | float | str | NumberPair | NumberList | PairList | Environment | Root
)

_TYPE_NAMES: Final[dict[type, str]] = {
    bool: "bool",
    int: "int",
    Int64: "int64",
    Uint8: "uint8",
    float: "float64",
    str: "string",
    NumberPair: "config.NumberPair",
    NumberList: "[]int64",
    PairList: "[]config.NumberPair",
    Environment: "map[string]string",
}


def type_name(value: Value) -> str:
    """The reference's name for the type of ``value``, which is not :data:`NOTHING`."""
    return value.type_name if isinstance(value, Root) else _TYPE_NAMES[type(value)]


def truth(value: Value) -> bool:
    """Whether ``if`` takes the value for true: not zero, not empty, not missing."""
    return value is not NOTHING and bool(value)


def fields_of(value: NumberPair | Root) -> dict[str, Value]:
    """The fields of a structure by name."""
    if isinstance(value, Root):
        return {"Envs": value.environment}
    return {"First": value.first, "Second": value.second}


def _clean(text: str) -> str:
    """Only surrogates that escape a byte are meaningful; others cannot be written and become question
    marks."""
    try:
        to_bytes(text)
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode("utf-8")
    return text
