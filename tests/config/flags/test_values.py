"""Texts of flags as values."""

from __future__ import annotations

import pytest

from aiofrp.config.flags.values import KINDS, read_bool, read_duration, read_list, read_map
from aiofrp.config.models.types import Bandwidth


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("1m30s", 90),
        ("500ms", 0.5),
        ("1.5h", 5400),
        ("0", 0),
        ("-2s", -2),
        ("+.5s", 0.5),
        ("1ms500us", 0.0015),
        ("2µs", 2e-6),
        ("10ns", 1e-8),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert read_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "-", "s", ".s", "1", "1s2", "1 s", "1s ", "x", "1d", "9" * 30 + "h"])
def test_texts_that_are_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match="time: "):
        read_duration(text)


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("", ()),
        ("a", ("a",)),
        ("a,b", ("a", "b")),
        (",", ("", "")),
        ('"a,b",c', ("a,b", "c")),
        ('"say ""x"""', ('say "x"',)),
        ('""', ("",)),
        ("a b, c", ("a b", " c")),
    ],
)
def test_lists(text: str, items: tuple[str, ...]) -> None:
    assert read_list(text) == items


@pytest.mark.parametrize(("text", "column"), [('a"b', 2), ("c,a'\"", 5), ('"a"b', 1), ('x,"a', 3)])
def test_stray_quotes_in_lists(text: str, column: int) -> None:
    with pytest.raises(ValueError, match=f"line 1, column {column}:"):
        read_list(text)


@pytest.mark.parametrize(
    ("text", "table"),
    [
        ("a=1", {"a": "1"}),
        ("a=1,b=2", {"a": "1", "b": "2"}),
        ("a=1,b", {"a": "1,b"}),
        ('"a=x,y",b=2', {"a": "x,y", "b": "2"}),
        ('"a=1"', {"a": "1"}),
        ("=", {"": ""}),
        ("a=1,a=2", {"a": "2"}),
    ],
)
def test_maps(text: str, table: dict[str, str]) -> None:
    assert read_map(text) == table


@pytest.mark.parametrize("text", ["", "a", "a=1,b=2,c"])
def test_texts_that_are_no_maps(text: str) -> None:
    with pytest.raises(ValueError, match="must be formatted as key=value"):
        read_map(text)


def test_booleans() -> None:
    assert all(read_bool(text) is True for text in ("1", "t", "T", "true", "TRUE", "True"))
    assert all(read_bool(text) is False for text in ("0", "f", "F", "false", "FALSE", "False"))
    with pytest.raises(ValueError, match=r'strconv\.ParseBool: parsing "yes"'):
        read_bool("yes")


def test_values_of_the_models() -> None:
    assert KINDS["bandwidth"].read("1.5MB") == Bandwidth("1.5MB", 1572864)
    assert KINDS["ports"].read("10-12,20") == ((10, 12), (20, 20))
    assert KINDS["int"].read("0x10") == 16
