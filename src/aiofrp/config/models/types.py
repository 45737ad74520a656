"""The types of configuration values: strict numbers and texts, secrets, bandwidths and lists of ports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final, NamedTuple

from aiofrp.config.golang.jsonnumber import number_text
from aiofrp.config.golang.literals import INT64_MAX, INT64_MIN, SPACE, parse_float, parse_int
from aiofrp.errors import ConfigError

KB: Final = 1024
MB: Final = 1024 * 1024


def kind(value: object) -> str:
    """The reference's name of the JSON type of ``value``, as in its error texts: ``null``, ``bool``, ``string``,
    ``number``, ``object`` or ``array``."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, str):
        return "string"
    if isinstance(value, int | float):
        return "number"
    return "object" if isinstance(value, dict) else "array"


class WrongValue(ValueError):
    """A value that its field does not take: it has the wrong type, or the text says what else is wrong."""

    def __init__(self, text: str = "", *, got: str = "", want: str = "") -> None:
        """``text``: the whole error text, or empty for a wrong type, of which ``got`` and ``want`` are the reference's
        names where they are not those of the value and of the field."""
        super().__init__(text or f"cannot unmarshal {got} into {want}")
        self.text = text
        self.got = got
        self.want = want


def whole(value: Any) -> int:
    """``value`` as a whole number of 64 bits. Raises :class:`WrongValue`."""
    if type(value) is int and INT64_MIN <= value <= INT64_MAX:
        return value
    if type(value) is float and value.is_integer() and INT64_MIN <= value <= INT64_MAX:
        return int(value)
    got = kind(value)
    raise WrongValue(got=f"number {number_text(value)}" if got == "number" else got)


def text(value: Any) -> str:
    """``value``, which must be a text. Raises :class:`WrongValue`."""
    if isinstance(value, str):
        return value
    raise WrongValue


def truth(value: Any) -> bool:
    """``value``, which must be true or false. Raises :class:`WrongValue`."""
    if isinstance(value, bool):
        return value
    raise WrongValue


class Want(NamedTuple):
    """An argument of ``Annotated``: the reference's name of the type in error texts."""

    name: str


Int = Annotated[int, Want("int")]
"""A signed whole number of 64 bits; ``7000.0`` is accepted, ``"7000"`` and ``true`` are not."""

Int64 = Annotated[int, Want("int64")]
"""The same, where the reference's error texts contain ``int64``."""

Str = Annotated[str, Want("string")]
Bool = Annotated[bool, Want("bool")]
StrList = Annotated[tuple[Str, ...], Want("[]string")]
StrMap = Annotated[dict[Str, Str], Want("map[string]string")]


class Secret(str):
    """A text that is never printed: ``str()``, ``repr()`` and formatting give ``***``, or nothing if it is empty."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'" if self.reveal() else "''"

    def __str__(self) -> str:
        return "***" if self.reveal() else ""

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def reveal(self) -> str:
        """The secret in plain text, for sending or comparing it, never for a log."""
        return str.__str__(self)

    @classmethod
    def read(cls, value: Any) -> Secret:
        """The secret that a configuration has; any text. Raises :class:`WrongValue`."""
        return value if isinstance(value, Secret) else cls(text(value))


@dataclass(frozen=True, slots=True)
class Bandwidth:
    """A bandwidth limit (docs/protocol/configuration.md §2.4).

    ``text``: as configured, without blanks around it; empty means no limit. ``bytes``: bytes per second.
    """

    text: str = ""
    bytes: int = 0

    def __bool__(self) -> bool:
        return bool(self.text)

    def __str__(self) -> str:
        return self.text

    @classmethod
    def parse(cls, text: str) -> Bandwidth:
        """Parse a text such as ``100KB`` or ``1.5MB`` (powers of 1024), or an empty one.

        Raises :exc:`ValueError` with the reference's text.
        """
        text = text.strip(SPACE)
        if not text:
            return cls()
        base = {"MB": MB, "KB": KB}.get(text[-2:])
        if base is None:
            raise ValueError("unit not support")
        return cls(text, _truncate(parse_float(text[:-2]) * base))

    @classmethod
    def read(cls, value: Any) -> Bandwidth:
        """The limit that a configuration has; a text. Raises :class:`WrongValue`."""
        if isinstance(value, Bandwidth):
            return value
        if not isinstance(value, str):
            raise WrongValue(want="string")
        try:
            return cls.parse(value)
        except ValueError as error:
            raise WrongValue(str(error)) from None


def _truncate(rate: float) -> int:
    if rate != rate:
        return 0
    if abs(rate) >= 2.0**63:
        return INT64_MAX if rate > 0 else INT64_MIN
    return int(rate)


def parse_ports(text: str) -> tuple[tuple[int, int], ...]:
    """Parse a list of ports such as ``1000-2000,3000`` into pairs of first and last port, both included.

    Raises :class:`~aiofrp.errors.ConfigError` with the reference's text. Numbers outside 0 to 65535 are not refused.
    """
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
