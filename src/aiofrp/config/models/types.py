"""Values of a configuration that are more than a number or a text. No model and no file is read here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, GetCoreSchemaHandler, Strict
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from aiofrp.config.golang.jsonnumber import number_text
from aiofrp.config.golang.literals import INT64_MAX, INT64_MIN, SPACE, parse_float, parse_int
from aiofrp.errors import ConfigError

KB: Final = 1024
MB: Final = 1024 * 1024


def kind(value: object) -> str:
    """What the reference calls the JSON type of ``value`` in its error texts."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, str):
        return "string"
    if isinstance(value, int | float):
        return "number"
    return "object" if isinstance(value, dict) else "array"


def mismatch(got: str, want: str) -> PydanticCustomError:
    """A value of the wrong type; ``got`` and ``want`` are the reference's words."""
    return PydanticCustomError("wrong_type", "cannot unmarshal {got} into {want}", {"got": got, "want": want})


def _integer(want: str) -> Any:
    def check(value: Any) -> Any:
        if type(value) is int and INT64_MIN <= value <= INT64_MAX:
            return value
        if type(value) is float and value.is_integer() and INT64_MIN <= value <= INT64_MAX:
            return int(value)
        got = kind(value)
        raise mismatch(f"number {number_text(value)}" if got == "number" else got, want)

    return BeforeValidator(check)


@dataclass(frozen=True, slots=True)
class Want:
    """Marks a type with the name the reference gives it in error texts."""

    name: str


Int = Annotated[int, _integer("int"), Want("int")]
"""A whole number of 64 bits; ``7000.0`` is one, ``"7000"`` and ``true`` are not."""

Int64 = Annotated[int, _integer("int64"), Want("int64")]
"""The same, where the reference's error texts contain ``int64``."""

Str = Annotated[str, Strict(), Want("string")]
Bool = Annotated[bool, Strict(), Want("bool")]
StrList = Annotated[tuple[Str, ...], Want("[]string")]
StrMap = Annotated[dict[Str, Str], Want("map[string]string")]


class Secret(str):
    """A text that never prints: ``str()``, ``repr()`` and formatting give ``***``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'" if self.reveal() else "''"

    def __str__(self) -> str:
        return "***" if self.reveal() else ""

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def reveal(self) -> str:
        """The secret in plain text; use it where it is sent, never in a log."""
        return str.__str__(self)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(cls, core_schema.str_schema(strict=True))


@dataclass(frozen=True, slots=True)
class Bandwidth:
    """A rate limit: the text as configured, trimmed, and its bytes per second
    (docs/protocol/configuration.md §2.4)."""

    text: str = ""
    bytes: int = 0

    def __bool__(self) -> bool:
        return bool(self.text)

    def __str__(self) -> str:
        return self.text

    @classmethod
    def parse(cls, text: str) -> Bandwidth:
        """Read ``100KB`` or ``1.5MB`` (powers of 1024); raises ValueError in the reference's words."""
        text = text.strip(SPACE)
        if not text:
            return cls()
        base = {"MB": MB, "KB": KB}.get(text[-2:])
        if base is None:
            raise ValueError("unit not support")
        return cls(text, _truncate(parse_float(text[:-2]) * base))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(_bandwidth)


def _truncate(rate: float) -> int:
    if rate != rate:
        return 0
    if abs(rate) >= 2.0**63:
        return INT64_MAX if rate > 0 else INT64_MIN
    return int(rate)


def _bandwidth(value: object) -> Bandwidth:
    if isinstance(value, Bandwidth):
        return value
    if not isinstance(value, str):
        raise mismatch(kind(value), "string")
    try:
        return Bandwidth.parse(value)
    except ValueError as error:
        raise PydanticCustomError("value", "{text}", {"text": str(error)}) from None


def parse_ports(text: str) -> tuple[tuple[int, int], ...]:
    """Read ``1000-2000,3000`` as inclusive pairs; raises :class:`~aiofrp.errors.ConfigError`."""
    return tuple(_ports(part) for part in text.strip(SPACE).split(","))


def _ports(part: str) -> tuple[int, int]:
    ends = part.split("-")
    if len(ends) > 2:
        raise ConfigError("range number is invalid")
    try:
        numbers = [parse_int(end.strip(SPACE), 10) for end in ends]
    except ValueError as error:
        raise ConfigError(f"range number is invalid, {error}") from None
    if numbers[-1] < numbers[0]:
        raise ConfigError("range number is invalid")
    return numbers[0], numbers[-1]
