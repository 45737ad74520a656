"""The answers frps gives by itself on the vhost HTTP port, byte for byte as the reference's
(docs/protocol/server.md §6.5)."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from email.utils import formatdate
from functools import lru_cache
from pathlib import Path

from aiofrp import logs
from aiofrp.version import FRP_VERSION
from aiofrp.wire.http.forward import encode_response
from aiofrp.wire.http.head import Field, HeadError

_log = logs.get(__name__).limited(logs.STRANGERS)

NOT_FOUND = b"""<!DOCTYPE html>
<html>
<head>
<title>Not Found</title>
<style>
    body {
        width: 35em;
        margin: 0 auto;
        font-family: Tahoma, Verdana, Arial, sans-serif;
    }
</style>
</head>
<body>
<h1>The page you requested was not found.</h1>
<p>Sorry, the page you are looking for is currently unavailable.<br/>
Please try again later.</p>
<p>The server is powered by <a href="https://github.com/fatedier/frp">frp</a>.</p>
<p><em>Faithfully yours, frp.</em></p>
</body>
</html>
"""

_PLAIN = (b"Content-Type", b"text/plain; charset=utf-8")
_NO_SNIFFING = (b"X-Content-Type-Options", b"nosniff")
_CHALLENGE = b'Basic realm="Restricted"'
_REASONS = {
    400: b"Bad Request",
    408: b"Request Timeout",
    431: b"Request Header Fields Too Large",
    501: b"Not Implemented",
    505: b"HTTP Version Not Supported",
}
_HTML = re.compile(
    rb"[\t\n\x0c\r ]*<(?:!--|(?:!doctype html|html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p)"
    rb"[ >])",
    re.IGNORECASE,
)
_BINARY = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_SNIFFED = 512  # bytes looked at (WHATWG MIME Sniffing §5.2)


class Pages:
    """Makes answers; each is a status, a reason, fields and a body."""

    def __init__(self, custom_404: str = "") -> None:
        """``custom_404``: path of the page that takes the place of the built-in one, read at each use."""
        self._custom_404 = custom_404

    def not_found(self) -> Answer:
        """No route, or nobody there."""
        page = self._page()
        return Answer(404, b"Not Found", [*_sized(page), (b"Content-Type", _sniff(page))], page)

    def not_found_bytes(self) -> bytes:
        """The same for CONNECT and tcpmux, as the whole of what is sent."""
        page = self._page()
        fields = [
            (b"Content-Length", b"%d" % len(page)),
            (b"Content-Type", b"text/html"),
            (b"Server", b"frp/" + FRP_VERSION.encode()),
        ]
        return encode_response(404, b"Not Found", 1, fields) + page

    def _page(self) -> bytes:
        if not self._custom_404:
            return NOT_FOUND
        try:
            return Path(self._custom_404).read_bytes()
        except OSError as exc:
            reason = (exc.strerror or str(exc)).lower()
            _log.warning("read custom 404 page error: open %s: %s", self._custom_404, reason)
            return NOT_FOUND


class Answer:
    """One answer of frps itself."""

    __slots__ = ("body", "fields", "reason", "status")

    def __init__(self, status: int, reason: bytes, fields: list[Field], body: bytes) -> None:
        self.status = status
        self.reason = reason
        self.fields = fields
        self.body = body

    def encode(self, minor: int, connection: Iterable[Field], *, body: bool = True) -> bytes:
        """All of it for an HTTP/1.``minor`` user. ``connection``: fields about the connection; without ``body`` only
        the head, as HEAD wants it."""
        head = encode_response(self.status, self.reason, minor, [*self.fields, *connection])
        return head + self.body if body else head


def unauthorized() -> Answer:
    """The credential of a request to a web server is missing or wrong."""
    body = b"Unauthorized\n"
    return Answer(
        401, b"Unauthorized", [_PLAIN, (b"Www-Authenticate", _CHALLENGE), _NO_SNIFFING, *_sized(body)], body
    )


def proxy_unauthorized() -> Answer:
    """The credential of a request to a proxy is missing or wrong."""
    body = b"Proxy Authentication Required\n"
    fields = [_PLAIN, (b"Proxy-Authenticate", _CHALLENGE), _NO_SNIFFING, *_sized(body)]
    return Answer(407, b"Proxy Authentication Required", fields, body)


def forbidden() -> Answer:
    """A tunnel would lead past the judgement of what is sent through it."""
    body = b"Forbidden\n"
    return Answer(403, b"Forbidden", [_PLAIN, _NO_SNIFFING, *_sized(body)], body)


def timed_out() -> Answer:
    """The service sent no head in time."""
    return Answer(504, b"Gateway Timeout", _sized(b""), b"")


def too_slow() -> Answer:
    """The request's body did not come in time."""
    return Answer(408, b"Request Timeout", _sized(b""), b"")


def options_answer() -> Answer:
    """``OPTIONS *`` is about frps itself."""
    return Answer(200, b"OK", _sized(b""), b"")


def refusal(error: HeadError) -> bytes:
    """The answer to a head that is refused, as the whole of what is sent before the connection closes."""
    reason = _REASONS[error.status]
    text = str(error)
    if error.status == 501:
        return encode_response(501, reason, 1, [_PLAIN, (b"Connection", b"close")]) + text.encode()
    line = reason + (b": " + text.encode() if text else b"")
    return encode_response(error.status, line, 1, [_PLAIN, (b"Connection", b"close")]) + b"%d %b" % (
        error.status,
        line,
    )


TUNNEL_UNAUTHORIZED = (
    b"HTTP/1.1 407 Proxy Authentication Required\r\n"
    b"Proxy-Authenticate: " + _CHALLENGE + b"\r\nContent-Length: 0\r\n\r\n"
)
TUNNEL_OPEN = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def http_date() -> bytes:
    """The present time as HTTP writes it."""
    return _date_text(int(time.time()))


@lru_cache(maxsize=1)
def _date_text(second: int) -> bytes:
    return formatdate(second, usegmt=True).encode()


def _sized(body: bytes) -> list[Field]:
    return [(b"Date", http_date()), (b"Content-Length", b"%d" % len(body))]


def _sniff(page: bytes) -> bytes:
    """The type of a page, told from its beginning as the reference does for the usual ones."""
    start = page[:_SNIFFED]
    if _HTML.match(start):
        return b"text/html; charset=utf-8"
    return b"application/octet-stream" if _BINARY.search(start) else b"text/plain; charset=utf-8"
