"""Numbers and strings as Go reads and writes them. Expectations come from Go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.config.golang import literals
from tests.config.batch import every


@every(
    [
        ("0", 0),
        ("-0", 0),
        ("+5", 5),
        ("010", 8),
        ("0_7", 7),
        ("0o17", 15),
        ("0x10", 16),
        ("0x_1F", 31),
        ("0b11", 3),
        ("1_000", 1000),
        ("-0x10", -16),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
    ]
)
def test_integers(text: str, value: int) -> None:
    assert literals.parse_int(text) == value


@every(
    [
        ("", "invalid syntax"),
        ("08", "invalid syntax"),
        ("_1", "invalid syntax"),
        ("1_", "invalid syntax"),
        ("1__0", "invalid syntax"),
        ("0x", "invalid syntax"),
        (" 1", "invalid syntax"),
        ("1.0", "invalid syntax"),
        ("٣", "invalid syntax"),
        ("9223372036854775808", "value out of range"),
        ("9" * 9999, "value out of range"),
    ]
)
def test_no_integers(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        literals.parse_int(text)
    assert str(caught.value) == f"strconv.ParseInt: parsing {literals.quote(text)}: {reason}"


def test_base_ten_knows_no_prefixes() -> None:
    assert literals.parse_int("010", base=10) == 10
    with pytest.raises(ValueError, match="invalid syntax"):
        literals.parse_int("0x10", base=10)


def test_unsigned_integers() -> None:
    assert literals.parse_uint("18446744073709551615") == 2**64 - 1
    for text in ("+1", "-1", "18446744073709551616"):
        with pytest.raises(ValueError, match="ParseUint"):
            literals.parse_uint(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("1_0.5", 10.5),
        ("1e+5_0", 1e50),
        ("0x1p-2", 0.25),
        ("-Inf", float("-inf")),
    ],
)
def test_floats(text: str, value: float) -> None:
    assert literals.parse_float(text) == value


@every(["", "1e", "0x1", "0b1", "1_.5", ".", "1e400", "0x1p99999", "abc"])
def test_no_floats(text: str) -> None:
    with pytest.raises(ValueError, match=r"strconv\.ParseFloat: parsing"):
        literals.parse_float(text)


@every(
    [
        (1.0, "1"),
        (-0.0, "-0"),
        (100000.0, "100000"),
        (1e6, "1e+06"),
        (12345678.9, "1.23456789e+07"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (1e21, "1e+21"),
        (float("inf"), "+Inf"),
        (float("nan"), "NaN"),
    ]
)
def test_writing_floats(value: float, text: str) -> None:
    assert literals.format_float(value) == text


def test_writing_single_floats() -> None:
    assert literals.format_float(0.1, single=True) == "0.1"
    assert literals.format_float(16777217.0, single=True) == "1.6777216e+07"
    assert literals.format_float(1e300, single=True) == "+Inf"


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_written_floats_read_back(value: float) -> None:
    assert literals.parse_float(literals.format_float(value)) == value


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("", '""'),
        ('a"\\', r'"a\"\\"'),
        ("\n\t\x01\x7f", r'"\n\t\x01\x7f"'),
        ("é\u200b\U000e0001\udcff", r'"é\u200b\U000e0001\xff"'),
    ],
)
def test_quoting(text: str, literal: str) -> None:
    assert literals.quote(text) == literal
    assert literals.unquote(literal) == text


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_quoted_text_reads_back(text: str) -> None:
    assert literals.unquote(literals.quote(text)) == text


@pytest.mark.parametrize(
    ("literal", "text"),
    [
        (r'"\x41\101\u00e9\U0001F600"', "AAé😀"),
        (r'"\xc3\xa9"', "é"),
        ("`\\n\r`", "\\n"),
        ("'\"'"[0:0] or '"\'"', "'"),
    ],
)
def test_unquoting(literal: str, text: str) -> None:
    assert literals.unquote(literal) == text


@every(['"', '"a', '"a"b"', r'"\z"', r'"\400"', r'"\ud800"', r'"\U00110000"', r'"\'"', '"\n"', "`a`b`", "x"])
def test_not_a_string(literal: str) -> None:
    with pytest.raises(ValueError, match="invalid syntax"):
        literals.unquote(literal)


@pytest.mark.parametrize(
    ("literal", "code"),
    [("'a'", 97), ("'é'", 233), (r"'\n'", 10), (r"'\xff'", 255), (r"'\''", 39), ("'\"'", 34)],
)
def test_characters(literal: str, code: int) -> None:
    assert literals.unquote_char(literal) == code


@pytest.mark.parametrize("literal", ["''", "'ab'", r"'\"'", r"'\z'"])
def test_not_a_character(literal: str) -> None:
    with pytest.raises(ValueError, match=r"invalid syntax|malformed character constant"):
        literals.unquote_char(literal)


@given(st.binary())
def test_bytes_survive(data: bytes) -> None:
    assert literals.to_bytes(literals.from_bytes(data)) == data
