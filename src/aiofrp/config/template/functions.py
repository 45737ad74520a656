"""The functions a template may call.

Each takes evaluated arguments and returns a value, or raises :exc:`CallError` with the reference's words.
``and`` and ``or`` are only declared here: they do not evaluate all their arguments, so the evaluator runs
them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias
from urllib.parse import quote_plus

from aiofrp.config import numberrange
from aiofrp.config.literals import to_bytes
from aiofrp.config.template.compare import eq, ge, gt, le, lt, ne
from aiofrp.config.template.errors import CallError
from aiofrp.config.template.format import sprint, sprintf, sprintln
from aiofrp.config.template.items import index, length, slice_of
from aiofrp.config.template.values import NOTHING, Int64, NumberList, NumberPair, PairList, Root, Value, truth

Arguments: TypeAlias = Sequence[Value]


@dataclass(frozen=True, slots=True)
class Function:
    """What the evaluator must know to call one."""

    run: Callable[[Arguments], Value]
    fixed: int
    """How many arguments it needs."""
    variadic: bool = False
    """It takes any number of further arguments."""
    text: int = 0
    """How many of the first arguments must be text; the others may be anything, even missing."""


def parse_number_range(arguments: Arguments) -> NumberList:
    """The numbers of one list."""
    return NumberList(map(Int64, _expand(arguments[0])))


def parse_number_range_pair(arguments: Arguments) -> PairList:
    """The numbers of two lists of the same length, in pairs."""
    first, second = (_expand(argument) for argument in arguments)
    if len(first) != len(second):
        raise CallError("first and second range numbers are not in pairs")
    return PairList(map(NumberPair, map(Int64, first), map(Int64, second)))


def _expand(text: Value) -> list[int]:
    try:
        return numberrange.expand(str(text))
    except ValueError as error:
        raise CallError(str(error)) from None


# Escaping

_HTML: Final = str.maketrans(
    {"\0": "\ufffd", '"': "&#34;", "'": "&#39;", "&": "&amp;", "<": "&lt;", ">": "&gt;"}
)
_JS: Final = str.maketrans(
    {"\\": "\\\\", "'": "\\'", '"': '\\"', "<": "\\u003C", ">": "\\u003E", "&": "\\u0026", "=": "\\u003D"}
)


def html(arguments: Arguments) -> str:
    """The arguments as text in HTML."""
    return _joined(arguments).translate(_HTML)


def js(arguments: Arguments) -> str:
    """The arguments as text in a JavaScript string."""
    return "".join(map(_js_char, _joined(arguments).translate(_JS)))


def _js_char(char: str) -> str:
    if char.isprintable() or char == "\x7f" or "\udc80" <= char <= "\udcff":
        return char
    return f"\\u{ord(char):04X}"


def urlquery(arguments: Arguments) -> str:
    """The arguments as text in the query of a URL."""
    return quote_plus(to_bytes(_joined(arguments)))


def _joined(arguments: Arguments) -> str:
    return sprint([printable(argument) for argument in arguments])


def printable(value: Value) -> Value:
    """The form in which a value is printed on its own: without a pointer's ``&``, and never nothing."""
    if value is NOTHING:
        return "<no value>"
    return replace(value, pointer=False) if isinstance(value, Root) else value


# The tables


def _special(arguments: Arguments) -> Value:
    raise AssertionError("and, or are run by the evaluator")


BUILTINS: Final[Mapping[str, Function]] = {
    "and": Function(_special, 1, variadic=True),
    "or": Function(_special, 1, variadic=True),
    "not": Function(lambda a: not truth(a[0]), 1),
    "eq": Function(eq, 1, variadic=True),
    "ne": Function(ne, 2),
    "lt": Function(lt, 2),
    "le": Function(le, 2),
    "gt": Function(gt, 2),
    "ge": Function(ge, 2),
    "len": Function(length, 1),
    "index": Function(index, 1, variadic=True),
    "slice": Function(slice_of, 1, variadic=True),
    "print": Function(sprint, 0, variadic=True),
    "println": Function(sprintln, 0, variadic=True),
    "printf": Function(lambda a: sprintf(str(a[0]), a[1:]), 1, variadic=True, text=1),
    "html": Function(html, 0, variadic=True),
    "js": Function(js, 0, variadic=True),
    "urlquery": Function(urlquery, 0, variadic=True),
}

NUMBER_RANGES: Final[Mapping[str, Function]] = {
    "parseNumberRange": Function(parse_number_range, 1, text=1),
    "parseNumberRangePair": Function(parse_number_range_pair, 2, text=2),
}
