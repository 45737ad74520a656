"""Heads one after another out of what a user sent, in any cuts, within a measure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.wire.http.head import MAX_HEAD, HeadError
from aiofrp.wire.http.headbuffer import MAX_HELD, HeadBuffer
from tests.wire.cuts import chunks

FIRST, SECOND = b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /2 HTTP/1.1\r\nHost: b\r\n\r\n"


@given(st.lists(st.integers(0, 80), max_size=10))
def test_heads_in_any_cuts(cuts: list[int]) -> None:
    buffer, heads = HeadBuffer(), []
    for part in chunks(FIRST + SECOND + b"GET", cuts):
        buffer.receive_data(part)
        while buffer and (head := buffer.next_head()) is not None:
            heads.append(head)
    assert heads == [FIRST, SECOND]
    assert buffer.take() == b"GET"
    assert not buffer


def test_what_is_taken_is_not_looked_at_again() -> None:
    buffer = HeadBuffer()
    buffer.receive_data(FIRST[:-1])
    assert buffer.next_head() is None
    assert buffer.take() == FIRST[:-1]
    buffer.receive_data(SECOND)
    assert buffer.next_head() == SECOND


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\nHost: a\n\n", b"GET / HTTP/1.1\r\nHost: a\r\n\n"])
def test_an_end_by_a_bare_lf_is_refused_at_once(data: bytes) -> None:
    buffer = HeadBuffer()
    for position in range(len(data) - 1):
        buffer.receive_data(data[position : position + 1])
        assert buffer.next_head() is None
    buffer.receive_data(data[-1:])
    with pytest.raises(HeadError) as caught:
        buffer.next_head()
    assert caught.value.status == 400


def test_tls_is_refused_at_its_second_byte() -> None:
    buffer = HeadBuffer()
    buffer.receive_data(b"\x16")
    assert buffer.next_head() is None
    buffer.receive_data(b"\x03")
    with pytest.raises(HeadError, match="plain HTTP, not TLS"):
        buffer.next_head()


@pytest.mark.parametrize("end", [b"", b"\r\n\r\n"])
def test_a_head_has_a_limit(end: bytes) -> None:
    buffer = HeadBuffer()
    buffer.receive_data(b"X: " + b"y" * (MAX_HEAD - 3))
    assert buffer.next_head() is None
    buffer.receive_data(b"y" + end)
    with pytest.raises(HeadError) as caught:
        buffer.next_head()
    assert caught.value.status == 431


def test_it_takes_no_more_than_its_limit_although_no_head_is_asked_for() -> None:
    buffer = HeadBuffer()
    for _ in range(MAX_HELD // 4096):
        buffer.receive_data(FIRST.ljust(4096))
    before = len(buffer)
    with pytest.raises(HeadError) as caught:
        buffer.receive_data(bytes(4096))
    assert caught.value.status == 431
    assert len(buffer) == before
