"""The answers frps gives by itself on the vhost HTTP port, byte for byte as the reference's
(docs/protocol/server.md §6.5)."""

from __future__ import annotations

import re
from pathlib import Path

from aiofrp import logs
from aiofrp.http.answers import NO_SNIFFING, PLAIN, Answer, empty, sized
from aiofrp.version import FRP_VERSION
from aiofrp.wire.http.forward import encode_response

_log = logs.get(__name__).limited(logs.ANYONE)

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

_CHALLENGE = b'Basic realm="Restricted"'
_HTML = re.compile(
    rb"[\t\n\x0c\r ]*<(?:!--|(?:!doctype html|html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p)"
    rb"[ >])",
    re.IGNORECASE,
)
_BINARY = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_SNIFFED = 512  # bytes examined (WHATWG MIME Sniffing §5.2)


class Pages:
    """The answers whose body is the page for what was not found: the built-in one or that of ``custom404Page``."""

    def __init__(self, custom_404: str = "") -> None:
        """``custom_404``: path of the page that takes the place of the built-in one, read at each use."""
        self._custom_404 = custom_404

    def not_found(self, method: bytes = b"GET") -> Answer:
        """The answer to a request by ``method`` that has no route, or whose service is not there."""
        if method == b"CONNECT":
            return Answer(404, b"Not Found", [], b"", raw=self.tunnel_not_found())
        page = self._page()
        return Answer(404, b"Not Found", [*sized(page), (b"Content-Type", _sniff(page))], page)

    def tunnel_not_found(self) -> bytes:
        """The 404 answer to a CONNECT request: head and body as the bytes to send."""
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


def unauthorized() -> Answer:
    """401: the credential in Authorization is missing or wrong."""
    body = b"Unauthorized\n"
    return Answer(
        401, b"Unauthorized", [PLAIN, (b"Www-Authenticate", _CHALLENGE), NO_SNIFFING, *sized(body)], body
    )


def proxy_unauthorized() -> Answer:
    """407: the credential in Proxy-Authorization is missing or wrong."""
    body = b"Proxy Authentication Required\n"
    fields = [PLAIN, (b"Proxy-Authenticate", _CHALLENGE), NO_SNIFFING, *sized(body)]
    return Answer(407, b"Proxy Authentication Required", fields, body)


def forbidden() -> Answer:
    """403 to a CONNECT to a host with several routes: what passes the tunnel could not be judged."""
    body = b"Forbidden\n"
    return Answer(403, b"Forbidden", [PLAIN, NO_SNIFFING, *sized(body)], body)


def options_answer() -> Answer:
    """200 to ``OPTIONS *``, which asks about frps itself and no service."""
    return empty(200, b"OK")


TUNNEL_UNAUTHORIZED = (
    b"HTTP/1.1 407 Proxy Authentication Required\r\n"
    b"Proxy-Authenticate: " + _CHALLENGE + b"\r\nContent-Length: 0\r\n\r\n"
)
TUNNEL_OPEN = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def _sniff(page: bytes) -> bytes:
    """The media type of ``page`` by its first :data:`_SNIFFED` bytes, as the reference finds it for the usual ones."""
    start = page[:_SNIFFED]
    if _HTML.match(start):
        return b"text/html; charset=utf-8"
    return b"application/octet-stream" if _BINARY.search(start) else b"text/plain; charset=utf-8"
