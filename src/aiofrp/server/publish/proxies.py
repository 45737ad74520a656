"""Every proxy published on this frps, by its wire name; names are unique over all clients
(docs/protocol/server.md §2.7)."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from aiofrp import registry
from aiofrp.config.models.annotations import annotation_problems
from aiofrp.config.models.types import Bandwidth
from aiofrp.errors import FrpError, ProxyError
from aiofrp.host.contexts import Doors, Joined, Ports, ServerHalf, Vhost
from aiofrp.host.groups import Groups
from aiofrp.host.relay import limit_of
from aiofrp.proxy.base import proxy_type
from aiofrp.server.api.statistics import Observer
from aiofrp.stream.base import Stream
from aiofrp.wire.frp.messages import NewProxy, StartWorkConn

if TYPE_CHECKING:
    from aiofrp.server.service import Server
    from aiofrp.server.session.control import ServerControl

#: Proxies of one session, and routes (a domain with a location) of all of them. The reference has no limits.
MAX_PROXIES = 10_000
MAX_CLIENT_ROUTES = 20_000
#: Problems with annotations that one refusal tells.
_MAX_PROBLEMS = 10


class Traffic:
    """User connections of one proxy: see :class:`aiofrp.host.contexts.Traffic`."""

    __slots__ = ("_all_closed", "_observers", "key", "open")

    def __init__(
        self, key: tuple[str, str], observers: Sequence[Observer], all_closed: Callable[[Traffic], None]
    ) -> None:
        self.key = key  # name and type of the proxy
        self._observers = observers
        self._all_closed = all_closed
        self.open: set[Joined] = set()  # limited by open files

    def opened(self, joined: Joined) -> None:
        self.open.add(joined)
        for observer in self._observers:
            observer.connection_opened(*self.key)

    def closed(self, joined: Joined) -> None:
        if joined in self.open:
            self.open.remove(joined)
            self.count(joined.bytes_in, joined.bytes_out)
            for observer in self._observers:
                observer.connection_closed(*self.key)
        if not self.open:
            self._all_closed(self)

    def count(self, bytes_in: int, bytes_out: int) -> None:
        for observer in self._observers:
            observer.traffic(*self.key, bytes_in, bytes_out)


class Context:
    """frps as one proxy sees it: see :class:`aiofrp.host.contexts.ServerContext`."""

    __slots__ = ("_pool", "_server", "codec", "key", "limit", "log", "message", "traffic", "user", "user_log")

    def __init__(self, server: Server, owner: ServerControl, message: NewProxy, traffic: Traffic) -> None:
        self._server = server
        self._pool = owner.pool
        self.codec = owner.codec
        self.key = owner.key
        self.user = owner.login.user
        self.limit = limit_of(_bandwidth(message.bandwidth_limit), message.bandwidth_limit_mode == "server")
        self.message = message
        self.log = owner.message_log.bind(message.proxy_name)
        self.user_log = owner.user_log.bind(message.proxy_name)
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

    @property
    def doors(self) -> Doors:
        return self._server.visitors

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
    kind: str
    remote_addr: str


class Proxies:
    """Starts and stops server halves.

    Limited by ``maxPortsPerClient``, :data:`MAX_PROXIES`, :data:`MAX_CLIENT_ROUTES`, and by names being unique.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._table: dict[str, _Published | None] = {}  # None while it starts
        # By name and type; kept while a connection of a closed proxy is open.
        self._traffic: dict[tuple[str, str], Traffic] = {}
        self._ports: Counter[Hashable] = (
            Counter()
        )  # ports of one account; limited by the ports that are taken
        self._drained: asyncio.Event | None = None  # while the server stops

    def __len__(self) -> int:
        return len(self._table)

    async def start(self, owner: ServerControl, message: NewProxy) -> str:
        """Publish a proxy; returns its ``remote_addr``. Raises :class:`~aiofrp.errors.FrpError`."""
        traffic = self._traffic_of(message.proxy_name, _kind(message))
        try:
            return await self._publish(owner, message, self._make(owner, message, traffic))
        except BaseException:
            self._forget_if_idle(traffic)
            raise

    async def _publish(self, owner: ServerControl, message: NewProxy, half: ServerHalf) -> str:
        name = message.proxy_name
        _check_annotations(message)
        half.check()
        self._check_quota(owner, half)
        if name in self._table:
            raise ProxyError(f"proxy [{name}] already exists")
        self._table[name] = None
        self._count(owner, half, 1)
        try:
            remote_addr = await half.start()
        except BaseException:
            del self._table[name]
            self._count(owner, half, -1)
            raise
        kind = _kind(message)
        self._table[name] = _Published(half, owner, kind, remote_addr)
        login = owner.login
        for observer in self._server.observers:
            observer.proxy_opened(name, kind, login.user, login.client_id, owner.run_id)
        return remote_addr

    def published(self, name: str) -> tuple[NewProxy, str] | None:
        """The request a running proxy was made from, and its ``remote_addr``."""
        published = self._table.get(name)
        return None if published is None else (published.half.context.message, published.remote_addr)

    async def stop(self, owner: ServerControl, name: str) -> None:
        """Take a proxy of ``owner`` back; unknown names are ignored."""
        published = self._table.get(name)
        if published is None or published.owner is not owner:
            return
        owner.message_log.bind(name).info("proxy closing")
        try:
            await published.half.stop()
        finally:  # the session may end meanwhile: the name and the ports are free all the same
            self._count(owner, published.half, -1)
            del self._table[name]
            self._forget_if_idle(self._traffic_of(name, published.kind))
            for observer in self._server.observers:
                observer.proxy_closed(name, published.kind)

    async def drain(self, grace: float) -> None:
        """Wait until no user connection is open, at most ``grace`` seconds, then end the rest."""
        if self._open():
            self._drained = asyncio.Event()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace):
                    await self._drained.wait()
        for joined in self._open():
            joined.abort()

    def _all_closed(self, traffic: Traffic) -> None:
        self._forget_if_idle(traffic)
        if self._drained is not None and not self._open():
            self._drained.set()

    def _open(self) -> list[Joined]:
        return [joined for traffic in self._traffic.values() for joined in traffic.open]

    def _make(self, owner: ServerControl, message: NewProxy, traffic: Traffic) -> ServerHalf:
        kind = _kind(message)
        if kind not in registry.PROXIES:
            raise ProxyError(f"unknown proxy type: {kind}")
        server_half = proxy_type(kind).Server
        if server_half is None:
            raise ProxyError(f"proxies of type {kind} are not in this release of aiofrp's frps")
        half: ServerHalf = server_half(Context(self._server, owner, message, traffic))
        return half

    def _traffic_of(self, name: str, kind: str) -> Traffic:
        traffic = self._traffic.get((name, kind))
        if traffic is None:
            traffic = Traffic((name, kind), self._server.observers, self._all_closed)
            self._traffic[name, kind] = traffic
        return traffic

    def _forget_if_idle(self, traffic: Traffic) -> None:
        if not traffic.open and traffic.key[0] not in self._table:
            self._traffic.pop(traffic.key, None)

    def _check_quota(self, owner: ServerControl, half: ServerHalf) -> None:
        limit = self._server.config.max_ports_per_client
        if limit > 0 and self._ports[_account(owner)] + half.ports > limit:
            raise ProxyError("exceed the max_ports_per_client")
        if owner.proxies_used >= MAX_PROXIES:
            raise ProxyError(f"one client may have {MAX_PROXIES} proxies")
        if owner.routes_used + half.routes > MAX_CLIENT_ROUTES:
            raise ProxyError(f"the proxies of one client may have {MAX_CLIENT_ROUTES} routes together")

    def _count(self, owner: ServerControl, half: ServerHalf, sign: int) -> None:
        """Count what ``half`` takes of its client's limits, or give it back with ``sign`` -1."""
        owner.proxies_used += sign
        owner.routes_used += sign * half.routes
        account = _account(owner)
        self._ports[account] += sign * half.ports
        if not self._ports[account]:
            del self._ports[account]


def _account(owner: ServerControl) -> Hashable:
    """What ``maxPortsPerClient`` counts for: a client that has an id, over all its sessions, else the session."""
    return (owner.user, owner.client_id) if owner.client_id else owner


def _kind(message: NewProxy) -> str:
    return message.proxy_type or "tcp"


def _check_annotations(message: NewProxy) -> None:
    """frpc has looked at them, other clients may not. Raises :class:`~aiofrp.errors.ProxyError`."""
    problems = [text for _, text in islice(annotation_problems(message.annotations), _MAX_PROBLEMS)]
    if problems:
        raise ProxyError("\n".join(problems))


def _bandwidth(text: str) -> Bandwidth:
    """A limit as a client tells it; one that cannot be read is none (docs/protocol/server.md §2.7)."""
    try:
        return Bandwidth.parse(text)
    except ValueError:
        return Bandwidth()
