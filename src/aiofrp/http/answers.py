"""Responses that the program itself makes, without a service: their form, and those of the HTTP engine."""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import lru_cache

from aiofrp.wire.http.forward import encode_response
from aiofrp.wire.http.head import Field, HeadError

#: The field of an answer in plain text, and the one that forbids browsers to guess another type.
PLAIN = (b"Content-Type", b"text/plain; charset=utf-8")
NO_SNIFFING = (b"X-Content-Type-Options", b"nosniff")
_REASONS = {
    400: b"Bad Request",
    408: b"Request Timeout",
    431: b"Request Header Fields Too Large",
    501: b"Not Implemented",
    505: b"HTTP Version Not Supported",
}


class Answer:
    """One response of the program itself: status, reason, fields and a body.

    ``fields`` has no field about the connection; the engine adds those. If ``raw`` is not empty, an HTTP/1 user gets
    exactly these bytes in place of the rest, and its connection is closed.
    """

    __slots__ = ("body", "fields", "raw", "reason", "status")

    def __init__(
        self, status: int, reason: bytes, fields: list[Field], body: bytes, *, raw: bytes = b""
    ) -> None:
        self.status = status
        self.reason = reason
        self.fields = fields
        self.body = body
        self.raw = raw

    def encode(self, minor: int, connection: Iterable[Field], *, body: bool = True) -> bytes:
        """The bytes for an HTTP/1.``minor`` user, head and body.

        ``connection``: the fields about the connection. Without ``body`` the result is the head alone, as for HEAD.
        """
        head = encode_response(self.status, self.reason, minor, [*self.fields, *connection])
        return head + self.body if body else head


def empty(status: int, reason: bytes) -> Answer:
    """An answer with Content-Length 0."""
    return Answer(status, reason, sized(b""), b"")


def timed_out() -> Answer:
    """The answer 504: the service sent no response head in time."""
    return empty(504, b"Gateway Timeout")


def too_slow() -> Answer:
    """The answer 408: the request's body did not arrive in time."""
    return empty(408, _REASONS[408])


def refusal(error: HeadError) -> bytes:
    """All bytes that are sent to a user whose head is refused; the connection closes after them."""
    reason = _REASONS[error.status]
    text = str(error)
    if error.status == 501:
        return encode_response(501, reason, 1, [PLAIN, (b"Connection", b"close")]) + text.encode()
    line = reason + (b": " + text.encode() if text else b"")
    return encode_response(error.status, line, 1, [PLAIN, (b"Connection", b"close")]) + b"%d %b" % (
        error.status,
        line,
    )


def sized(body: bytes) -> list[Field]:
    """The fields every answer with ``body`` has: Date and Content-Length."""
    return [(b"Date", http_date()), (b"Content-Length", b"%d" % len(body))]


def http_date() -> bytes:
    """The present time in the form of the field Date (RFC 9110 §5.6.7); computed once a second."""
    return _date_text(int(time.time()))


@lru_cache(maxsize=1)
def _date_text(second: int) -> bytes:
    from email.utils import formatdate  # here, as it takes long to load and a start needs none

    return formatdate(second, usegmt=True).encode()
