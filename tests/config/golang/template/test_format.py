"""Printing as Go's fmt does. Expectations come from Go."""

from __future__ import annotations

import pytest

from aiofrp.config.golang.template.errors import CallError
from aiofrp.config.golang.template.format import MAX_TEXT, sprint, sprintf, sprintln
from aiofrp.config.golang.template.values import (
    NOTHING,
    Int64,
    StringMap,
    Value,
)
from aiofrp.config.load.template import NumberList, NumberPair, Root
from tests.config.batch import every


@every(
    [
        ("%d", 5, "5"),
        ("%05d", -5, "-0005"),
        ("%-5d|", 5, "5    |"),
        ("%+d", 5, "+5"),
        ("% d", 5, " 5"),
        ("%.3d", 5, "005"),
        ("%.0d", 0, ""),
        ("%x", 255, "ff"),
        ("%X", -255, "-FF"),
        ("%s", "a", "a"),
        ("%5s", "é", "    é"),
        ("%05s", "ab", "000ab"),
        ("%-5s|", "ab", "ab   |"),
        ("%.2s", "abc", "ab"),
        ("%q", 'a"\n\x7f', '"a\\"\\n\\x7f"'),
        ("%x", "é", "c3a9"),
        ("% X", "é", "C3 A9"),
        ("%t", True, "true"),
        ("%7t", False, "  false"),
        ("%v", 1.0, "1"),
        ("%v", 1e6, "1e+06"),
        ("%v", 0.00001, "1e-05"),
        ("%6.2f", 3.14159, "  3.14"),
        ("%+08.2f", 3.14159, "+0003.14"),
        ("%.3v", 1234.5, "1.23e+03"),
        ("%v", NOTHING, "<nil>"),
        ("%s", NOTHING, "%!s(<nil>)"),
        ("%d", "x", "%!d(string=x)"),
        ("%5d", "x", "%!d(string=    x)"),
        ("%s", Int64(1), "%!s(int64=1)"),
        ("%z", 3, "%!z(int=3)"),
        ("%T", NumberList(), "[]int64"),
        ("%v", NumberList([Int64(1), Int64(2)]), "[1 2]"),
        ("%03d", NumberList([Int64(1), Int64(2)]), "[001 002]"),
        ("%v", NumberPair(Int64(1), Int64(2)), "{1 2}"),
        ("%+v", NumberPair(Int64(1), Int64(2)), "{First:1 Second:2}"),
        ("%v", StringMap.of({"B": "2", "A": "1"}), "map[A:1 B:2]"),
        ("%v", Root(StringMap.of({"A": "1"}), "*config.Values"), "&{map[A:1]}"),
        ("100%%", 1, "100%%!(EXTRA int=1)"),
        ("%", 1, "%!(NOVERB)%!(EXTRA int=1)"),
        ("%d %d", 1, "1 %!d(MISSING)"),
        ("%9999999d rest", 1, "%!(NOVERB)%!(EXTRA int=1)"),
    ]
)
def test_printf(template: str, value: Value, expected: str) -> None:
    assert sprintf(template, [value]) == expected


def test_print_puts_blanks_between_what_is_not_text() -> None:
    assert sprint([1, 2, "x", 3, True, NOTHING]) == "1 2x3 true <nil>"


def test_println_puts_blanks_everywhere() -> None:
    assert sprintln(["a", "b", 1]) == "a b 1\n"


@every(
    [
        ("%*d", "an argument as width"),
        ("%[1]d", "numbered argument"),
        ("%#v", "flag #"),
        ("%p", "verb %p"),
        ("%w", "verb %w"),
        ("%U", "verb %U"),
        *((f"%{verb}", f"verb %{verb}") for verb in "bceEFgGoO"),
        ("%q", "verb %q for numbers"),
        ("%+q", "flag +"),
    ]
)
def test_the_rest_is_refused_by_name(template: str, name: str) -> None:
    value: Value = "x" if template == "%+q" else 1
    with pytest.raises(CallError) as caught:
        sprintf(template, [value, value])
    assert name in str(caught.value)
    assert str(caught.value).endswith("is not supported")


@pytest.mark.parametrize("template", ["%1000000d" * 20, "%.1000000f" * 20])
def test_text_has_a_limit(template: str) -> None:
    with pytest.raises(CallError, match=f"more than {MAX_TEXT} characters"):
        sprintf(template, [1.5 if "f" in template else 1] * 20)
