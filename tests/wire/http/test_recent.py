"""Heads that were parsed before: what is kept of them, and that it changes no result."""

from __future__ import annotations

import pytest

from aiofrp.wire.http.head import HeadError, parse_request
from aiofrp.wire.http.recent import MAX_LINES, MAX_RECENT, MAX_TEXT, Recent
from aiofrp.wire.http.response import parse_response


def test_results_are_kept_up_to_a_number_and_a_size() -> None:
    recent: Recent[int] = Recent()
    recent.add(b"x" * (MAX_TEXT + 1), 1)
    recent.add(b"\n" * (MAX_LINES + 1), 1)
    assert len(recent) == 0
    for number in range(MAX_RECENT):
        recent.add(b"%d" % number + b"\n" * MAX_LINES, number)
    assert len(recent) == MAX_RECENT
    assert recent.get(b"7" + b"\n" * MAX_LINES) == 7
    recent.add(b"one more", 1)
    assert len(recent) == 1
    assert recent.get(b"7" + b"\n" * MAX_LINES) is None


def test_the_same_lines_under_another_request_line_are_judged_anew() -> None:
    lines = b"Host: a.test\r\nConnection: upgrade\r\nUpgrade: chat\r\nContent-Length: 3\r\n\r\n"
    for _ in range(2):
        newer = parse_request(b"POST /%41 HTTP/1.1\r\n" + lines)
        assert (newer.method, newer.path, newer.target) == (b"POST", b"/A", b"/%41")
        assert (newer.keep_alive, newer.upgrade, newer.body_size) == (True, b"chat", 3)
        older = parse_request(b"POST / HTTP/1.0\r\n" + lines)
        assert (older.keep_alive, older.upgrade, older.body_size) == (False, b"", 3)
        connect = parse_request(b"CONNECT b.test:1 HTTP/1.1\r\n" + lines)
        assert (connect.host, connect.body_size) == (b"b.test:1", 0)
        absolute = parse_request(b"GET http://c.test/ HTTP/1.1\r\n" + lines)
        assert (absolute.host, absolute.absolute) == (b"c.test", True)
        assert (newer.host, newer.absolute) == (b"a.test", False)


@pytest.mark.parametrize(
    "lines", ["", "Host: a\r\nHost: b", "Host: a b", "Host: a\r\nContent-Length: x", "Host: a\r\n X: y"]
)
def test_a_refused_head_is_refused_again(lines: str) -> None:
    head = f"GET / HTTP/1.1\r\n{lines}\r\n\r\n".encode()
    for _ in range(2):
        with pytest.raises(HeadError):
            parse_request(head)


def test_a_head_without_host_is_good_in_http_1_0_alone() -> None:
    lines = b"X: only here\r\n\r\n"
    for _ in range(2):
        assert parse_request(b"GET / HTTP/1.0\r\n" + lines).host == b""
        with pytest.raises(HeadError):
            parse_request(b"GET / HTTP/1.1\r\n" + lines)


def test_a_refused_response_is_refused_again() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\n"
    for _ in range(2):
        with pytest.raises(HeadError):
            parse_response(head)


def test_a_repeated_response_is_the_same() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\nX: y\r\n\r\n"
    first, second = parse_response(head), parse_response(head)
    assert first is second
    assert (first.body_size, first.text, first.keep_alive) == (1, b"X: y\r\n", True)
