"""Answers of the engine itself, byte for byte."""

from __future__ import annotations

import re

import pytest

from aiofrp.http.answers import http_date, refusal, timed_out, too_slow
from aiofrp.wire.http.head import HeadError


@pytest.mark.parametrize(
    ("error", "line", "body"),
    [
        (HeadError(), b"400 Bad Request", b"400 Bad Request"),
        (
            HeadError(status=431),
            b"431 Request Header Fields Too Large",
            b"431 Request Header Fields Too Large",
        ),
        (
            HeadError("Unsupported transfer encoding", 501),
            b"501 Not Implemented",
            b"Unsupported transfer encoding",
        ),
        (
            HeadError("unsupported protocol version", 505),
            b"505 HTTP Version Not Supported: unsupported protocol version",
            b"505 HTTP Version Not Supported: unsupported protocol version",
        ),
    ],
)
def test_refusals(error: HeadError, line: bytes, body: bytes) -> None:
    fields = b"Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
    assert refusal(error) == b"HTTP/1.1 " + line + b"\r\n" + fields + body


def test_answers_without_a_body() -> None:
    head = timed_out().encode(0, ())
    assert re.fullmatch(rb"HTTP/1\.0 504 Gateway Timeout\r\nDate: [^\r]+\r\nContent-Length: 0\r\n\r\n", head)
    assert too_slow().encode(1, ()).startswith(b"HTTP/1.1 408 Request Timeout\r\n")


def test_the_date_is_that_of_http() -> None:
    assert re.fullmatch(rb"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT", http_date())
