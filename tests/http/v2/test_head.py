"""Heads of HTTP/2 as heads of HTTP/1.1."""

from __future__ import annotations

import pytest

from aiofrp.http.v2.head import last_chunk, request_of, response_headers
from aiofrp.http.v2.stream import Headers
from aiofrp.wire.http.head import CHUNKED, HeadError
from aiofrp.wire.http.response import parse_response


def get(*fields: tuple[bytes, bytes], method: bytes = b"GET", path: bytes = b"/a?b") -> Headers:
    return [(b":method", method), (b":scheme", b"http"), (b":authority", b"x"), (b":path", path), *fields]


def test_a_request_is_as_one_of_http_1() -> None:
    request = request_of(
        get((b"cookie", b"a=1"), (b"x", b"y"), (b"cookie", b"b=2"), (b"host", b"other")), ended=True
    )
    assert (request.method, request.target, request.host) == (b"GET", b"/a?b", b"x")
    assert request.body_size == 0
    assert [pair for pair in request.fields if pair[0] != b"host"] == [
        (b"x", b"y"),
        (b"cookie", b"a=1; b=2"),
    ]


@pytest.mark.parametrize(
    ("fields", "ended", "size"),
    [((), False, CHUNKED), (((b"content-length", b"3"),), False, 3), ((), True, 0)],
)
def test_how_long_the_body_is(fields: tuple[tuple[bytes, bytes], ...], ended: bool, size: int) -> None:
    assert request_of(get(*fields, method=b"POST"), ended).body_size == size


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (get(method=b"CONNECT"), 501),
        (get(path=b"x"), 400),
        (get(path=b"http://x/"), 400),
        (get(path=b""), 400),
        (get((b"a", b"b\r\nc: d")), 400),
        (get((b"a", b"\0")), 400),
        (get((b"content-length", b"3")), 400),
    ],
)
def test_what_is_refused(headers: Headers, status: int) -> None:
    with pytest.raises(HeadError) as caught:
        request_of(headers, ended=True)
    assert caught.value.status == status


def test_a_response_has_its_status_and_small_letters() -> None:
    head = parse_response(b"HTTP/1.1 404 Not Found\r\n\r\n")
    assert response_headers(head, [(b"X-A", b"B")]) == [(b":status", b"404"), (b"x-a", b"B")]


def test_a_last_chunk_has_only_what_may_be_a_trailer() -> None:
    assert last_chunk([]) == b"0\r\n\r\n"
    trailers = [(b"x-sum", b"1"), (b"content-length", b"7"), (b"transfer-encoding", b"chunked")]
    assert last_chunk(trailers) == b"0\r\nx-sum: 1\r\n\r\n"
