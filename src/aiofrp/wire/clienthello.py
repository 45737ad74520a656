"""The server name a TLS client asks for, read from its first message (RFC 8446 §4.1.2, RFC 6066 §3).

It reads only the fields up to the name and keeps no copy for others: the caller passes the received bytes on itself.
"""

from __future__ import annotations

from aiofrp.errors import RemoteProtocolError

#: Bytes of the largest hello, over however many records; key shares and tickets make some kilobytes.
MAX_HELLO = 64 * 1024
#: Bytes of the largest record (RFC 8446 §5.1).
_MAX_RECORD = 1 << 14
_HANDSHAKE, _CLIENT_HELLO, _SERVER_NAME, _HOST_NAME = 0x16, 1, 0, 0

#: A fatal alert: the server knows no such name (RFC 6066 §3), as the reference sends it.
UNRECOGNIZED_NAME = bytes.fromhex("15030300020270")


class ClientHelloReader:
    """Finds the server name in the first handshake message of a TLS connection; keeps at most 80 KiB."""

    __slots__ = ("_hello", "_record", "server_name")

    def __init__(self) -> None:
        self.server_name: str | None = None
        """In lower case once the hello is whole; empty when it names none."""
        self._record = bytearray()  # beginning of a record, limited by _MAX_RECORD
        self._hello = bytearray()  # beginning of the message, limited by MAX_HELLO

    def receive_data(self, data: bytes | memoryview) -> bool:
        """Take a chunk; returns whether ``server_name`` is known now.

        Raises :class:`~aiofrp.errors.RemoteProtocolError` when the bytes are no TLS ClientHello, or one that is
        malformed or longer than :data:`MAX_HELLO`.
        """
        self._record += data
        while self.server_name is None and self._take_record():
            self._parse_hello()
        return self.server_name is not None

    def _take_record(self) -> bool:
        record = self._record
        if record and record[0] != _HANDSHAKE:
            raise RemoteProtocolError("not a TLS handshake")
        if len(record) < 5:
            return False
        size = int.from_bytes(record[3:5])
        if record[1] != 3 or not 0 < size <= _MAX_RECORD:
            raise RemoteProtocolError("malformed TLS record")
        if len(record) < 5 + size:
            return False
        self._hello += record[5 : 5 + size]
        del record[: 5 + size]
        return True

    def _parse_hello(self) -> None:
        hello = self._hello
        if hello[0] != _CLIENT_HELLO:
            raise RemoteProtocolError("not a TLS ClientHello")
        size = int.from_bytes(hello[1:4]) if len(hello) >= 4 else 0
        if size > MAX_HELLO:
            raise RemoteProtocolError(f"a TLS ClientHello of {size} bytes")
        if len(hello) >= 4 + size and len(hello) >= 4:
            self.server_name = _server_name(_Bytes(bytes(hello[4 : 4 + size])))


class _Bytes:
    """A cursor over the fields of a message; each vector has its length before it (RFC 8446 §3.4)."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def take(self, size: int) -> bytes:
        end = self._at + size
        if end > len(self._data):
            raise RemoteProtocolError("a TLS ClientHello is cut short")
        data = self._data[self._at : end]
        self._at = end
        return data

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size))

    def vector(self, length_size: int) -> bytes:
        return self.take(self.number(length_size))


def _server_name(hello: _Bytes) -> str:
    hello.take(2 + 32)  # version and random
    hello.vector(1)  # session id
    hello.vector(2)  # cipher suites
    hello.vector(1)  # compression methods
    if not hello:
        return ""
    extensions = _Bytes(hello.vector(2))
    while extensions:
        kind = extensions.number(2)
        body = extensions.vector(2)
        if kind == _SERVER_NAME:
            return _host_name(_Bytes(_Bytes(body).vector(2)))
    return ""


def _host_name(names: _Bytes) -> str:
    while names:
        kind = names.number(1)
        name = names.vector(2)
        if kind == _HOST_NAME:
            if name.endswith(b".") or not name.isascii():
                raise RemoteProtocolError("malformed server name")
            return name.decode().lower()
    return ""
