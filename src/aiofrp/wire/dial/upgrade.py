"""The HTTP exchange that opens a websocket, both sides (RFC 6455 §4;
docs/protocol/wire.md §1.3, docs/protocol/server.md §1.2).

Requests and refusals are the reference's, to the byte. What follows the handshake is the business of ``websocket``.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from typing import Final

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.dial.httphead import (
    DialResponse,
    HeadReader,
    UpgradeRequest,
    parse_dial_response,
    parse_upgrade,
)

PATH: Final = "/~!frp"
"""The path frp's websockets live at."""

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_ABSOLUTE: Final = re.compile(
    r"(/|[A-Za-z][A-Za-z0-9+.-]*:)[\x21-\x7e]*"
)  # what the reference takes for an Origin
_TEXT: Final = "Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\n"
_NOT_FOUND: Final = "404 page not found\n"
_ZONE: Final = re.compile(r"%[^\]]*(?=\])")


def accept_value(key: str) -> str:
    """What a server answers to ``Sec-WebSocket-Key``."""
    return base64.b64encode(
        hashlib.sha1(key.encode("latin-1") + _GUID, usedforsecurity=False).digest()
    ).decode()


class ClientUpgrade:
    """The dialling side: send :meth:`data_to_send`, then feed what comes back."""

    __slots__ = ("_key", "_reader", "_request")

    def __init__(self, host: str, *, key: bytes | None = None) -> None:
        """``host``: for the fields Host and Origin. ``key``: 16 bytes; random unless a test chooses them."""
        self._key = base64.b64encode(key or os.urandom(16)).decode()
        self._reader = HeadReader()
        host = _ZONE.sub("", host)  # RFC 6874 §1: the zone means nothing elsewhere
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
        """The request, once."""
        request, self._request = self._request, b""
        return request

    def receive_data(self, data: bytes | memoryview) -> bytes | None:
        """The bytes after the handshake, once the server agreed; ``None`` while more is needed.

        Raises :class:`RemoteProtocolError` with the reference's text for an answer that opens no websocket.
        """
        parts = self._reader.receive_data(data)
        if parts is None:
            return None
        head, rest = parts
        self._check(parse_dial_response(head))
        return rest

    def _check(self, response: DialResponse) -> None:
        fields = response.fields
        if response.status != 101:
            raise RemoteProtocolError(
                f"bad status: the server answered {response.status} {response.reason} to the websocket upgrade "
                "(does this address lead to frps, or to a web server or proxy that does not pass websockets on?)"
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
    """The accepting side: feed what arrives, send :meth:`data_to_send`."""

    __slots__ = ("_answer", "_reader", "accepted")

    def __init__(self) -> None:
        self._reader = HeadReader()
        self._answer = b""
        self.accepted = False

    def receive_data(self, data: bytes | memoryview) -> bytes | None:
        """The bytes after the request, once it is complete and answered; ``None`` while more is needed.

        The connection goes on only if :attr:`accepted`; otherwise it ends after the answer.
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
        """The answer to the request; nothing before and after it."""
        answer, self._answer = self._answer, b""
        return answer

    def _judge(self, request: UpgradeRequest) -> bytes:
        """The answer, by the reference's rules in its order."""
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
