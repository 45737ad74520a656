"""Every proxy published on this frps, by its wire name; names are unique over all clients
(docs/protocol/server.md §2.7)."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import islice
from typing import TypeAlias

from aiofrp import registry
from aiofrp.config.models.annotations import annotation_problems
from aiofrp.errors import ProxyError, Taken
from aiofrp.host.contexts import Joined, ServerHalf
from aiofrp.proxy.base import proxy_type
from aiofrp.server.publish.context import Context
from aiofrp.server.publish.flow import Flow
from aiofrp.server.publish.published import Published, Traffic
from aiofrp.server.session.sessions import ControlSession, gives_way
from aiofrp.server.tables import Tables
from aiofrp.stream.splice import let_finish
from aiofrp.wire.frp.messages import NewProxy

#: Proxies of one session, and routes (a domain with a location) of all of them. The reference has no limits.
MAX_PROXIES = 10_000
MAX_CLIENT_ROUTES = 20_000
#: Problems with annotations that one refusal names.
_MAX_PROBLEMS = 10

#: What ``maxPortsPerClient`` counts for: user and client id, or a session.
_Account: TypeAlias = tuple[str, str] | ControlSession


class Proxies:
    """Starts and stops the server halves of proxies, and gives back what each has claimed.

    Limited by ``maxPortsPerClient``, :data:`MAX_PROXIES`, :data:`MAX_CLIENT_ROUTES`, and by names being unique.
    """

    def __init__(self, tables: Tables, flow: Flow | None = None) -> None:
        """``flow`` counts what all users move; without it there is no list of single connections."""
        self._tables = tables
        self._names = tables.published
        # By name and type; kept while a connection of a closed proxy is open.
        self._traffic: dict[tuple[str, str], Traffic] = {}
        self._ports: Counter[_Account] = (
            Counter()
        )  # ports of one account; limited by the ports that are taken
        self._drained: asyncio.Event | None = None  # while the server stops
        self._flow = flow

    def __len__(self) -> int:
        return len(self._names)

    async def start(self, owner: ControlSession, message: NewProxy) -> str:
        """Publish a proxy of ``owner``; returns the ``remote_addr`` that its client is answered.

        A session that has the name, the port or a domain already gives way if its client is gone.

        Raises :class:`~aiofrp.errors.FrpError` with the text for the client; nothing stays claimed then, nor when the
        call is cancelled.
        """
        while True:  # each turn but the last closes a session
            try:
                return await self._start(owner, message)
            except Taken as exc:
                holder = self._names.find(exc.holder)
                if holder is None or not await gives_way(holder.owner, owner):
                    raise

    async def resume(self, owner: ControlSession, message: NewProxy) -> str:
        """:meth:`start` a proxy that frps itself has stopped. Its client may ask for it meanwhile, and gets the same
        answer."""
        remote_addr = await self.start(owner, message)
        published = self._names.find(message.proxy_name)
        if published is not None:
            published.resumed = True
        return remote_addr

    async def _start(self, owner: ControlSession, message: NewProxy) -> str:
        self._tables.disabled.check(message.proxy_name)
        if (remote_addr := self._resumed(owner, message)) is not None:
            return remote_addr
        traffic = self._entry_of(message.proxy_name, _kind(message))
        try:
            return await self._publish(owner, message, self._make(owner, message, traffic))
        except BaseException:
            self._forget_if_idle(traffic)
            raise

    def _resumed(self, owner: ControlSession, message: NewProxy) -> str | None:
        """The ``remote_addr`` of a proxy that was resumed, where its client asks for the same."""
        found = self._names.find(message.proxy_name)
        if found is None or found.owner is not owner or not found.resumed:
            return None
        return found.remote_addr if found.half.context.message == message else None

    async def _publish(self, owner: ControlSession, message: NewProxy, half: ServerHalf) -> str:
        name, kind = message.proxy_name, _kind(message)
        _check_annotations(message)
        half.check()
        self._check_quota(owner, half)
        published = Published(half, owner, kind)
        self._count(owner, half, 1)
        try:
            published.lease = await self._names.claim(name, published)
            remote_addr = await half.start()
            await self._check_enabled(half)
            published.remote_addr = remote_addr
        except BaseException:
            _end(published)
            self._count(owner, half, -1)
            raise
        login = owner.login
        for observer in self._tables.observers:
            observer.proxy_opened(name, kind, login.user, login.client_id, owner.run_id)
        return remote_addr

    async def stop(self, owner: ControlSession, name: str) -> None:
        """Stop the proxy ``name`` of ``owner``; its user connections go on. Names that it does not have are ignored."""
        published = self._names.find(name)
        if published is None:
            self._tables.disabled.withdrawn(owner, name)
        if published is None or published.owner is not owner or published.remote_addr is None:
            return
        published.remote_addr = None  # an operator and the client may stop it at the same time
        owner.message_log.bind(name).info("proxy closing")
        try:
            await published.half.stop()
        finally:  # the session may end meanwhile: the name and the ports are free all the same
            self._count(owner, published.half, -1)
            _end(published)
            self._forget_if_idle(self._entry_of(name, published.kind))
            for observer in self._tables.observers:
                observer.proxy_closed(name, published.kind)

    async def _check_enabled(self, half: ServerHalf) -> None:
        """Stop ``half``, and raise :class:`~aiofrp.errors.ProxyError`, when it was disabled while it started."""
        try:
            self._tables.disabled.check(half.context.message.proxy_name)
        except ProxyError:
            await half.stop()
            raise

    @property
    def open_connections(self) -> int:
        """How many connections of users are open."""
        return len(self._open())

    async def drain(self, grace: float) -> None:
        """Wait until no user connection is open, at most ``grace`` seconds, then end the rest; idle ones first, see
        :func:`~aiofrp.stream.splice.let_finish`."""
        self._drained = asyncio.Event()
        await let_finish(self._open, self._drained, grace)

    def traffic(self) -> list[Traffic]:
        """The connections of each proxy, also of those that are closed and have some still."""
        return list(self._traffic.values())

    def traffic_of(self, name: str) -> list[Traffic]:
        """The connections of the proxy ``name``: one entry for each type that it has or had, where some are open."""
        return [found for kind in registry.PROXIES if (found := self._traffic.get((name, kind))) is not None]

    def running(self, name: str) -> ServerHalf | None:
        """The half of the proxy ``name``, where it serves users."""
        found = self._names.find(name)
        return None if found is None or found.remote_addr is None else found.half

    def _all_closed(self, traffic: Traffic) -> None:
        self._forget_if_idle(traffic)
        if self._drained is not None and not self._open():
            self._drained.set()

    def _open(self) -> list[Joined]:
        return [joined for traffic in self._traffic.values() for joined in traffic.open]

    def _make(self, owner: ControlSession, message: NewProxy, traffic: Traffic) -> ServerHalf:
        kind = _kind(message)
        if kind not in registry.PROXIES:
            raise ProxyError(f"unknown proxy type: {kind}")
        server_half = proxy_type(kind).Server
        if server_half is None:
            raise ProxyError(f"proxies of type {kind} are not in this release of aiofrp's frps")
        half: ServerHalf = server_half(Context(self._tables, owner, message, traffic))
        return half

    def _entry_of(self, name: str, kind: str) -> Traffic:
        traffic = self._traffic.get((name, kind))
        if traffic is None:
            traffic = Traffic((name, kind), self._tables.observers, self._all_closed, self._flow)
            self._traffic[name, kind] = traffic
        return traffic

    def _forget_if_idle(self, traffic: Traffic) -> None:
        if not traffic.open and traffic.key[0] not in self._names:
            self._traffic.pop(traffic.key, None)

    def _check_quota(self, owner: ControlSession, half: ServerHalf) -> None:
        limit = self._tables.config.max_ports_per_client
        if limit > 0 and self._ports[_account(owner)] + half.ports > limit:
            raise ProxyError("exceed the max_ports_per_client")
        if owner.proxies_used >= MAX_PROXIES:
            raise ProxyError(f"one client may have {MAX_PROXIES} proxies")
        if owner.routes_used + half.routes > MAX_CLIENT_ROUTES:
            raise ProxyError(f"the proxies of one client may have {MAX_CLIENT_ROUTES} routes together")

    def _count(self, owner: ControlSession, half: ServerHalf, sign: int) -> None:
        """Count what ``half`` takes of its client's limits, or give it back with ``sign`` -1."""
        owner.proxies_used += sign
        owner.routes_used += sign * half.routes
        account = _account(owner)
        self._ports[account] += sign * half.ports
        if not self._ports[account]:
            del self._ports[account]


def _account(owner: ControlSession) -> _Account:
    """What ``maxPortsPerClient`` counts for: a client that has an id, over all its sessions, else the session."""
    return (owner.user, owner.client_id) if owner.client_id else owner


def _end(published: Published) -> None:
    if published.lease is not None:
        published.lease.end()


def _kind(message: NewProxy) -> str:
    return message.proxy_type or "tcp"


def _check_annotations(message: NewProxy) -> None:
    """frpc has checked them, other clients may not have. Raises :class:`~aiofrp.errors.ProxyError`."""
    problems = [text for _, text in islice(annotation_problems(message.annotations), _MAX_PROBLEMS)]
    if problems:
        raise ProxyError("\n".join(problems))
