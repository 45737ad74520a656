"""From a host name to its addresses: by the system, or by the server that ``dnsServer`` names.

Nothing is remembered between look-ups, so that a name that moves is found again at the next dial.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from weakref import WeakKeyDictionary

from aiofrp.errors import ConnectFailed
from aiofrp.transport.threads import UserThreads

if TYPE_CHECKING:
    from dns.asyncresolver import Resolver

#: One address as :func:`socket.getaddrinfo` gives it: family, kind, protocol, "", socket address.
AddrInfo: TypeAlias = tuple[int, int, int, str, tuple[Any, ...]]

#: Seconds one look-up at a chosen server may take, all tries together.
LIFETIME = 10.0
DNS_PORT = 53
#: Names of one proxy, chosen by users, that the system is asked for at once.
USER_LOOKUPS = 16
#: The same for names that the configuration has.
OWN_LOOKUPS = 16
#: Bytes of the hosts file that are read.
_HOSTS_LIMIT = 1024 * 1024


def use_dns_server(address: str) -> None:
    """Ask the server at ``address`` (``host`` or ``host:port``) from now on, in this task and all it starts."""
    _CHOSEN.set(DnsServer(*split_address(address, DNS_PORT)))


async def resolve(
    host: str,
    port: int,
    kind: socket.SocketKind = socket.SOCK_STREAM,
    threads: UserThreads | None = None,
) -> list[AddrInfo]:
    """The addresses of ``host``, with ``port``; an address is its own. ``threads``: where the system is asked for a
    name that a user chose.

    Raises :class:`~aiofrp.errors.ConnectFailed`.
    """
    try:
        if (address := _numeric(host, port, kind)) is not None:
            return address
        if (server := _CHOSEN.get()) is None:
            return list(await (threads or _own_threads()).run(_ask_system, host, port, kind))
        found = [_numeric(name, port, kind) for name in await server.look_up(host)]
    except (OSError, ValueError, OverflowError) as exc:  # a null byte, a label that is too long
        raise ConnectFailed(f"lookup {host}: no such host") from exc
    return [info for infos in found if infos for info in infos]


def _own_threads() -> UserThreads:
    """Where the system is asked for the names of the configuration: in threads that do not hold up the end of the
    program, as those of the event loop would until the name server has answered."""
    loop = asyncio.get_running_loop()
    threads = _OWN.get(loop)
    if threads is None:
        threads = _OWN[loop] = UserThreads(OWN_LOOKUPS)
    return threads


def split_address(text: str, default_port: int) -> tuple[str, int]:
    """``host``, ``host:port``, ``[v6]`` or ``[v6]:port`` in its parts. Raises :class:`ValueError`."""
    host, colon, port = text.rpartition(":")
    if not colon or (":" in host.strip("[]") and not host.endswith("]")):
        host, port = text, str(default_port)  # no port, or an IPv6 address without brackets
    return host.strip("[]"), int(port)


class DnsServer:
    """One name server. It is asked for both kinds of address at once; the hosts file goes before it."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._resolver: Resolver | None = None

    async def look_up(self, name: str) -> list[str]:
        """The addresses of ``name``, IPv6 first. Raises :class:`~aiofrp.errors.ConnectFailed`."""
        if known := list(hosts_entries(name, _hosts_lines())) or _loopback(name):
            return known
        import dns.exception
        import dns.resolver

        resolver = await self._ready()
        answers = await asyncio.gather(
            *(resolver.resolve(name, kind, search=True) for kind in ("AAAA", "A")), return_exceptions=True
        )
        addresses = [
            str(record) for answer in answers if not isinstance(answer, BaseException) for record in answer
        ]
        if addresses:
            return addresses
        reason = "no such host"
        for answer in answers:
            if not isinstance(answer, dns.exception.DNSException):
                raise answer  # type: ignore[misc]  # an error, as there is no address
            if isinstance(answer, dns.exception.Timeout):
                reason = "i/o timeout"
            elif isinstance(answer, dns.resolver.NoNameservers):
                reason = "server misbehaving"
        raise ConnectFailed(f"lookup {name} on {self._host}:{self._port}: {reason}")

    async def _ready(self) -> Resolver:
        if self._resolver is None:
            import dns.asyncresolver
            import dns.resolver

            try:
                resolver = dns.asyncresolver.Resolver()  # for the system's search list
            except dns.resolver.NoResolverConfiguration:
                resolver = dns.asyncresolver.Resolver(configure=False)
            found = await _own_threads().run(_ask_system, self._host, self._port, socket.SOCK_DGRAM)
            resolver.nameservers = [str(found[0][4][0])]
            resolver.port = self._port
            resolver.lifetime = LIFETIME
            self._resolver = resolver
        return self._resolver


def hosts_entries(name: str, lines: Iterable[str]) -> Iterator[str]:
    """The addresses a hosts file gives to ``name``."""
    wanted = name.rstrip(".").lower()
    for line in lines:
        address, *names = line.partition("#")[0].split() or [""]
        if wanted in (known.lower() for known in names):
            yield address


def _hosts_lines() -> list[str]:
    root = os.environ.get("SYSTEMROOT")
    path = Path(root, "System32/drivers/etc/hosts") if os.name == "nt" and root else Path("/etc/hosts")
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(_HOSTS_LIMIT).splitlines()
    except OSError:
        return []


def _loopback(name: str) -> list[str]:
    """The name that no name server may be asked for (RFC 6761 §6.3)."""
    lower = name.rstrip(".").lower()
    return ["::1", "127.0.0.1"] if lower == "localhost" or lower.endswith(".localhost") else []


def _ask_system(host: str, port: int, kind: socket.SocketKind) -> list[AddrInfo]:
    return list(socket.getaddrinfo(host, port, type=kind))


def _numeric(host: str, port: int, kind: socket.SocketKind) -> list[AddrInfo] | None:
    """An address, without asking anybody; ``None`` for a name."""
    try:
        return list(socket.getaddrinfo(host, port, type=kind, flags=socket.AI_NUMERICHOST))
    except (socket.gaierror, ValueError):
        return None


_OWN: WeakKeyDictionary[asyncio.AbstractEventLoop, UserThreads] = WeakKeyDictionary()
_CHOSEN: ContextVar[DnsServer | None] = ContextVar("dns server", default=None)
