"""Single scalars, apart from documents."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.config.golang.yamlscalar import PREFIX, Scalar, scalar
from tests.config.batch import every


@every(
    [
        ("", "yes", True, True),
        ("", "yes", False, "yes"),
        ("str", "yes", True, "yes"),
        ("bool", "yes", False, True),
        ("int", "0x10", False, 16),
        ("float", "5", True, 5.0),
        ("null", "", False, None),
        ("binary", "aGk=\n", False, "hi"),
        ("timestamp", "2001-12-14t21:59:43.1Z", False, "2001-12-14t21:59:43.1Z"),
        ("timestamp", "2001-12-14 21:59:43", False, "2001-12-14 21:59:43"),
        ("set", "5", True, "5"),
    ]
)
def test_values(tag: str, text: str, plain: bool, expected: Scalar) -> None:
    value = scalar(PREFIX + tag if tag else "", text, plain=plain)
    assert (value, type(value)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("tag", "text", "message"),
    [
        ("int", "5.0", "cannot decode !!float `5.0` as a !!int"),
        ("bool", "1", "cannot decode !!int `1` as a !!bool"),
        ("null", "x", "cannot decode !!str `x` as a !!null"),
        ("float", "", "cannot decode !!null `` as a !!float"),
        ("timestamp", "2001-13-01", "cannot decode !!str `2001-13-01` as a !!timestamp"),
        ("timestamp", "2001-12-14t21:59:43", "cannot decode !!str `2001-12-14t21:59:43` as a !!timestamp"),
        ("binary", "%", "!!binary value contains invalid base64 data"),
    ],
)
def test_a_tag_the_text_does_not_suit(tag: str, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=r"cannot decode|invalid base64") as caught:
        scalar(PREFIX + tag, text, plain=True)
    assert str(caught.value) == message


@given(st.integers(-(2**63), 2**64 - 1))
def test_whole_numbers(number: int) -> None:
    assert scalar("", str(number), plain=True) == number


@given(st.text())
def test_any_text_has_a_value(text: str) -> None:
    assert isinstance(scalar("", text, plain=True), str | float | int | None)
    assert scalar("", text, plain=False) == text
