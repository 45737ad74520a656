"""The client side of SOCKS 5: a connection to a named host through a proxy (RFC 1928, RFC 1929).

The host name goes to the proxy as it is; nothing is looked up here. Written by hand: the kept libraries read from a
socket of their own, and socksio, which does not, is no longer maintained.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Generator
from typing import Final

from aiofrp.errors import RemoteProtocolError

_VERSION, _CONNECT = 5, 1
_ANYBODY, _PASSWORD = 0, 2
_IPV4, _NAME, _IPV6 = 1, 3, 4
_ADDRESS_SIZES: Final = {_IPV4: 4, _IPV6: 16}
_METHODS: Final = {0xFF: "no acceptable authentication methods"}
_FAILURES: Final = {
    1: "general SOCKS server failure",
    2: "connection not allowed by ruleset",
    3: "network unreachable",
    4: "host unreachable",
    5: "connection refused",
    6: "TTL expired",
    7: "command not supported",
    8: "address type not supported",
}


class Socks5Connect:
    """One request to connect: send :meth:`data_to_send`, feed what comes back."""

    __slots__ = ("_login", "_outgoing", "_received", "_steps", "_target", "_wanted")

    def __init__(self, host: str, port: int, login: tuple[str, str] | None = None) -> None:
        """``login``: user name and password, at most 255 bytes each. Raises :class:`ValueError` for longer ones."""
        self._target = _address(host) + port.to_bytes(2, "big")
        self._login = b"".join(_counted(part.encode()) for part in login or ())
        self._outgoing = b""
        self._received = b""  # an incomplete part of a reply, at most 257 bytes
        self._steps = self._conversation()
        self._wanted = next(self._steps)

    def data_to_send(self) -> bytes:
        """What to send now."""
        data, self._outgoing = self._outgoing, b""
        return data

    def receive_data(self, data: bytes | memoryview) -> bytes | None:
        """The bytes after the conversation, once the proxy has connected; ``None`` while more is needed.

        Raises :class:`RemoteProtocolError` saying why the proxy did not.
        """
        received = self._received + data
        while len(received) >= self._wanted:
            part, received = received[: self._wanted], received[self._wanted :]
            try:
                self._wanted = self._steps.send(part)
            except StopIteration:
                return received
        self._received = received
        return None

    def _conversation(self) -> Generator[int, bytes, None]:
        """Yields how many bytes it wants next, and gets them."""
        methods = bytes((_ANYBODY, _PASSWORD) if self._login else (_ANYBODY,))
        self._outgoing = bytes((_VERSION, len(methods))) + methods
        version, method = yield 2
        _check_version(version)
        if method == _PASSWORD and self._login:
            self._outgoing = b"\1" + self._login
            version, refused = yield 2
            if version != 1:
                raise RemoteProtocolError("invalid username/password version")
            if refused:
                raise RemoteProtocolError("username/password authentication failed")
        elif method != _ANYBODY:
            raise RemoteProtocolError(_METHODS.get(method, f"unsupported authentication method {method}"))
        self._outgoing = bytes((_VERSION, _CONNECT, 0)) + self._target
        version, failure = yield 2
        _check_version(version)
        if failure:
            raise RemoteProtocolError(f"unknown error {_FAILURES.get(failure, f'unknown code: {failure}')}")
        _, kind = yield 2
        if kind == _NAME:
            (size,) = yield 1
        elif (size := _ADDRESS_SIZES.get(kind, 0)) == 0:
            raise RemoteProtocolError(f"unknown address type {kind}")
        yield size + 2


def _check_version(version: int) -> None:
    if version != _VERSION:
        raise RemoteProtocolError(f"unexpected protocol version {version}")


def _address(host: str) -> bytes:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return bytes((_NAME,)) + _counted(host.encode("idna") if not host.isascii() else host.encode())
    return bytes((_IPV4 if address.version == 4 else _IPV6,)) + address.packed


def _counted(part: bytes) -> bytes:
    if len(part) > 255:
        raise ValueError(f"{len(part)} bytes are too long for SOCKS")
    return bytes((len(part),)) + part
