"""The protocol between the sockets of the web server and aiohttp: it parses request heads before aiohttp does.

aiohttp's parser has limits of its own (8 KiB a field, 128 fields), refuses heads that old clients send, and logs a
traceback for each request that it cannot parse. Here heads are parsed as on the vhosts (:mod:`aiofrp.wire.http.head`)
and passed to aiohttp in one plain form. Bodies pass unchanged and are counted.
"""

from __future__ import annotations

import asyncio
import re
from functools import lru_cache
from typing import Final, cast

from httptools import HttpParserError, HttpRequestParser

from aiofrp.errors import RemoteProtocolError
from aiofrp.http.answers import refusal
from aiofrp.wire.http.body import Body, ChunkedBody, SizedBody
from aiofrp.wire.http.head import CHUNKED, MAX_HEAD, HeadError, RequestHead, loose_head_end, parse_request

#: Seconds within which the first head of a connection must be complete; later aiohttp closes idle connections.
HEAD_SECONDS: Final = 60.0

_FOLD = re.compile(rb"\r?\n[ \t]+")
_BARE_LF = re.compile(rb"(?<!\r)\n")
#: The Upgrade field, which is removed: no other protocol is served, and aiohttp would treat later requests as bytes of
#: that protocol.
_UPGRADE = re.compile(rb"(?im)^upgrade:[^\n]*\n")
#: Replaces methods that aiohttp's parser does not know. No route has it, so the answer is 404 or 405.
_NO_ROUTES_METHOD = b"TRACE"
_NOT_ASCII = re.compile(rb"[\x80-\xff]")


class Front(asyncio.Protocol):
    """The protocol of one connection. ``handler`` is aiohttp's protocol; it gets well-formed requests only."""

    __slots__ = (
        "_body",
        "_ended",
        "_handler",
        "_head",
        "_known",
        "_over",
        "_served",
        "_timer",
        "_transport",
        "_waiting",
    )

    def __init__(self, handler: asyncio.Protocol) -> None:
        self._handler = handler
        self._head = bytearray()  # the beginning of a head, limited by MAX_HEAD and one read of the socket
        self._known = 0  # bytes of it that were searched for the end without success
        self._body: Body | None = None  # of the request that is being received
        self._waiting = 0  # requests passed to aiohttp and not answered yet
        self._served = False  # a request was passed to aiohttp
        self._ended = False  # the client has sent EOF
        self._over = False  # received bytes are dropped

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._timer = asyncio.get_running_loop().call_later(HEAD_SECONDS, self._transport.close)
        self._handler.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._over = True
        self._timer.cancel()
        self._handler.connection_lost(exc)

    def pause_writing(self) -> None:
        self._handler.pause_writing()

    def resume_writing(self) -> None:
        self._handler.resume_writing()

    def eof_received(self) -> bool | None:
        """Keep the connection open for the answers of a client that ended its side only, as ``printf … | nc`` does."""
        self._ended = True
        if self._body is not None or not self._waiting or self._transport.get_extra_info("sslcontext"):
            return self._handler.eof_received()
        return True

    def data_received(self, data: bytes) -> None:
        try:
            while data and not self._over:
                data = self._pass_body(data) if self._body is not None else self._take_head(data)
        except HeadError as exc:
            self._refuse(exc)
        except RemoteProtocolError:
            self._end()

    def answering(self) -> bool:
        """Called before the head of each response is written. Returns whether the connection closes after it."""
        self._waiting -= 1
        return self._ended and not self._waiting

    # Private

    def _pass_body(self, data: bytes) -> bytes:
        """Pass the bytes of the body to aiohttp; returns the bytes after it."""
        assert self._body is not None
        size = self._body.receive_data(data)
        if self._body.done:
            self._body = None
        self._handler.data_received(data[:size])
        return data[size:]

    def _take_head(self, data: bytes) -> bytes:
        """Add ``data`` to the head, and pass it to aiohttp when it is complete; returns the bytes after it."""
        self._head += (
            data if self._head else data.lstrip(b"\r\n")
        )  # RFC 9112 §2.2: empty lines before a request
        end = loose_head_end(self._head, self._known)
        if end > MAX_HEAD or (end < 0 and len(self._head) > MAX_HEAD):
            raise HeadError(status=431)
        if end < 0:
            self._known = len(self._head)
            return b""
        head, rest = bytes(self._head[:end]), bytes(self._head[end:])
        self._head.clear()
        self._known = 0
        self._pass_head(_BARE_LF.sub(b"\r\n", _FOLD.sub(b" ", head)))
        return rest

    def _pass_head(self, head: bytes) -> None:
        request = parse_request(head)
        if request.method == b"CONNECT":
            raise HeadError("this is no proxy")
        size = request.body_size
        body: Body = ChunkedBody() if size == CHUNKED else SizedBody(size)
        self._body = None if body.done else body
        self._served = True
        self._waiting += 1
        self._timer.cancel()
        self._handler.data_received(_plain(request, head))

    def _refuse(self, error: HeadError) -> None:
        """Close the connection, with an answer if this is its first request: others may have unsent answers."""
        if not self._served:
            self._transport.write(refusal(error))
        self._end()

    def _end(self) -> None:
        self._over = True
        self._transport.close()


def _plain(request: RequestHead, head: bytes) -> bytes:
    """The head in a form that aiohttp accepts: the target is a path in ASCII, the method a known one."""
    target = _NOT_ASCII.sub(lambda found: b"%%%02X" % found[0][0], request.target)
    method = request.method if _is_known(request.method) else _NO_ROUTES_METHOD
    line = b"%b %b HTTP/1.%d" % (method, target, request.minor)
    return line + _UPGRADE.sub(b"", head[head.index(b"\r\n") :])


@lru_cache(64)
def _is_known(method: bytes) -> bool:
    """Whether llhttp, the parser inside aiohttp, knows a method."""
    try:
        HttpRequestParser(object()).feed_data(method + b" / HTTP/1.0\r\n\r\n")
    except HttpParserError:
        return False
    return True
