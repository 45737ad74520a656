"""Templates in configuration files: what frp adds to Go's ``text/template``.

``.Envs`` holds the environment; two functions expand lists of numbers, so that a range of ports makes a proxy each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from aiofrp.config.golang import template
from aiofrp.config.golang.template.errors import CallError
from aiofrp.config.golang.template.functions import BUILTINS, Arguments, Function
from aiofrp.config.golang.template.values import Int64, Pointer, Slice, StringMap, Struct, Value
from aiofrp.config.models import numberrange


def render(text: str, envs: Mapping[str, str], *, number_ranges: bool = True) -> str:
    """Render a configuration file's text.

    ``envs`` is what ``.Envs`` holds. ``number_ranges`` offers ``parseNumberRange`` and
    ``parseNumberRangePair``, which INI files do not have. Raises :exc:`TemplateError`. Bytes that are not
    UTF-8 may be given as surrogate escapes and come out as such.
    """
    functions = {**BUILTINS, **NUMBER_RANGES} if number_ranges else BUILTINS
    root = Root(StringMap.of(envs), "*config.Values" if number_ranges else "*legacy.Values")
    return template.render("frp", text, functions, root)


# Values


@dataclass(frozen=True, slots=True)
class Values(Struct):
    """The value ``.`` of a file's template: ``.Envs`` holds the environment."""

    environment: StringMap
    type_name: str
    """As the reference calls a pointer to it: ``*config.Values``, or ``*legacy.Values`` for INI files."""

    @property
    def fields(self) -> Mapping[str, Value]:
        """``Envs``, the only field."""
        return {"Envs": self.environment}


class Root(Values, Pointer):
    """``$``: the pointer to it that a template is given."""

    __slots__ = ()

    @property
    def target(self) -> Values:
        """The structure that the pointer leads to."""
        return Values(self.environment, self.type_name)


@dataclass(frozen=True, slots=True)
class NumberPair(Struct):
    """Two numbers, one of each list: an element of what ``parseNumberRangePair`` returns."""

    first: Int64
    second: Int64

    type_name: ClassVar[str] = "config.NumberPair"

    @property
    def fields(self) -> Mapping[str, Value]:
        """Both numbers by the names templates use."""
        return {"First": self.first, "Second": self.second}


class NumberList(Slice):
    """The numbers that ``parseNumberRange`` returns, Go's ``[]int64``."""

    __slots__ = ()

    type_name = "[]int64"


class PairList(Slice):
    """The pairs that ``parseNumberRangePair`` returns, in the order of its lists."""

    __slots__ = ()

    type_name = "[]config.NumberPair"


# Functions


def parse_number_range(arguments: Arguments) -> NumberList:
    """The numbers that one text such as ``1-3,7`` lists. Raises :exc:`CallError` for any other text."""
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


NUMBER_RANGES: Final[Mapping[str, Function]] = {
    "parseNumberRange": Function(parse_number_range, 1, text=1),
    "parseNumberRangePair": Function(parse_number_range_pair, 2, text=2),
}
