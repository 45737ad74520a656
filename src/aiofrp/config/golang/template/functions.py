"""The functions a template may call.

Each takes evaluated arguments and returns a value, or raises :exc:`CallError` with Go's words.
``and`` and ``or`` are only declared here: they do not evaluate all their arguments, so the evaluator runs
them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from aiofrp.config.golang.template.compare import eq, ge, gt, le, lt, ne
from aiofrp.config.golang.template.format import sprint, sprintf, sprintln
from aiofrp.config.golang.template.items import index, length, slice_of
from aiofrp.config.golang.template.values import NOTHING, Pointer, Value, truth

Arguments: TypeAlias = Sequence[Value]


@dataclass(frozen=True, slots=True)
class Function:
    """A function of templates: the code, and the arguments that the evaluator checks before it calls it."""

    run: Callable[[Arguments], Value]
    fixed: int
    """How many arguments it needs."""
    variadic: bool = False
    """It takes any number of further arguments."""
    text: int = 0
    """How many of the first arguments must be text; the others may be anything, even missing."""


def printable(value: Value) -> Value:
    """The form in which a value is printed on its own: without a pointer's ``&``, and never nothing."""
    if value is NOTHING:
        return "<no value>"
    return value.target if isinstance(value, Pointer) else value


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
}
