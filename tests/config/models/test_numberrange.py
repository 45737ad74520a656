"""Lists of numbers."""

from __future__ import annotations

import pytest

from aiofrp.config.models import numberrange
from aiofrp.config.models.numberrange import MAX_NUMBERS, NumberRange


def test_items() -> None:
    assert numberrange.parse(" 1000-1002, 2000 ,5-5") == [
        NumberRange(1000, 1002),
        NumberRange(2000, None),
        NumberRange(5, 5),
    ]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("7", [7]), ("1-3,9", [1, 2, 3, 9]), ("3,1", [3, 1]), ("+1 - 2", [1, 2]), ("2,2", [2, 2])],
)
def test_expansion(text: str, numbers: list[int]) -> None:
    assert numberrange.expand(text) == numbers


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("3-1", "range number is invalid"),
        ("1-2-3", "range number is invalid"),
        ("", 'range number is invalid, strconv.ParseInt: parsing "": invalid syntax'),
        ("1,,2", 'range number is invalid, strconv.ParseInt: parsing "": invalid syntax'),
        ("-5", 'range number is invalid, strconv.ParseInt: parsing "": invalid syntax'),
        ("a", 'range number is invalid, strconv.ParseInt: parsing "a": invalid syntax'),
        (
            "1-9223372036854775808",
            'range number is invalid, strconv.ParseInt: parsing "9223372036854775808": value out of range',
        ),
    ],
)
def test_errors(text: str, message: str) -> None:
    with pytest.raises(ValueError, match="range number is invalid") as caught:
        numberrange.expand(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "text", [f"1-{MAX_NUMBERS + 1}", "1-9223372036854775807", "1," * MAX_NUMBERS + "1", f"1-{MAX_NUMBERS},1"]
)
def test_the_size_is_limited(text: str) -> None:
    with pytest.raises(ValueError, match=f"more than {MAX_NUMBERS} numbers"):
        numberrange.expand(text)


def test_the_limit_itself_is_allowed() -> None:
    assert len(numberrange.expand(f"1-{MAX_NUMBERS}")) == MAX_NUMBERS
