"""Lists of numbers as users write them: ``1000-1002,2000``.

Used by ``parseNumberRange`` of templates, ``range:`` sections and ``allow_ports`` of INI files. Knows nothing
about ports: any 64-bit number is fine here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aiofrp.config.golang.literals import SPACE, parse_int

MAX_NUMBERS: Final = 262_144
"""How many numbers one list may hold: four times all ports. The reference has no limit, only memory."""


@dataclass(frozen=True, slots=True)
class NumberRange:
    """One item of a list of numbers: a number, or a span with both ends."""

    first: int
    last: int | None
    """``None`` for an item that is a single number."""

    def count(self) -> int:
        """How many numbers the item contains."""
        return 1 if self.last is None else self.last - self.first + 1


def parse(text: str) -> list[NumberRange]:
    """Split a list into its items. Raises :exc:`ValueError` (``range number is invalid…``)."""
    items = text.strip(SPACE).split(",", MAX_NUMBERS)
    _check_size(len(items))
    return [_parse_item(item) for item in items]


def expand(text: str) -> list[int]:
    """All numbers of a list, in the order written. Raises :exc:`ValueError`."""
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
