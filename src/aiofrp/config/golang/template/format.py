"""Print values as Go's ``fmt`` package does: ``print``, ``println`` and ``printf``.

The verbs and flags that make sense for a configuration are here. The rest of Go's language —
explicit argument numbers, ``*``, the flag ``#`` and a few verbs — is refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NoReturn

from aiofrp.config.golang.literals import format_float, quote, to_bytes
from aiofrp.config.golang.template.errors import CallError
from aiofrp.config.golang.template.values import (
    NOTHING,
    Pointer,
    Slice,
    StringMap,
    Struct,
    Value,
    type_name,
)

MAX_TEXT: Final = 10 * 1024 * 1024
"""Characters one call may produce; also the limit of a whole rendered file."""

_MAX_WIDTH: Final = 1_000_000  # Go's own limit

_DIRECTIVE = re.compile(r"%([#0+\- ]*)(\*|[0-9]+|)(?:(\.)(\*|[0-9]*))?(.?)", re.DOTALL)
_REFUSED: Final = frozenset("bceEFgGoOpUw")  # verbs that no configuration uses
_BASES: Final = {"d": "d", "v": "d", "x": "x", "X": "X"}


def sprint(values: Sequence[Value]) -> str:
    """All values in a row, with a blank between two of which neither is text."""
    if len(values) == 1 and (plain := _plain(values[0])) is not None:
        return plain
    out = _Output()
    for index, value in enumerate(values):
        if index and not isinstance(value, str) and not isinstance(values[index - 1], str):
            out.write(" ")
        _Printer(out).print(value, "v")
    return out.text()


def _plain(value: Value) -> str | None:
    """The shortest way for what most actions print: a text or a whole number."""
    if isinstance(value, str):
        return value
    return f"{int(value)}" if isinstance(value, int) and not isinstance(value, bool) else None


def sprintln(values: Sequence[Value]) -> str:
    """All values with blanks between them, and a newline."""
    out = _Output()
    for index, value in enumerate(values):
        if index:
            out.write(" ")
        _Printer(out).print(value, "v")
    out.write("\n")
    return out.text()


def sprintf(template: str, values: Sequence[Value]) -> str:
    """``template`` with its directives replaced. Raises :exc:`CallError` for what is not supported."""
    out = _Output()
    position = used = 0
    while (percent := template.find("%", position)) >= 0:
        out.write(template[position:percent])
        directive = _DIRECTIVE.match(template, percent)
        assert directive is not None  # it matches any percent sign
        position = directive.end()
        printer, verb = _printer(out, directive)
        if not verb:
            out.write("%!(NOVERB)")
            position = len(template)
        elif verb == "%":
            out.write("%")
        elif used >= len(values):
            out.write(f"%!{verb}(MISSING)")
        else:
            printer.print(values[used], verb)
            used += 1
    out.write(template[position:])
    _write_extra(out, values[used:])
    return out.text()


def _printer(out: _Output, directive: re.Match[str]) -> tuple[_Printer, str]:
    """The printer a directive describes, and its verb; no verb if the directive is cut short."""
    flags, width, dot, precision, verb = directive.groups("")
    if "*" in (width, precision) or verb == "[":
        _refuse("an argument as width, or a numbered argument,")
    if "#" in flags:
        _refuse("flag #")
    if verb in _REFUSED:
        _refuse(f"verb %{verb}")
    if max(_number(width), _number(precision)) > _MAX_WIDTH:
        return _Printer(out), ""
    printer = _Printer(
        out,
        plus="+" in flags and verb != "v",
        names="+" in flags and verb == "v",
        minus="-" in flags,
        space=" " in flags,
        zero="0" in flags,
        width=_number(width),
        precision=_number(precision) if dot else None,
    )
    return printer, verb


def _number(digits: str) -> int:
    digits = digits.lstrip("0")
    return int(digits or "0") if len(digits) < 8 else _MAX_WIDTH + 1


def _write_extra(out: _Output, values: Sequence[Value]) -> None:
    if not values:
        return
    out.write("%!(EXTRA ")
    for index, value in enumerate(values):
        out.write(", " if index else "")
        if value is not NOTHING:
            out.write(type_name(value) + "=")
        _Printer(out).print(value, "v")
    out.write(")")


def _refuse(what: str) -> NoReturn:
    raise CallError(f"{what} of printf is not supported")


@dataclass(slots=True)
class _Output:
    """Text in the making, of at most :data:`MAX_TEXT` characters."""

    parts: list[str] = field(default_factory=list)
    size: int = 0

    def reserve(self, size: int) -> None:
        """Fail if ``size`` more characters are too many."""
        if self.size + size > MAX_TEXT:
            raise CallError(f"text of more than {MAX_TEXT} characters")

    def write(self, text: str) -> None:
        """Add ``text``. Raises :exc:`CallError` beyond :data:`MAX_TEXT` characters."""
        self.reserve(len(text))
        self.parts.append(text)
        self.size += len(text)

    def text(self) -> str:
        """Everything that was written, as one text."""
        return "".join(self.parts)


@dataclass(frozen=True, slots=True)
class _Printer:
    """Prints values with one directive's flags."""

    out: _Output
    plus: bool = False
    names: bool = False
    """Field names are printed too (``%+v``)."""
    minus: bool = False
    space: bool = False
    zero: bool = False
    width: int = 0
    precision: int | None = None

    def print(self, value: Value, verb: str) -> None:
        """Print ``value`` with a verb, and the complaint Go prints if they do not go together."""
        if value is NOTHING:
            self._nothing(verb)
        elif verb == "T":
            self._string(type_name(value), "s")
        elif isinstance(value, Slice):
            self._sequence(value, verb)
        elif isinstance(value, StringMap):
            self._map(value, verb)
        elif isinstance(value, Struct):
            self.out.write("&" if isinstance(value, Pointer) else "")
            self._structure(value, verb)
        elif not self._scalar(value, verb):
            self._bad_verb(value, verb)

    # Composite values

    def _sequence(self, value: Sequence[Value], verb: str) -> None:
        self.out.write("[")
        for index, element in enumerate(value):
            self.out.write(" " if index else "")
            self.print(element, verb)
        self.out.write("]")

    def _map(self, value: StringMap, verb: str) -> None:
        self.out.write("map[")
        for index, (name, element) in enumerate(value.items()):
            self.out.write(" " if index else "")
            self.print(name, verb)
            self.out.write(":")
            self.print(element, verb)
        self.out.write("]")

    def _structure(self, value: Struct, verb: str) -> None:
        self.out.write("{")
        for index, (name, element) in enumerate(value.fields.items()):
            self.out.write(" " if index else "")
            self.out.write(name + ":" if self.names else "")
            self.print(element, verb)
        self.out.write("}")

    def _nothing(self, verb: str) -> None:
        if verb in "vT":
            self._pad("<nil>")
        else:
            self.out.write(f"%!{verb}(<nil>)")

    def _bad_verb(self, value: Value, verb: str) -> None:
        self.out.write(f"%!{verb}({type_name(value)}=")
        self.print(value, "v")
        self.out.write(")")

    # Scalars: each returns whether the verb suits the type

    def _scalar(self, value: Value, verb: str) -> bool:
        if isinstance(value, str):
            return self._string(value, verb)
        if isinstance(value, bool):
            if verb in "tv":
                self._pad("true" if value else "false")
            return verb in "tv"
        if isinstance(value, float):
            return self._float(value, verb)
        assert isinstance(value, int)  # nothing else is left
        return self._integer(value, verb)

    def _string(self, value: str, verb: str) -> bool:
        if verb in "xX":
            data = to_bytes(value)[: self.precision]
            text = data.hex(" ") if self.space and data else data.hex()
            self._pad(text.upper() if verb == "X" else text)
            return True
        text = value[: self.precision]
        if verb in "vs":
            self._pad(text)
        elif verb == "q":
            if self.plus:
                _refuse("flag + with %q")
            self._pad(quote(text))
        return verb in "vsq"

    def _integer(self, value: int, verb: str) -> bool:
        if verb == "q":
            _refuse("verb %q for numbers")
        if verb not in _BASES:
            return False
        if self.precision == 0 and value == 0:
            self._pad("", zero=False)
            return True
        sign = "-" if value < 0 else "+" if self.plus else " " if self.space else ""
        places = self.precision
        if places is None:
            places = self.width - len(sign) if self.zero and not self.minus else 0
        self.out.reserve(places)
        self._pad(sign + format(abs(value), _BASES[verb]).rjust(places, "0"), zero=False)
        return True

    def _float(self, value: float, verb: str) -> bool:
        if verb in "xX":
            _refuse(f"verb %{verb} for numbers with a fraction")
        if verb not in "vf":
            return False
        text = self._float_digits(abs(value), verb)
        negative = str(value).startswith("-")
        sign = "-" if negative else "+" if self.plus else " " if self.space else ""
        if self.zero and not self.minus and sign:
            text = text.rjust(self.width - len(sign), "0")
        self._pad(sign + text)
        return True

    def _float_digits(self, value: float, verb: str) -> str:
        if verb == "v" and self.precision is None:
            return format_float(value)
        precision = 6 if self.precision is None else self.precision
        self.out.reserve(precision)
        return format(value, f".{precision}{'g' if verb == 'v' else 'f'}")

    def _pad(self, text: str, *, zero: bool = True) -> None:
        self.out.reserve(max(self.width, len(text)))
        if self.minus:
            self.out.write(text.ljust(self.width))
        else:
            self.out.write(text.rjust(self.width, "0" if self.zero and zero else " "))
