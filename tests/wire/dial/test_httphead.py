"""Heads of HTTP messages: cuts, limits, what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.dial.httphead import MAX_DIAL_HEAD, HeadReader, parse_dial_response, parse_upgrade
from tests.wire.cuts import chunks

REQUEST = b"GET /a?b HTTP/1.1\r\nHost: x\r\nAccept: 1\r\naccept: 2\r\n\r\n"


@given(rest=st.binary(max_size=40), cuts=st.lists(st.integers(0, 100), max_size=6))
def test_a_head_and_what_follows_it_in_any_cuts(rest: bytes, cuts: list[int]) -> None:
    reader, found = HeadReader(), None
    after = b""
    for chunk in chunks(REQUEST + rest, cuts):
        if found is None:
            found = reader.receive_data(chunk)
        else:
            after += chunk
    assert found is not None
    assert found[0] == REQUEST
    assert found[1] + after == rest


def test_the_longest_head() -> None:
    head = b"GET / HTTP/1.1\r\nX: " + b"a" * (MAX_DIAL_HEAD - 23) + b"\r\n\r\n"
    assert len(head) == MAX_DIAL_HEAD
    assert HeadReader().receive_data(head + b"rest") == (head, b"rest")


@pytest.mark.parametrize("step", [1, 100, 20_000])
def test_a_head_too_long(step: int) -> None:
    reader, data = HeadReader(), b"a" * (MAX_DIAL_HEAD + 1) + b"\r\n\r\n"
    with pytest.raises(RemoteProtocolError, match="within 8192 bytes"):
        any(reader.receive_data(data[start : start + step]) for start in range(0, len(data), step))


def test_a_request() -> None:
    request = parse_upgrade(REQUEST)
    assert (request.method, request.target) == ("GET", "/a?b")
    assert request.fields == {"host": "x", "accept": "1, 2"}


def test_a_request_to_leave_http() -> None:
    assert parse_upgrade(b"CONNECT a:1 HTTP/1.1\r\n\r\n").target == "a:1"


@pytest.mark.parametrize(
    ("head", "status", "reason"),
    [
        (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: a\r\nConnection: Upgrade\r\n\r\n",
            101,
            "Switching Protocols",
        ),
        (b"HTTP/1.0 200\r\n\r\n", 200, ""),
        (b"HTTP/1.1 407 Who are you\r\nContent-Length: 10\r\n\r\n", 407, "Who are you"),
    ],
)
def test_a_response(head: bytes, status: int, reason: str) -> None:
    response = parse_dial_response(head)
    assert (response.status, response.reason) == (status, reason)


@pytest.mark.parametrize(
    "head",
    [
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: b\n\r\n\r\n",
        b"\x16\x03\x01\r\n\r\n",
    ],
)
def test_no_request(head: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="malformed HTTP head"):
        parse_upgrade(head)


@pytest.mark.parametrize(
    "head", [b"\r\n\r\n", b"HTTP/1.1 x\r\n\r\n", b"SSH-2.0-x\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"]
)
def test_no_response(head: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="malformed HTTP head"):
        parse_dial_response(head)
