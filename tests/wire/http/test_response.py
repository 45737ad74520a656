"""Heads of responses: what old and small servers write is taken, what leaves the end of a body open is refused."""

from __future__ import annotations

import re

import pytest

from aiofrp.wire.http.head import CHUNKED, UNTIL_EOF, HeadError
from aiofrp.wire.http.response import parse_response


def response(fields: bytes, line: bytes = b"HTTP/1.1 200 OK") -> bytes:
    return line + b"\r\n" + fields + b"\r\n"


def test_a_response() -> None:
    head = parse_response(
        response(b"Server: x\r\nDate: now\r\nContent-Length: 5\r\nConnection: keep-alive, X-Y\r\nX-Y: z\r\n")
    )
    assert (head.status, head.reason, head.minor) == (200, b"OK", 1)
    assert head.fields == [(b"Server", b"x"), (b"Date", b"now"), (b"X-Y", b"z")]
    assert (head.body_size, head.keep_alive) == (5, True)
    assert head.connection == {b"keep-alive", b"x-y"}


@pytest.mark.parametrize(
    ("head", "size", "keeps"),
    [
        (response(b""), UNTIL_EOF, True),
        (response(b"Content-Length: 5\r\nConnection: close\r\n"), 5, False),
        (response(b"Content-Length: 5\r\n", b"HTTP/1.0 200 OK"), 5, False),
        (response(b"Content-Length: 5\r\nConnection: keep-alive\r\n", b"HTTP/1.0 200 OK"), 5, True),
        (response(b"Content-Length: 5\r\ncontent-length: 5\r\n"), 5, True),
        (response(b"Transfer-Encoding: chunked\r\n"), CHUNKED, True),
        (response(b"Transfer-Encoding: Chunked\r\nContent-Length: 5\r\n"), CHUNKED, False),
        (response(b"Transfer-Encoding: identity\r\nContent-Length: 5\r\n"), 5, False),
        (response(b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", b"HTTP/1.0 200 OK"), 5, False),
    ],
)
def test_bodies_of_responses(head: bytes, size: int, keeps: bool) -> None:
    parsed = parse_response(head)
    assert (parsed.body_size, parsed.keep_alive) == (size, keeps)


def test_the_largest_length() -> None:
    """Below 10^18, however many zeros stand before it; the time for a long one is that of a look."""
    for digits in (b"9" * 18, b"0" * 5000 + b"9" * 18):
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %b\r\n\r\n" % digits
        assert parse_response(head).body_size == 10**18 - 1
    for digits in (b"1" + b"0" * 18, b"1" * 5000, b"0" * 60_000 + b"x", b""):
        with pytest.raises(HeadError):
            parse_response(b"HTTP/1.1 200 OK\r\nContent-Length: %b\r\n\r\n" % digits)


def test_small_devices_may_take_liberties() -> None:
    head = parse_response(b"HTTP/1.0 200\nX: a\n b\n\tc\r\nContent-Length: 3\n\n")
    assert (head.status, head.reason, head.body_size) == (200, b"", 3)
    assert head.fields == [(b"X", b"a b c")]


@pytest.mark.parametrize(
    ("line", "status", "reason", "minor"),
    [
        (b"HTTP/1.1  200 OK", 200, b"OK", 1),
        (b"HTTP/1.1\t200\tOK", 200, b"OK", 1),
        (b"HTTP/1.1 200", 200, b"", 1),
        (b"HTTP/1.1 200 ", 200, b"", 1),
        (b"HTTP/1.1 200   Very  well ", 200, b"Very  well", 1),
        (b"HTTP/1.1 200 O\x01K", 200, b"O K", 1),
        (b"HTTP/1.1 404 \xe9", 404, b"\xe9", 1),
        (b"http/1.1 200 ok", 200, b"ok", 1),
        (b"\r\nHTTP/1.1 200 OK", 200, b"OK", 1),
        (b"HTTP/1.2 200 OK", 200, b"OK", 1),
        (b"HTTP/2 200 OK", 200, b"OK", 1),
        (b"HTTP/1 200 OK", 200, b"OK", 0),
        (b"HTTP/0.9 200 OK", 200, b"OK", 0),
        (b"ICY 200 OK", 200, b"OK", 0),
    ],
)
def test_status_lines_that_browsers_take(line: bytes, status: int, reason: bytes, minor: int) -> None:
    head = parse_response(response(b"X: y\r\n", line))
    assert (head.status, head.reason.strip(), head.minor) == (status, reason, minor)
    assert head.fields == [(b"X", b"y")]


@pytest.mark.parametrize(
    "line",
    [
        b"Content-Type : text/html\r\n",
        b"Content-Type\t:text/html\r\n",
        b"Content-Type:  text/html \t\r\n",
        b"Content-Type: text/html\n",
        b"Content-Type:\r\n text/html\r\n",
        b"no field at all\r\nContent-Type: text/html\r\n",
        b"Content-Type: text/html\r\n: without a name\r\n",
        b"X(Y): a name with signs\r\nContent-Type: text/html\r\n",
        b"a b: a name of two words\r\nContent-Type: text/html\r\n",
        b"\xc3\xa9: a name with accents\r\nContent-Type: text/html\r\n",
    ],
)
def test_fields_that_browsers_take(line: bytes) -> None:
    head = parse_response(response(line + b"Content-Length : 5\r\n"))
    assert head.fields == [(b"Content-Type", b"text/html")]
    assert (head.body_size, head.keep_alive) == (5, True)


@pytest.mark.parametrize("length", [b"5, 5", b"5,5", b" 05 , 05", b"5\r\nContent-Length: 5"])
def test_the_same_length_said_twice(length: bytes) -> None:
    head = parse_response(response(b"Content-Length: " + length + b"\r\n"))
    assert head.body_size == 5
    assert len(head.noted[b"content-length"]) == 1


@pytest.mark.parametrize(
    ("head", "why"),
    [
        (b"HTTP/1.1 20 OK\r\n\r\n", "status line is 'HTTP/1.1 20 OK"),
        (b"HTTP/1.1 2000 OK\r\n\r\n", "status line"),
        (b"HTTP/1.1 200OK\r\n\r\n", "status line"),
        (b"HTTP/1.1200 OK\r\n\r\n", "status line"),
        (b"<html>\r\n\r\n", "status line is '<html>"),
        (b"\r\n\r\n", "status line"),
        (response(b"", b"HTTP/1.1 200 O\x00K"), "status line"),
        (response(b"X: \x00\r\n"), "control character in the field X"),
        (response(b"X: y\rTransfer-Encoding: chunked\r\n"), "control character in the field X"),
        (
            response(b"Content-Length: 5\r\nContent-Length: 6\r\n"),
            "several lengths in Content-Length, '5, 6'",
        ),
        (response(b"Content-Length: 5, 6\r\n"), "several lengths"),
        (response(b"Content-Length: x\r\n"), "the Content-Length is 'x'"),
        (response(b"Content-Length: -1\r\n"), "the Content-Length is '-1'"),
        (response(b"Content-Length:\r\n"), "the Content-Length is ''"),
        (response(b"Content-Length: 5,\r\n"), "several lengths"),
        (response(b"Content-Length 5\r\n"), "may say where the body ends"),
        (response(b"Content Length: 5\r\n"), "may say where the body ends"),
        (response(b"Transfer-Encoding\x0b: chunked\r\n"), "may say where the body ends"),
        (response(b"\xa0Transfer-Encoding: chunked\r\n"), "may say where the body ends"),
        (response(b"Transfer-Encoding: gzip\r\n"), "unsupported transfer encoding 'gzip'"),
        (response(b"Transfer-Encoding: gzip, chunked\r\n"), "unsupported transfer encoding"),
        (
            response(b"Transfer-Encoding : chunked\r\nTransfer-Encoding: chunked\r\n"),
            "unsupported transfer encoding",
        ),
    ],
)
def test_what_is_ambiguous_is_refused_and_named(head: bytes, why: str) -> None:
    with pytest.raises(HeadError, match=re.escape(why)):
        parse_response(head)
