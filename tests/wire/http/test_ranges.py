"""Ranges of bytes: which are asked for, and how several are sent."""

from __future__ import annotations

import email.message
import email.parser
import email.policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.wire.http.ranges import MAX_RANGES, ByteRange, Multipart, NoOverlap, RangeError, parse_ranges


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (b"bytes=2-5", [(2, 4)]),
        (b"bytes=2-", [(2, 14)]),
        (b"bytes=-5", [(11, 5)]),
        (b"bytes=-99", [(0, 16)]),
        (b"bytes=15-99", [(15, 1)]),
        (b"bytes= 0-1 ,\t4 - 5,,", [(0, 2), (4, 2)]),
        (b"bytes=0-0,16-20", [(0, 1)]),
        (b"bytes=00000000000000000000000002-5", [(2, 4)]),
        (b"bytes=0-15,0-0", []),  # more than there is: all of it
        (b"bytes=", []),
    ],
)
def test_ranges_of_sixteen_bytes(value: bytes, found: list[tuple[int, int]]) -> None:
    assert parse_ranges(value, 16) == [ByteRange(*pair) for pair in found]


@pytest.mark.parametrize("value", [b"bytes=16-", b"bytes=50-60", b"bytes=-0", b"bytes=16-,17-18"])
def test_ranges_behind_the_end(value: bytes) -> None:
    with pytest.raises(NoOverlap, match="failed to overlap"):
        parse_ranges(value, 16)
    assert parse_ranges(value, 0) == []


@pytest.mark.parametrize(
    "value",
    b" |2-5|lines=1-2|bytes=-|bytes=5-2|bytes=a-b|bytes=+1-2|bytes=1|bytes=--1|bytes=1-2-3|bytes=0-1,x"
    b"|bytes=9999999999999999999-".split(b"|"),
)
def test_what_is_no_range(value: bytes) -> None:
    with pytest.raises(RangeError, match=r"^invalid range$"):
        parse_ranges(value, 16)


def test_too_many_ranges_are_no_ranges() -> None:
    many = b",".join(b"%d-%d" % (place, place) for place in range(MAX_RANGES))
    assert len(parse_ranges(b"bytes=" + many, 1000)) == MAX_RANGES
    assert parse_ranges(b"bytes=" + many + b",500-500", 1000) == []


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=5), st.integers(0, 30))
def test_every_range_lies_in_the_content(pairs: list[tuple[int, int]], size: int) -> None:
    asked = [(min(pair), max(pair)) for pair in pairs]
    value = b"bytes=" + b",".join(b"%d-%d" % pair for pair in asked)
    content = set(range(size))
    wanted = [set(range(first, last + 1)) & content for first, last in asked]
    try:
        ranges = parse_ranges(value, size)
    except NoOverlap:
        assert not any(wanted)
        return
    got = [set(range(part.start, part.start + part.length)) for part in ranges]
    assert got == [part for part in wanted if part] or (not got and sum(map(len, wanted)) > size)


@given(st.binary(max_size=40), st.integers(0, 50))
def test_no_field_is_too_odd(value: bytes, size: int) -> None:
    try:
        ranges = parse_ranges(b"bytes=" + value, size)
    except RangeError:
        return
    assert all(part.length > 0 and part.start + part.length <= size for part in ranges)


def test_several_ranges_are_a_message_of_parts() -> None:
    content = b"0123456789abcdef"
    ranges = [ByteRange(0, 2), ByteRange(4, 2)]
    parts = Multipart(ranges, len(content), b"text/plain", b"boundary")
    body = b"".join(
        head + content[part.start : part.start + part.length]
        for head, part in zip(parts.heads, ranges, strict=True)
    )
    body += parts.tail
    assert len(body) == parts.length
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(
        b"Content-Type: " + parts.type + b"\r\n\r\n" + body
    )
    read = [part for part in message.iter_parts() if isinstance(part, email.message.EmailMessage)]
    assert [part["Content-Range"] for part in read] == ["bytes 0-1/16", "bytes 4-5/16"]
    assert [part.get_content() for part in read] == ["01", "45"]
