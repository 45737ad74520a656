"""The parser of lists of numbers such as ``1000-1002,2000``.

It serves ``parseNumberRange`` of templates, ``range:`` sections and ``allow_ports`` of INI files. Any 64-bit number is
allowed, not only ports.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aiofrp.config.golang.literals import SPACE, parse_int

MAX_NUMBERS: Final = 262_144
"""Most numbers in one list: four times the number of ports. The reference has no limit."""


@dataclass(frozen=True, slots=True)
class NumberRange:
    """One item of a list: a single number, or a range that includes both ends."""

    first: int
    last: int | None
    """The end of a range, or ``None`` for a single number."""

    def count(self) -> int:
        """How many numbers the item contains, at least 1."""
        return 1 if self.last is None else self.last - self.first + 1


def parse(text: str) -> list[NumberRange]:
    """Parse a list into its items, in order.

    Raises :exc:`ValueError` with the reference's text (``range number is invalid…``), and for more than
    :data:`MAX_NUMBERS` items.
    """
    items = text.strip(SPACE).split(",", MAX_NUMBERS)
    _check_size(len(items))
    return [_parse_item(item) for item in items]


def expand(text: str) -> list[int]:
    """All numbers of a list, in order. Raises :exc:`ValueError` as :func:`parse` does, and above
    :data:`MAX_NUMBERS` numbers."""
    numbers: list[int] = []
    for item in parse(text):
        _check_size(len(numbers) + item.count())
        numbers.extend(range(item.first, item.first + item.count()))
    return numbers


def _parse_item(text: str) -> NumberRange:
    parts = text.split("-", 2)
    if len(parts) > 2:
        raise ValueError("range number is invalid")
    try:
        numbers = [parse_int(part.strip(SPACE), base=10) for part in parts]
    except ValueError as error:
        raise ValueError(f"range number is invalid, {error}") from None
    if numbers[-1] < numbers[0]:
        raise ValueError("range number is invalid")
    return NumberRange(numbers[0], numbers[1] if len(numbers) == 2 else None)


def _check_size(count: int) -> None:
    if count > MAX_NUMBERS:
        raise ValueError(f"range holds more than {MAX_NUMBERS} numbers")
