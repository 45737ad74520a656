"""CONNECT through an HTTP proxy (RFC 9110 §9.3.6; docs/protocol/client.md §1.5).

The bytes are the reference's. The host name goes to the proxy as it is.
"""

from __future__ import annotations

import base64

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.dial.httphead import HeadReader, parse_dial_response


class HttpConnect:
    """One CONNECT request: send :meth:`data_to_send`, feed what comes back."""

    __slots__ = ("_outgoing", "_reader")

    def __init__(self, target: str, login: tuple[str, str] | None = None) -> None:
        """``target``: ``host:port``. ``login``: user name and password."""
        fields = {"User-Agent": "Mozilla/5.0"}
        if login is not None:
            credentials = base64.b64encode(":".join(login).encode()).decode()
            fields["Proxy-Authorization"] = f"Basic {credentials}"
        self._outgoing = connect_request(target, fields)
        self._reader = HeadReader()

    def data_to_send(self) -> bytes:
        """What to send now."""
        data, self._outgoing = self._outgoing, b""
        return data

    def receive_data(self, data: bytes | memoryview) -> bytes | None:
        """The bytes after the answer, once the proxy has connected; ``None`` while more is needed.

        Raises :class:`RemoteProtocolError` when it has not.
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
    """A CONNECT request for ``host:port`` with further header fields."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{lines}\r\n".encode()
