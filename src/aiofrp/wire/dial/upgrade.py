"""The opening handshake of a websocket, for clients and servers (RFC 6455 §4;
docs/protocol/wire.md §1.3, docs/protocol/server.md §1.2).

Requests and refusals have the same bytes as the reference's. :mod:`aiofrp.wire.websocket` has the frames that follow.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from typing import Final

from aiofrp.errors import SEEN, RemoteProtocolError
from aiofrp.wire.dial.httphead import (
    DialResponse,
    HeadReader,
    UpgradeRequest,
    parse_dial_response,
    parse_upgrade,
)

PATH: Final = "/~!frp"
"""The path of frp's websockets."""

_HTTP: Final = b"HTTP/"
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_ABSOLUTE: Final = re.compile(
    r"(/|[A-Za-z][A-Za-z0-9+.-]*:)[\x21-\x7e]*"
)  # the values of Origin that the reference accepts
_TEXT: Final = "Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\n"
_NOT_FOUND: Final = "404 page not found\n"
_ZONE: Final = re.compile(r"%[^\]]*(?=\])")


def accept_value(key: str) -> str:
    """The value of ``Sec-WebSocket-Accept`` for the ``Sec-WebSocket-Key`` ``key`` (RFC 6455 §4.2.2)."""
    return base64.b64encode(
        hashlib.sha1(key.encode("latin-1") + _GUID, usedforsecurity=False).digest()
    ).decode()


class ClientUpgrade:
    """The client's side. Send :meth:`data_to_send` once, then pass what the server sends to :meth:`receive_data` until
    it returns bytes."""

    __slots__ = ("_key", "_reader", "_request", "_seen")

    def __init__(self, host: str, *, key: bytes | None = None) -> None:
        """``host``: the value of Host, also part of Origin. ``key``: 16 bytes, random by default; for tests."""
        self._key = base64.b64encode(key or os.urandom(16)).decode()
        self._reader = HeadReader()
        self._seen = b""  # of the response, at most SEEN bytes
        host = _ZONE.sub("", host)  # RFC 6874 §1: a zone has a meaning only on its own host
        self._request = (
            f"GET {PATH} HTTP/1.1\r\n"
            f"Host: {host}\r\n"
            "Upgrade: websocket\r\n"
            "Connection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {self._key}\r\n"
            f"Origin: http://{host.lower()}\r\n"
            "Sec-WebSocket-Version: 13\r\n"
            "\r\n"
        ).encode()

    def data_to_send(self) -> bytes:
        """The bytes of the request; empty after the first call."""
        request, self._request = self._request, b""
        return request

    def receive_data(self, data: bytes | memoryview) -> bytes | None:
        """The bytes after the response, which may be empty, once the websocket is open; ``None`` before that.

        Raises :class:`RemoteProtocolError` with the reference's text for a response that opens no websocket.
        """
        self._seen += data[: SEEN - len(self._seen)]
        try:
            if not self._seen.startswith(_HTTP[: len(self._seen)]):
                raise RemoteProtocolError("malformed HTTP head: no start line")
            parts = self._reader.receive_data(data)
            if parts is None:
                return None
            head, rest = parts
            self._check(parse_dial_response(head))
        except RemoteProtocolError as exc:
            exc.seen = self._seen
            raise
        return rest

    def _check(self, response: DialResponse) -> None:
        fields = response.fields
        if response.status != 101:
            raise RemoteProtocolError(
                f"bad status: the server answered {response.status} {response.reason} to the websocket upgrade"
            )
        if (
            fields.get("upgrade", "").lower() != "websocket"
            or fields.get("connection", "").lower() != "upgrade"
        ):
            raise RemoteProtocolError("missing or bad upgrade")
        if fields.get("sec-websocket-accept") != accept_value(self._key):
            raise RemoteProtocolError("mismatch challenge/response")
        if fields.get("sec-websocket-extensions"):
            raise RemoteProtocolError("unsupported extensions")
        if fields.get("sec-websocket-protocol"):
            raise RemoteProtocolError("missing or bad WebSocket-Protocol")


class ServerUpgrade:
    """The server's side. Pass what the client sends to :meth:`receive_data` until it returns bytes, then send
    :meth:`data_to_send`. ``accepted``: the response opened the websocket."""

    __slots__ = ("_answer", "_reader", "accepted")

    def __init__(self) -> None:
        self._reader = HeadReader()
        self._answer = b""
        self.accepted = False

    def receive_data(self, data: bytes | memoryview) -> bytes | None:
        """The bytes after the request, which may be empty, once the request is complete; ``None`` before that.

        Raises nothing. The connection continues only if :attr:`accepted`; otherwise it ends after the response.
        """
        try:
            parts = self._reader.receive_data(data)
        except RemoteProtocolError:
            self._answer = _refusal("431 Request Header Fields Too Large")
            return b""
        if parts is None:
            return None
        head, rest = parts
        try:
            self._answer = self._judge(parse_upgrade(head))
        except RemoteProtocolError:
            self._answer = _refusal("400 Bad Request")
        return rest

    def data_to_send(self) -> bytes:
        """The bytes of the response once the request is complete; empty before that and after the first call."""
        answer, self._answer = self._answer, b""
        return answer

    def _judge(self, request: UpgradeRequest) -> bytes:
        """The response to ``request``; the checks are the reference's, in the same order."""
        fields = request.fields
        key = fields.get("sec-websocket-key", "")
        if "host" not in fields:
            return _refusal("400 Bad Request: missing required Host header")
        if request.target.partition("?")[0] != PATH:
            return _answer("404 Not Found", _NOT_FOUND, _TEXT + f"Content-Length: {len(_NOT_FOUND)}\r\n")
        if request.method != "GET":
            return _answer("405 Method Not Allowed", "bad method")
        if (
            fields.get("upgrade", "").lower() != "websocket"
            or "upgrade" not in fields.get("connection", "").lower()
        ):
            return _answer("400 Bad Request", "not websocket protocol")
        if not key:
            return _answer("400 Bad Request", "mismatch challenge/response")
        if fields.get("sec-websocket-version") != "13":
            return _answer(
                "400 Bad Request", "missing or bad WebSocket Version", "Sec-WebSocket-Version: 13\r\n"
            )
        if not _ABSOLUTE.fullmatch(fields.get("origin", "")):
            return _answer("403 Forbidden", "")
        return self._accept(key, fields.get("sec-websocket-protocol", "").strip())

    def _accept(self, key: str, protocol: str) -> bytes:
        if "," in protocol:
            return _answer("400 Bad Request", "")
        self.accepted = True
        fields = f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept_value(key)}\r\n"
        if protocol:
            fields += f"Sec-WebSocket-Protocol: {protocol}\r\n"
        return _answer("101 Switching Protocols", "", fields)


def _answer(status: str, body: str, fields: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\n{fields}\r\n{body}".encode("latin-1")


def _refusal(status: str) -> bytes:
    return _answer(status, status, _TEXT)
