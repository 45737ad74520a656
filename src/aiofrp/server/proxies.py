"""Every proxy published on this frps, by its wire name; names are unique over all clients (spec: server §2.7)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiofrp import registry
from aiofrp.errors import FrpError, ProxyError
from aiofrp.logs import Log
from aiofrp.proxy.group import Groups
from aiofrp.proxy.host import Joined, Ports, ServerHalf, Vhost
from aiofrp.stream.base import Stream
from aiofrp.wire.messages import NewProxy, StartWorkConn

if TYPE_CHECKING:
    from aiofrp.server.control import ServerControl
    from aiofrp.server.service import Server


class Traffic:
    """User connections of one proxy, open and past: see :class:`aiofrp.proxy.host.Traffic`."""

    __slots__ = ("_all_closed", "bytes_in", "bytes_out", "open")

    def __init__(self, all_closed: Callable[[], None]) -> None:
        self._all_closed = all_closed
        self.open: set[Joined] = set()  # limited by open files
        self.bytes_in = 0
        self.bytes_out = 0

    def opened(self, joined: Joined) -> None:
        self.open.add(joined)

    def closed(self, joined: Joined) -> None:
        self.open.discard(joined)
        self.bytes_in += joined.bytes_in
        self.bytes_out += joined.bytes_out
        if not self.open:
            self._all_closed()

    def count(self, bytes_in: int, bytes_out: int) -> None:
        self.bytes_in += bytes_in
        self.bytes_out += bytes_out


class Context:
    """frps as one proxy sees it: see :class:`aiofrp.proxy.host.ServerContext`."""

    __slots__ = ("_pool", "_server", "codec", "key", "log", "message", "traffic")

    def __init__(
        self, server: Server, owner: ServerControl, message: NewProxy, log: Log, traffic: Traffic
    ) -> None:
        self._server = server
        self._pool = owner.pool
        self.codec = owner.codec
        self.key = owner.key
        self.message = message
        self.log = log
        self.traffic = traffic

    @property
    def bind_addr(self) -> str:
        return self._server.config.proxy_bind_addr

    @property
    def udp_packet_size(self) -> int:
        return self._server.config.udp_packet_size

    @property
    def tcp_ports(self) -> Ports:
        return self._server.tcp_ports

    @property
    def udp_ports(self) -> Ports:
        return self._server.udp_ports

    def vhost(self, kind: str) -> Vhost:
        return self._server.vhosts[kind]

    def groups(self, kind: str) -> Groups[Any]:
        return self._server.groups[kind]

    def take_work_connection(
        self,
        start: StartWorkConn,
        ready: Callable[[Stream], None],
        failed: Callable[[FrpError], None],
    ) -> None:
        self._pool.take(start, ready, failed)


@dataclass(slots=True)
class _Published:
    half: ServerHalf
    owner: ServerControl


class Proxies:
    """Starts and stops server halves; limited by ``maxPortsPerClient`` and by names being unique."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._table: dict[str, _Published | None] = {}  # None while it starts
        self._traffic: dict[str, Traffic] = {}  # by name; kept while a connection of a closed proxy is open
        self._drained: asyncio.Event | None = None  # while the server stops

    def __len__(self) -> int:
        return len(self._table)

    async def start(self, owner: ServerControl, message: NewProxy) -> str:
        """Publish a proxy; returns its ``remote_addr``. Raises :class:`~aiofrp.errors.FrpError`."""
        half = self._make(owner, message)
        half.check()
        name = message.proxy_name
        self._check_quota(owner, half)
        if name in self._table:
            raise ProxyError(f"proxy [{name}] already exists")
        self._table[name] = None
        owner.ports_used += half.ports
        try:
            remote_addr = await half.start()
        except BaseException:
            del self._table[name]
            owner.ports_used -= half.ports
            raise
        self._table[name] = _Published(half, owner)
        return remote_addr

    async def stop(self, owner: ServerControl, name: str) -> None:
        """Take a proxy of ``owner`` back; unknown names are ignored."""
        published = self._table.get(name)
        if published is None or published.owner is not owner:
            return
        owner.log.bind(name).info("proxy closing")
        await published.half.stop()
        owner.ports_used -= published.half.ports
        del self._table[name]
        self._forget_idle_traffic()

    async def drain(self, grace: float) -> None:
        """Wait until no user connection is open, at most ``grace`` seconds, then end the rest."""
        if self._open():
            self._drained = asyncio.Event()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace):
                    await self._drained.wait()
        for joined in self._open():
            joined.abort()

    def _check_drained(self) -> None:
        if self._drained is not None and not self._open():
            self._drained.set()

    def _open(self) -> list[Joined]:
        return [joined for traffic in self._traffic.values() for joined in traffic.open]

    def _make(self, owner: ServerControl, message: NewProxy) -> ServerHalf:
        kind = message.proxy_type or "tcp"
        target = registry.PROXIES.get(kind)
        if target is None:
            raise ProxyError(f"unknown proxy type: {kind}")
        server_half = registry.load(target).Server
        if server_half is None:
            raise ProxyError(f"proxies of type {kind} are not in this release of aiofrp's frps")
        log = owner.log.bind(message.proxy_name)
        traffic = self._traffic.setdefault(message.proxy_name, Traffic(self._check_drained))
        half: ServerHalf = server_half(Context(self._server, owner, message, log, traffic))
        return half

    def _forget_idle_traffic(self) -> None:
        for name in [n for n, t in self._traffic.items() if not t.open and n not in self._table]:
            del self._traffic[name]

    def _check_quota(self, owner: ServerControl, half: ServerHalf) -> None:
        limit = self._server.config.max_ports_per_client
        if limit > 0 and owner.ports_used + half.ports > limit:
            raise ProxyError("exceed the max_ports_per_client")
