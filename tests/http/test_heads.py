"""Heads of one response: cuts, interim ones, how much there may be of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.errors import RemoteProtocolError
from aiofrp.http.heads import INTERIM_COST, MAX_RESPONSE_HEAD, ResponseHeads, opens_tunnel
from aiofrp.wire.http.head import parse_request
from aiofrp.wire.http.response import parse_response
from tests.wire.cuts import chunks

INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
FINAL = b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n"


@given(rest=st.binary(max_size=20), cuts=st.lists(st.integers(0, 120), max_size=6))
def test_heads_and_what_follows_them_in_any_cuts(rest: bytes, cuts: list[int]) -> None:
    heads, found, after = ResponseHeads(), [], b""
    assert heads.untouched
    for chunk in chunks(INTERIM * 2 + FINAL + rest, cuts):
        if 200 in found:
            after += chunk
            continue
        heads.receive_data(chunk)
        while 200 not in found and (head := heads.next_head()) is not None:
            found.append(head.status)
        if 200 in found:
            after += heads.rest()
        assert not heads.untouched or not chunk
    assert found == [103, 103, 200]
    assert after == rest


def test_how_many_interim_heads_there_may_be() -> None:
    heads = ResponseHeads()
    for _ in range(MAX_RESPONSE_HEAD // INTERIM_COST):
        heads.receive_data(INTERIM)
        assert heads.next_head() is not None
    heads.receive_data(INTERIM)
    with pytest.raises(RemoteProtocolError, match="headers exceeded"):
        heads.next_head()


@pytest.mark.parametrize("whole", [True, False])
def test_how_long_a_head_may_be(whole: bool) -> None:
    heads = ResponseHeads()
    head = b"HTTP/1.1 200 OK\r\nX: " + b"y" * MAX_RESPONSE_HEAD + b"\r\n\r\n"
    heads.receive_data(head if whole else head[:-2])
    with pytest.raises(RemoteProtocolError, match="headers exceeded"):
        heads.next_head()


def test_what_is_no_head() -> None:
    heads = ResponseHeads()
    heads.receive_data(b"SSH-2.0-x\r\n\r\n")
    with pytest.raises(RemoteProtocolError, match="malformed HTTP response"):
        heads.next_head()


@pytest.mark.parametrize(
    ("request_text", "response", "opens"),
    [
        (b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: A, b", b"101 x\r\nUpgrade: a", True),
        (b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: a", b"101 x\r\nUpgrade: a, c", False),
        (b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: a", b"101 x", False),
        (b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: a", b"200 x\r\nUpgrade: a", False),
        (b"GET / HTTP/1.1", b"101 x\r\nUpgrade: a", False),
        (b"CONNECT x:1 HTTP/1.1", b"200 x", True),
        (b"CONNECT x:1 HTTP/1.1", b"204 x", True),
        (b"CONNECT x:1 HTTP/1.1", b"200 x\r\nContent-Length: 0", False),
        (b"CONNECT x:1 HTTP/1.1", b"200 x\r\nTransfer-Encoding: chunked", False),
        (b"CONNECT x:1 HTTP/1.1", b"403 x", False),
    ],
)
def test_what_opens_a_tunnel(request_text: bytes, response: bytes, opens: bool) -> None:
    request = parse_request(request_text + b"\r\nHost: x:1\r\n\r\n")
    head = parse_response(b"HTTP/1.1 " + response + b"\r\n\r\n")
    assert opens_tunnel(request, head) is opens
