"""Heads of HTTP/1: what they mean, and what is refused because two readers could take it in two ways."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.wire.http.head import (
    CHUNKED,
    HeadError,
    head_end,
    loose_head_end,
    parse_request,
)
from aiofrp.wire.http.response import parse_response

HOST = b"Host: a.test\r\n"


def request(line: bytes, fields: bytes = HOST) -> bytes:
    return line + b"\r\n" + fields + b"\r\n"


def get(fields: bytes) -> bytes:
    return request(b"GET / HTTP/1.1", HOST + fields)


@pytest.mark.parametrize("digits", [19, 5000])
def test_a_length_beyond_all_bodies_is_refused(digits: int) -> None:
    with pytest.raises(HeadError):
        parse_request(get(b"Content-Length: " + b"1" * digits + b"\r\n"))
    with pytest.raises(HeadError):
        parse_response(b"HTTP/1.1 200 OK\r\nContent-Length: " + b"1" * digits + b"\r\n\r\n")


# Requests


def test_a_request() -> None:
    head = parse_request(
        request(
            b"POST /a%20b?c=%zz&d;e HTTP/1.1",
            b"HOST: A.test:80\r\nX-One: 1\r\nx-one:  2 \t\r\nContent-Length: 3\r\nConnection: close, X-One\r\n"
            b"authorization: Basic eA==\r\nX-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 2.2.2.2\r\n",
        )
    )
    assert (head.method, head.target, head.minor) == (b"POST", b"/a%20b?c=%zz&d;e", 1)
    assert (head.host, head.path, head.absolute) == (b"A.test:80", b"/a b", False)
    assert (head.body_size, head.keep_alive, head.upgrade) == (3, False, b"")
    assert [name for name, _ in head.fields] == [b"X-One", b"x-one", b"authorization"]
    assert head.connection == {b"close", b"x-one"}
    assert head.note(b"authorization") == b"Basic eA=="
    assert head.noted[b"x-forwarded-for"] == [b"1.1.1.1", b"2.2.2.2"]
    assert head.note(b"te") == b""


@pytest.mark.parametrize(
    ("target", "host", "sent", "path"),
    [
        (b"/", b"a.test", b"/", b"/"),
        (b"//x/../y", b"a.test", b"//x/../y", b"//x/../y"),
        (b"/a%2Fb%c3%a4", b"a.test", b"/a%2Fb%c3%a4", "/a/bä".encode()),
        ("/ä?ö".encode(), b"a.test", "/%C3%A4?ö".encode(), "/ä".encode()),
        (b'/"<>\\^`{|}#', b"a.test", b"/%22%3C%3E%5C%5E%60%7B%7C%7D%23", b'/"<>\\^`{|}#'),
        (b"http://b.test:81/x?y", b"b.test:81", b"/x?y", b"/x"),
        (b"HTTPS://b.test", b"b.test", b"/", b"/"),
        (b"http://b.test?y", b"b.test", b"/?y", b"/"),
        (b"http://user:secret@b.test/", b"b.test", b"/", b"/"),
        (b"http://[::1]:80/x", b"[::1]:80", b"/x", b"/x"),
    ],
)
def test_targets(target: bytes, host: bytes, sent: bytes, path: bytes) -> None:
    head = parse_request(request(b"GET " + target + b" HTTP/1.1"))
    assert (head.host, head.target, head.path) == (host, sent, path)
    assert head.absolute is (b"://" in target)


@pytest.mark.parametrize("method", [b"FOO", b"RDG_OUT_DATA", b"PROPFIND", b"get", b"!#$%&'*+-.^_`|~"])
def test_any_token_is_a_method(method: bytes) -> None:
    assert parse_request(request(method + b" / HTTP/1.1")).method == method


def test_connect_names_its_host_itself() -> None:
    for line in (b"CONNECT name HTTP/1.1", b"CONNECT name HTTP/1.0"):
        head = parse_request(request(line, b""))
        assert (head.host, head.target, head.path, head.absolute) == (b"name", b"name", b"", True)
    head = parse_request(request(b"CONNECT a.test:443 HTTP/1.1", HOST + b"Content-Length: 5\r\n"))
    assert (head.host, head.body_size) == (b"a.test:443", 0)


def test_options_of_the_server_itself() -> None:
    assert parse_request(request(b"OPTIONS * HTTP/1.1")).target == b"*"


@pytest.mark.parametrize(
    ("version", "fields", "keeps"),
    [
        (b"1", b"", True),
        (b"1", b"Connection: Close\r\n", False),
        (b"1", b"Connection: keep-alive\r\nConnection: x,close\r\n", False),
        (b"0", b"", False),
        (b"0", b"Connection: Keep-Alive\r\n", True),
    ],
)
def test_whether_another_request_follows(version: bytes, fields: bytes, keeps: bool) -> None:
    assert parse_request(request(b"GET / HTTP/1." + version, HOST + fields)).keep_alive is keeps


@pytest.mark.parametrize(
    ("fields", "protocols"),
    [
        (b"Connection: Upgrade\r\nUpgrade: websocket\r\n", b"websocket"),
        (b"Connection: keep-alive, upgrade\r\nUpgrade: a/1, b\r\n", b"a/1, b"),
        (b"Upgrade: websocket\r\n", b""),
        (b"Connection: Upgrade\r\n", b""),
        (b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAM\r\n", b""),
        (b"Connection: Upgrade\r\nUpgrade: H2C, websocket\r\n", b"websocket"),
        (b"Connection: Upgrade\r\nUpgrade: TLS/1.0, HTTP/1.1\r\n", b""),
        (b"Connection: Upgrade\r\nUpgrade: tls, http/2.0 ,x, h2\r\n", b"x"),
        (b"Connection: Upgrade\r\nUpgrade: httpx, tlsx\r\n", b"httpx, tlsx"),
    ],
)
def test_upgrades_but_none_past_the_router(fields: bytes, protocols: bytes) -> None:
    head = parse_request(get(fields))
    assert head.upgrade == protocols
    assert all(name.lower() not in (b"upgrade", b"http2-settings") for name, _ in head.fields)


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        (b"", 0),
        (b"Content-Length: 0\r\n", 0),
        (b"Content-Length: 0012 \r\n", 12),
        (b"Transfer-Encoding: chunked\r\n", CHUNKED),
        (b"transfer-encoding: Chunked\r\n", CHUNKED),
    ],
)
def test_bodies(fields: bytes, size: int) -> None:
    assert parse_request(get(fields)).body_size == size


REFUSED = {
    "no request line": b"\r\n\r\n",
    "bare LF after the line": b"GET / HTTP/1.1\nHost: a\r\n\r\n",
    "bare LF between fields": get(b"X: a\nY: b\r\n"),
    "bare LF hides a field": get(b"X: a\n\nY: b\r\n"),
    "bare CR in a value": get(b"X: a\rb\r\n"),
    "bare CR ends a field": get(b"X: a\rY: b\r\n"),
    "obsolete folding": get(b"X: a\r\n b\r\n"),
    "obsolete folding by tab": get(b"X: a\r\n\tb\r\n"),
    "space before the first field": request(b"GET / HTTP/1.1", b" Host: a\r\n"),
    "space before the colon": get(b"X : a\r\n"),
    "tab before the colon": get(b"Content-Length\t: 5\r\n"),
    "no colon": get(b"X\r\n"),
    "no name": get(b": x\r\n"),
    "no token": get(b"X(y): a\r\n"),
    "UTF-8 name": get("X-ä: a\r\n".encode()),
    "NUL in a value": get(b"X: a\x00b\r\n"),
    "control character": get(b"X: a\x01b\r\n"),
    "DEL": get(b"X: a\x7fb\r\n"),
    "two lengths": get(b"Content-Length: 5\r\nContent-Length: 6\r\n"),
    "two equal lengths": get(b"Content-Length: 5\r\nContent-Length: 5\r\n"),
    "a list of lengths": get(b"Content-Length: 5, 5\r\n"),
    "signed length": get(b"Content-Length: +5\r\n"),
    "negative length": get(b"Content-Length: -5\r\n"),
    "hexadecimal length": get(b"Content-Length: 0x5\r\n"),
    "empty length": get(b"Content-Length: \r\n"),
    "length with a space": get(b"Content-Length: 5 0\r\n"),
    "huge length": get(b"Content-Length: 99999999999999999999\r\n"),
    "length and chunks": get(b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
    "chunks and length": get(b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
    "chunked not last": get(b"Transfer-Encoding: chunked, identity\r\n"),
    "chunked twice": get(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
    "chunked in quotes": get(b'Transfer-Encoding: "chunked"\r\n'),
    "chunked after a vertical tab": get(b"Transfer-Encoding: \x0bchunked\r\n"),
    "xchunked": get(b"Transfer-Encoding: xchunked\r\n"),
    "chunks in HTTP/1.0": request(b"GET / HTTP/1.0", b"Transfer-Encoding: chunked\r\n"),
    "two spaces": request(b"GET  / HTTP/1.1"),
    "space in the target": request(b"GET /a b HTTP/1.1"),
    "tab in the line": request(b"GET\t/ HTTP/1.1"),
    "space after the version": request(b"GET / HTTP/1.1 "),
    "no version": request(b"GET /"),
    "another protocol": request(b"GET / RTSP/1.0"),
    "lower-case protocol": request(b"GET / http/1.1"),
    "three-part version": request(b"GET / HTTP/1.1.1"),
    "no token for a method": request(b"G(T / HTTP/1.1"),
    "relative target": request(b"GET x HTTP/1.1"),
    "star for another method": request(b"GET * HTTP/1.1"),
    "bad escape in the path": request(b"GET /%zz HTTP/1.1"),
    "short escape in the path": request(b"GET /%2 HTTP/1.1"),
    "no authority": request(b"GET http:///x HTTP/1.1"),
    "two user parts": request(b"GET http://a@b@c/ HTTP/1.1"),
    "fragment in absolute form": request(b"GET http://a/#x HTTP/1.1"),
    "path of CONNECT": request(b"CONNECT /x HTTP/1.1"),
    "user part of CONNECT": request(b"CONNECT a@b:443 HTTP/1.1"),
}


@pytest.mark.parametrize("head", REFUSED.values(), ids=REFUSED.keys())
def test_what_two_readers_may_take_in_two_ways_is_refused(head: bytes) -> None:
    with pytest.raises(HeadError) as caught:
        parse_request(head)
    assert caught.value.status == 400
    assert str(caught.value) == ""


@pytest.mark.parametrize(
    ("head", "status", "text"),
    [
        (request(b"GET / HTTP/1.1", b""), 400, "missing required Host header"),
        (request(b"GET http://a/ HTTP/1.1", b""), 400, "missing required Host header"),
        (request(b"GET / HTTP/1.1", HOST + HOST), 400, "too many Host headers"),
        (request(b"GET / HTTP/1.1", b"Host: a b\r\n"), 400, "malformed Host header"),
        (request(b"GET / HTTP/1.1", b"Host: a/b\r\n"), 400, "malformed Host header"),
        (request(b"GET / HTTP/1.1", b"Host: u@b\r\n"), 400, "malformed Host header"),
        (request(b"GET / HTTP/2.0"), 505, "unsupported protocol version"),
        (request(b"GET / HTTP/1.2"), 505, "unsupported protocol version"),
        (request(b"GET / HTTP/0.9"), 505, "unsupported protocol version"),
        (get(b"Transfer-Encoding: gzip, chunked\r\n"), 501, "Unsupported transfer encoding"),
    ],
)
def test_refusals_that_say_why(head: bytes, status: int, text: str) -> None:
    with pytest.raises(HeadError) as caught:
        parse_request(head)
    assert (caught.value.status, str(caught.value)) == (status, text)


def test_http_1_0_needs_no_host() -> None:
    assert parse_request(request(b"GET / HTTP/1.0", b"")).host == b""


# Ends


def test_where_heads_end() -> None:
    whole = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    assert head_end(whole) == head_end(whole + b"rest") == len(whole)
    assert head_end(whole[:-1]) == head_end(b"") == head_end(b"\n\n") == -1
    for known in range(len(whole)):
        assert head_end(bytearray(whole), known) == len(whole)
    assert loose_head_end(b"HTTP/1.0 200 OK\nX: y\n\nbody\r\n\r\n") == 22
    assert loose_head_end(b"HTTP/1.0 200 OK\r\nX: y\n\r\nbody") == 24
    assert loose_head_end(b"HTTP/1.0 200 OK\r\n") == -1


@given(st.binary(max_size=80))
def test_any_bytes_are_refused_or_parsed(data: bytes) -> None:
    for head in (
        data,
        b"GET / HTTP/1.1\r\n" + data + b"\r\n\r\n",
        b"GET " + data + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    ):
        for parse in (parse_request, parse_response):
            with suppress(HeadError):
                assert not any(byte in value for _, value in parse(head).fields for byte in b"\r\n\0")
