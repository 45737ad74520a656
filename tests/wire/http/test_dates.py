"""Dates of HTTP in their three forms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.wire.http.dates import date_text, parse_date


@pytest.mark.parametrize(
    "text",
    [b"Sun, 06 Nov 1994 08:49:37 GMT", b"Sunday, 06-Nov-94 08:49:37 GMT", b"Sun Nov  6 08:49:37 1994"],
)
def test_each_form_says_the_same(text: bytes) -> None:
    assert parse_date(text) == 784111777


@given(st.integers(0, 253_402_300_799))
def test_a_date_that_was_written_is_read(second: int) -> None:
    assert parse_date(date_text(second)) == second


@pytest.mark.parametrize(("second", "text"), [(-5.5, b"1970"), (10**15, b"9999"), (1.9, b"00:00:01")])
def test_times_without_a_form_become_the_nearest(second: float, text: bytes) -> None:
    assert text in date_text(second)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"tomorrow",
        b"784111777",
        b"Sun, 31 Feb 1994 08:49:37 GMT",
        b"Sun, 06 Nov 1994 24:00:00 GMT",
        b"Sun, 06 Nov 0000 08:49:37 GMT",
        b"Sun, 06 Nov 1994 08:49:37 CET",
        b"Sun, 06 Nov 1994 08:49:37 GMT ",
        b"Sun, 00 Nov 1994 08:49:37 GMT",
    ],
)
def test_what_is_no_date(text: bytes) -> None:
    assert parse_date(text) is None


@given(st.binary(max_size=64))
def test_no_text_is_too_odd(text: bytes) -> None:
    parse_date(text)


@pytest.mark.parametrize(("year", "full"), [(b"69", b"1969"), (b"68", b"2068")])
def test_years_of_two_digits(year: bytes, full: bytes) -> None:
    short = parse_date(b"Sunday, 06-Nov-%b 08:49:37 GMT" % year)
    assert short == parse_date(b"Sun, 06 Nov %b 08:49:37 GMT" % full)
