"""SOCKS 5, both sides: a request to connect to a host through a proxy (RFC 1928, RFC 1929).

The host name goes to the proxy as it is; nothing is looked up here. Written by hand: the kept libraries read from a
socket of their own, and socksio, which does not, is no longer maintained.
"""

from __future__ import annotations

import enum
import hmac
import ipaddress
from abc import ABC, abstractmethod
from collections.abc import Generator
from typing import Final, TypeAlias

from aiofrp.errors import RemoteProtocolError

_VERSION, _CONNECT = 5, 1
_ANYBODY, _PASSWORD, _NONE_FITS = 0, 2, 0xFF
_LOGIN_VERSION, _RIGHT, _WRONG = 1, 0, 1
_IPV4, _NAME, _IPV6 = 1, 3, 4
_ADDRESS_SIZES: Final = {_IPV4: 4, _IPV6: 16}
_METHODS: Final = {_NONE_FITS: "no acceptable authentication methods"}


class SocksReply(enum.IntEnum):
    """What a proxy says to a request."""

    SUCCEEDED = 0
    GENERAL_FAILURE = 1
    NOT_ALLOWED = 2
    NETWORK_UNREACHABLE = 3
    HOST_UNREACHABLE = 4
    CONNECTION_REFUSED = 5
    TTL_EXPIRED = 6
    COMMAND_NOT_SUPPORTED = 7
    ADDRESS_TYPE_NOT_SUPPORTED = 8


_FAILURES: Final[dict[int, str]] = {
    SocksReply.GENERAL_FAILURE: "general SOCKS server failure",
    SocksReply.NOT_ALLOWED: "connection not allowed by ruleset",
    SocksReply.NETWORK_UNREACHABLE: "network unreachable",
    SocksReply.HOST_UNREACHABLE: "host unreachable",
    SocksReply.CONNECTION_REFUSED: "connection refused",
    SocksReply.TTL_EXPIRED: "TTL expired",
    SocksReply.COMMAND_NOT_SUPPORTED: "command not supported",
    SocksReply.ADDRESS_TYPE_NOT_SUPPORTED: "address type not supported",
}

_Steps: TypeAlias = Generator[int, bytes, None]
"""Yields how many bytes it wants next, and gets them."""


class Socks5Refused(RemoteProtocolError):
    """The server side refuses the client: ``answer`` is sent, if there is one, and the connection closed.

    ``wrong_login``: because of its user name and password, which may be a guess.
    """

    def __init__(self, reason: str, answer: bytes = b"", *, wrong_login: bool = False) -> None:
        super().__init__(reason)
        self.answer = answer
        self.wrong_login = wrong_login


class _Conversation(ABC):
    """One side: send :meth:`data_to_send`, feed what comes back."""

    __slots__ = ("_outgoing", "_received", "_steps", "_wanted")

    def __init__(self) -> None:
        self._outgoing = b""
        self._received = b""  # an incomplete part, at most 257 bytes
        self._steps = self._conversation()
        self._wanted = next(self._steps)

    def data_to_send(self) -> bytes:
        """What to send now."""
        data, self._outgoing = self._outgoing, b""
        return data

    def receive_data(self, data: bytes | memoryview) -> bytes | None:
        """The bytes after the conversation, once it is over; ``None`` while more is needed.

        Raises :class:`~aiofrp.errors.RemoteProtocolError` saying why it failed; feed nothing after that.
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

    @abstractmethod
    def _conversation(self) -> _Steps:
        """The steps of this side."""


class Socks5Connect(_Conversation):
    """The client side: one request to connect."""

    __slots__ = ("_login", "_target")

    def __init__(self, host: str, port: int, login: tuple[str, str] | None = None) -> None:
        """``login``: user name and password, at most 255 bytes each. Raises :class:`ValueError` for longer ones."""
        self._target = _encode_address(host, port)
        self._login = b"".join(_counted(part.encode()) for part in login or ())
        super().__init__()

    def _conversation(self) -> _Steps:
        methods = bytes((_ANYBODY, _PASSWORD) if self._login else (_ANYBODY,))
        self._outgoing = bytes((_VERSION, len(methods))) + methods
        version, method = yield 2
        _check_version(version)
        if method == _PASSWORD and self._login:
            self._outgoing = bytes((_LOGIN_VERSION,)) + self._login
            version, refused = yield 2
            if version != _LOGIN_VERSION:
                raise RemoteProtocolError("invalid username/password version")
            if refused != _RIGHT:
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


class Socks5Accept(_Conversation):
    """The server side until the client has asked for a host: :attr:`host`, an address or a name, and :attr:`port`.

    The answer to the request is :func:`encode_reply`. A client may send everything in one piece, with what is for the
    host behind it. Only the request to connect is served. Errors are :class:`Socks5Refused`; what there is to send
    goes before their answer.
    """

    __slots__ = ("_login", "host", "port")

    def __init__(self, login: tuple[str, str] | None = None) -> None:
        """``login``: the user name and password that clients must know."""
        self._login = tuple(part.encode() for part in login) if login else None
        self.host = ""  #: empty until asked for
        self.port = 0
        super().__init__()

    def _conversation(self) -> _Steps:
        (version,) = yield 1
        _check_version_of_client(version)
        (count,) = yield 1
        methods = (yield count) if count else b""
        method = _PASSWORD if self._login else _ANYBODY
        if method not in methods:
            raise Socks5Refused("no acceptable authentication methods", bytes((_VERSION, _NONE_FITS)))
        self._outgoing += bytes((_VERSION, method))
        if self._login:
            yield from self._check_login(*self._login)
        version, command, _ = yield 3
        _check_version_of_client(version)
        host = yield from self._read_host()
        port = yield 2
        if command != _CONNECT:
            raise _refused(SocksReply.COMMAND_NOT_SUPPORTED, f"command {command} is not supported")
        self.host, self.port = _decode_host(host), int.from_bytes(port)

    def _check_login(self, user: bytes, password: bytes) -> _Steps:
        (version,) = yield 1
        if version != _LOGIN_VERSION:
            raise Socks5Refused(f"version {version} of the username/password authentication")
        (size,) = yield 1
        given_user = (yield size) if size else b""
        (size,) = yield 1
        given_password = (yield size) if size else b""
        right = hmac.compare_digest(given_user, user) & hmac.compare_digest(given_password, password)
        if not right:
            answer = bytes((_LOGIN_VERSION, _WRONG))
            raise Socks5Refused("wrong user name or password", answer, wrong_login=True)
        self._outgoing += bytes((_LOGIN_VERSION, _RIGHT))

    def _read_host(self) -> Generator[int, bytes, bytes | str]:
        (kind,) = yield 1
        if kind == _NAME:
            (size,) = yield 1
            return (yield size) if size else b""
        if (size := _ADDRESS_SIZES.get(kind, 0)) == 0:
            raise _refused(SocksReply.ADDRESS_TYPE_NOT_SUPPORTED, f"address type {kind} is not supported")
        address = ipaddress.ip_address((yield size))
        return str(getattr(address, "ipv4_mapped", None) or address)


def encode_reply(reply: SocksReply, host: str = "0.0.0.0", port: int = 0) -> bytes:
    """The answer to a request to connect; ``host`` and ``port`` are the address the proxy connected from."""
    return bytes((_VERSION, reply, 0)) + _encode_address(host, port)


def _refused(reply: SocksReply, reason: str) -> Socks5Refused:
    return Socks5Refused(reason, encode_reply(reply))


def _check_version(version: int) -> None:
    if version != _VERSION:
        raise RemoteProtocolError(f"unexpected protocol version {version}")


def _check_version_of_client(version: int) -> None:
    if version != _VERSION:
        raise Socks5Refused(f"unexpected protocol version {version}")


def _decode_host(host: bytes | str) -> str:
    """The host a client asked for; a name that cannot be one is refused as one that is not found."""
    if isinstance(host, str):
        return host
    text = host.decode("utf-8", "replace")
    if not text or not text.isprintable() or " " in text or "\ufffd" in text:
        raise _refused(SocksReply.HOST_UNREACHABLE, f"{host!r} is no name of a host")
    return text


def _encode_address(host: str, port: int) -> bytes:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        name = _counted(host.encode("idna") if not host.isascii() else host.encode())
        return bytes((_NAME,)) + name + port.to_bytes(2, "big")
    kind = _IPV4 if address.version == 4 else _IPV6
    return bytes((kind,)) + address.packed + port.to_bytes(2, "big")


def _counted(part: bytes) -> bytes:
    if len(part) > 255:
        raise ValueError(f"{len(part)} bytes are too long for SOCKS")
    return bytes((len(part),)) + part
