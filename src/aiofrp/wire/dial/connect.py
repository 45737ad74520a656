"""CONNECT through an HTTP proxy (RFC 9110 §9.3.6; docs/protocol/client.md §1.5).

The request has the same bytes as the reference's. Host names are not resolved here; the proxy resolves them.
"""

from __future__ import annotations

import base64

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.dial.httphead import HeadReader, parse_dial_response


class HttpConnect:
    """One CONNECT request. Send :meth:`data_to_send` once, then pass what the proxy sends to :meth:`receive_data` until
    it returns bytes."""

    __slots__ = ("_outgoing", "_reader")

    def __init__(self, target: str, login: tuple[str, str] | None = None) -> None:
        """``target``: ``host:port``. ``login``: user name and password for basic authentication."""
        fields = {"User-Agent": "Mozilla/5.0"}
        if login is not None:
            credentials = base64.b64encode(":".join(login).encode()).decode()
            fields["Proxy-Authorization"] = f"Basic {credentials}"
        self._outgoing = connect_request(target, fields)
        self._reader = HeadReader()

    def data_to_send(self) -> bytes:
        """The bytes of the request; empty after the first call."""
        data, self._outgoing = self._outgoing, b""
        return data

    def receive_data(self, data: bytes | memoryview) -> bytes | None:
        """The bytes after the response, which may be empty, once the tunnel is open; ``None`` before that.

        Raises :class:`RemoteProtocolError` when the status is not 200 or the head is malformed.
        """
        parts = self._reader.receive_data(data)
        if parts is None:
            return None
        head, rest = parts
        status = parse_dial_response(head).status
        if status != 200:
            raise RemoteProtocolError(f"DialTcpByHttpProxy error, StatusCode [{status}]")
        return rest


def connect_request(target: str, fields: dict[str, str]) -> bytes:
    """The bytes of a CONNECT request for ``target``, ``host:port``, with ``fields`` after Host."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{lines}\r\n".encode()
