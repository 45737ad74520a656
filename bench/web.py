"""HTTP as the load generator's server speaks it: just enough, and cheap.

``GET /N`` is answered with N bytes, ``POST``, once its body is here, as by a server plugin that changes nothing. All
answers to the same request have the same length, also after a proxy that adds the fields they lack.
"""

from __future__ import annotations

import asyncio
import re
from functools import cache

from bench.payload import CHUNK, payload

#: The host of the http proxy.
HOST_NAME = "bench.test"

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection: *close\r\n", re.IGNORECASE)
_HEAD = (
    b"HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: text/plain\r\n"
    b"Content-Length: %d\r\n\r\n"
)
#: The answer of a server plugin that changes nothing.
_PASS = b'{"unchange":true}'
_LETS_PASS = _HEAD.replace(b"text/plain", b"application/json") % len(_PASS) + _PASS


def request(method: str, size: int, *, close: bool = False) -> bytes:
    """The head of a request: to GET ``size`` bytes, or to POST as many."""
    fields = [f"{method} /{size} HTTP/1.1", f"Host: {HOST_NAME}"]
    if method == "POST":
        fields.append(f"Content-Length: {size}")
    if close:
        fields.append("Connection: close")
    return "\r\n".join([*fields, "", ""]).encode()


def response_length(data: bytes) -> int:
    """Bytes of the response that begins with ``data``, or 0 while its head is not whole; ValueError without length."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return 0
    if (length := _LENGTH.search(data, 0, end + 2)) is None:
        raise ValueError(f"a response without a length: {data[:end]!r}")
    return end + 4 + int(length[1])


@cache
def _small(size: int) -> bytes:
    return _HEAD % size + payload()[:size]


class Web(asyncio.Protocol):
    """The server's end of a connection."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._rest = b""
        self._incoming = 0  # bytes of a request's body still to come
        self._outgoing = 0  # bytes of a response's body still to go
        self._chunk = payload()
        self._paused = False

    def data_received(self, data: bytes) -> None:
        if self._incoming:
            self._swallow(data)
            return
        self._rest += data
        while (end := self._rest.find(b"\r\n\r\n")) >= 0:
            head, self._rest = self._rest[: end + 4], self._rest[end + 4 :]
            if head.startswith(b"GET /"):
                self._answer(int(head[5 : head.index(b" ", 5)]))
                if _CLOSE.search(head) is not None:
                    self._transport.close()
            elif (length := _LENGTH.search(head)) is not None:
                self._incoming = int(length[1])
                body, self._rest = self._rest, b""
                self._swallow(body)
            else:
                self._transport.abort()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._pump()

    def _swallow(self, body: bytes) -> None:
        self._incoming -= len(body)
        if self._incoming == 0:
            self._transport.write(_LETS_PASS)

    def _answer(self, size: int) -> None:
        if size <= CHUNK:
            self._transport.write(_small(size))
            return
        self._transport.write(_HEAD % size)
        self._outgoing = size
        self._pump()

    def _pump(self) -> None:
        while self._outgoing and not self._paused and not self._transport.is_closing():
            chunk = self._chunk[: self._outgoing]
            self._outgoing -= len(chunk)
            self._transport.write(chunk)
