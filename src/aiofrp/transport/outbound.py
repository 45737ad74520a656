"""From frpc to the server over TCP, through the proxy of ``transport.proxyURL`` if there is one
(docs/protocol/client.md §1.5)."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias
from urllib.parse import unquote, urlsplit

from aiofrp.errors import ConnectFailed, FrpError, RemoteProtocolError, TransportError
from aiofrp.stream.base import Stream
from aiofrp.stream.tcp import TcpStream, set_keepalive
from aiofrp.stream.tls.client import secured
from aiofrp.transport.base import DialOptions
from aiofrp.transport.conversation import Conversation, converse
from aiofrp.transport.net import dial
from aiofrp.transport.tls.default import default_context
from aiofrp.wire.addresses import join_host_port

_PASSWORD = re.compile(r"^([A-Za-z][A-Za-z0-9+.\-]*://[^/?#:@]*):[^/?#]*@")
#: Kinds of proxy and the port of one whose URL names none.
_PORTS = {"http": 80, "https": 443, "socks5": 1080, "ntlm": 80}


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy on the way to the server."""

    kind: str
    host: str
    port: int
    login: tuple[str, str] | None  #: user name and password


def parse_proxy_url(url: str) -> Proxy:
    """The proxy at ``url``. Raises :class:`~aiofrp.errors.ConnectFailed` for one that cannot be used."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as exc:
        raise ConnectFailed(f"fail to parse proxy url: {exc}") from None
    if parts.scheme not in _PORTS:
        raise ConnectFailed(f"ProxyType must be http, https, socks5 or ntlm, not [{parts.scheme}]")
    if not parts.hostname:
        raise ConnectFailed("fail to parse proxy url: it names no host")
    login = None
    if parts.username is not None:
        login = unquote(parts.username), unquote(parts.password or "")
    return Proxy(parts.scheme, parts.hostname, port or _PORTS[parts.scheme], login)


class Target(Protocol):
    """What to reach through a proxy."""

    @property
    def host(self) -> str:
        """The host name or IP address of the target."""

    @property
    def port(self) -> int:
        """The TCP port of the target."""

    @property
    def timeout(self) -> float:
        """Seconds for each step on the way."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A :class:`Target` that is nothing else."""

    host: str
    port: int
    timeout: float


def without_password(url: str) -> str:
    """``url`` as messages show it."""
    return _PASSWORD.sub(r"\1:***@", url)


async def reach(options: DialOptions) -> Stream:
    """A byte stream to the server with no layer of frp on it yet.

    Raises :class:`~aiofrp.errors.FrpError` saying what went wrong, with the reference's texts.
    """
    if not options.proxy_url:
        return await _dial(options.host, options.port, options)
    proxy = parse_proxy_url(options.proxy_url)
    stream = await _dial(proxy.host, proxy.port, options)
    return await through(stream, proxy, options)


async def through(stream: Stream, proxy: Proxy, target: Target) -> Stream:
    """The same stream to ``proxy``, connected to ``target`` by it. Raises :class:`~aiofrp.errors.FrpError`."""
    return await _THROUGH[proxy.kind](stream, proxy, target)


async def _dial(host: str, port: int, options: DialOptions) -> TcpStream:
    stream = await dial(host, port, timeout=options.timeout, local_ip=options.local_ip)
    set_keepalive(stream, options.keepalive)
    return stream


# The kinds of proxy


async def _through_http(stream: Stream, proxy: Proxy, target: Target) -> Stream:
    from aiofrp.wire.dial.connect import HttpConnect

    return await _ask(stream, HttpConnect(_name(target), proxy.login))


async def _through_https(stream: Stream, proxy: Proxy, target: Target) -> Stream:
    """The same within TLS, verified by the system's authorities."""
    context = default_context()
    try:
        tls = await secured(stream, context, proxy.host, target.timeout)
    except FrpError as exc:
        raise ConnectFailed(f"TLS handshake with HTTPS proxy: {exc}") from exc
    return await _through_http(tls, proxy, target)


async def _through_ntlm(stream: Stream, proxy: Proxy, target: Target) -> Stream:
    from aiofrp.wire.dial.ntlm import NtlmConnect

    return await _ask(stream, NtlmConnect(_name(target), proxy.login))


async def _through_socks5(stream: Stream, proxy: Proxy, target: Target) -> Stream:
    from aiofrp.wire.socks5 import Socks5Connect

    where = f"socks connect tcp {join_host_port(proxy.host, proxy.port)}->{_name(target)}"
    try:
        return await _ask(stream, Socks5Connect(target.host, target.port, proxy.login))
    except (RemoteProtocolError, TransportError, ValueError) as exc:
        stream.abort()
        raise ConnectFailed(f"{where}: {exc}") from exc


async def _ask(stream: Stream, conversation: Conversation) -> Stream:
    await converse(stream, conversation, "the request to the proxy")
    return stream


def _name(target: Target) -> str:
    return join_host_port(target.host, target.port)


_Through: TypeAlias = Callable[[Stream, Proxy, Target], Awaitable[Stream]]
_THROUGH: dict[str, _Through] = {
    "http": _through_http,
    "https": _through_https,
    "socks5": _through_socks5,
    "ntlm": _through_ntlm,
}
