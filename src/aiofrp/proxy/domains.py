"""Proxies known by domains on a port they share: what http, https and tcpmux have in common on frps.

Knows routes and groups, not the protocol spoken on the port.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Iterable
from itertools import product
from typing import ClassVar, Generic, Protocol, TypeVar

from aiofrp.config.models.proxy import MAX_ROUTES
from aiofrp.errors import ProxyError
from aiofrp.host.contexts import ServerContext, ServerHalf
from aiofrp.host.lease import Lease
from aiofrp.wire.frp.messages import NewProxy
from aiofrp.wire.router import canonical_address, canonical_host

#: Routes that are entered or removed between two turns of the event loop.
_BATCH = 100
#: Characters of a list of names, in the log and in the answer to the client, whose message must stay below the limit.
_MAX_LIST = 4096


class DomainRoute(Protocol):
    """What one domain, or one location of it, leads to; the proxies of a group share it."""

    lease: Lease  #: of the domain; whoever leaves last ends it

    def __len__(self) -> int:
        """The number of proxies that serve it."""


_R = TypeVar("_R", bound=DomainRoute)


class DomainServer(ServerHalf, Generic[_R]):
    """Enters a route for each domain and location of the proxy, alone or as member of a group."""

    #: The kind of the shared port and of the groups: the proxy type.
    kind: ClassVar[str]

    def __init__(self, context: ServerContext, route: type[_R]) -> None:
        """``route``: the class of what :meth:`new_route` makes."""
        super().__init__(context)
        self._vhost = context.vhost(self.kind, route)
        self._route = route
        self._entered: list[_R] = []  # limited by MAX_ROUTES

    @property
    def routes(self) -> int:
        return self._domain_count() * len(self.locations())

    def check(self) -> None:
        check_domains(self.context.message, self._vhost.subdomain_host)
        if self.routes > MAX_ROUTES:
            raise ProxyError(
                f"{self._domain_count()} domains with {len(self.locations())} locations are {self.routes} routes;"
                f" one proxy may have {MAX_ROUTES}"
            )

    async def start(self) -> str:
        message = self.context.message
        names = domains(message, self._vhost.subdomain_host)
        try:
            for count, (domain, location) in enumerate(product(names, self.locations()), 1):
                await self._enter(domain, location)
                if count % _BATCH == 0:
                    await asyncio.sleep(0)
        except BaseException:
            await self._leave()
            raise
        if names:
            self.log_routes(listed(names), listed(self.locations()))
        written = product(as_written(message, self._vhost.subdomain_host), self.locations())
        return listed(canonical_address(domain, self._vhost.port) for domain, _ in written)

    async def stop(self) -> None:
        await self._leave()

    # For the types

    @abstractmethod
    def new_route(self) -> _R:
        """A route that nobody serves yet, with the settings of this proxy."""

    @abstractmethod
    def join(self, route: _R) -> None:
        """Serve users of ``route`` from now on. Raises :class:`~aiofrp.errors.ProxyError` when it cannot."""

    @abstractmethod
    def part(self, route: _R) -> None:
        """Serve no more users of ``route``; those already joined go on."""

    @abstractmethod
    def parameters(self, domain: str, location: str) -> tuple[object, ...]:
        """What all members of a group must have in common."""

    @abstractmethod
    def log_routes(self, domains: str, locations: str) -> None:
        """Log once that the routes were entered."""

    def locations(self) -> tuple[str, ...]:
        """Path prefixes of the routes."""
        return ("",)

    def user(self) -> str:
        """The only user of the routes, or empty."""
        return self.context.message.route_by_http_user

    # Private

    def _domain_count(self) -> int:
        return len(as_written(self.context.message, self._vhost.subdomain_host))

    async def _enter(self, domain: str, location: str) -> None:
        if self.context.message.group:
            async with self.context.groups(self.kind).lock:  # the first member waits for the domain
                await self._enter_group(domain, location)
        else:
            self._entered.append(await self._open(domain, location))

    async def _enter_group(self, domain: str, location: str) -> None:
        message, groups = self.context.message, self.context.groups(self.kind)
        parameters = self.parameters(domain, location)
        route = groups.find(message, self._route, parameters)
        if route is None:
            route = await self._open(domain, location)
            groups.add(message, parameters, route)
        else:
            self.join(route)
        self._entered.append(route)

    async def _open(self, domain: str, location: str) -> _R:
        """A route of this proxy alone, to which the domain leads from now on."""
        route = self.new_route()
        self.join(route)
        name = self.context.message.proxy_name
        route.lease = await self._vhost.claim(domain, location, self.user(), route, name)
        return route

    async def _leave(self) -> None:
        """Remove all routes in batches; at once when the task is cancelled meanwhile."""
        try:
            while len(self._entered) > _BATCH:
                self._remove(_BATCH)
                await asyncio.sleep(0)
        finally:
            self._remove(len(self._entered))

    def _remove(self, count: int) -> None:
        for _ in range(count):
            route = self._entered.pop()
            self.part(route)
            if not len(route):
                route.lease.end()
                if self.context.message.group:
                    self.context.groups(self.kind).remove(self.context.message.group)


def domains(message: NewProxy, subdomain_host: str) -> list[str]:
    """The domains of a proxy as routes know them."""
    found = [canonical_host(domain) for domain in message.custom_domains if domain]
    return [*found, f"{message.subdomain.lower()}.{subdomain_host}"] if message.subdomain else found


def as_written(message: NewProxy, subdomain_host: str) -> list[str]:
    """The domains of a proxy as its client writes them: its own, and its subdomain below ``subdomain_host``."""
    found = [domain for domain in message.custom_domains if domain]
    return [*found, f"{message.subdomain}.{subdomain_host}"] if message.subdomain else found


def check_domains(message: NewProxy, subdomain_host: str) -> None:
    """Raise :class:`~aiofrp.errors.ProxyError` for domains this frps does not give away
    (docs/protocol/server.md §2.7).

    ``subdomain_host`` is as :func:`~aiofrp.wire.router.canonical_host` writes it.
    """
    for domain in filter(None, message.custom_domains):
        _check_domain(domain, subdomain_host)
    if message.subdomain and not subdomain_host:
        raise ProxyError("subdomain is not supported because this feature is not enabled in server")
    if "." in message.subdomain or "*" in message.subdomain:
        raise ProxyError("'.' and '*' are not supported in subdomain")


def _check_domain(domain: str, subdomain_host: str) -> None:
    name = canonical_host(domain)
    if not name:
        raise ProxyError(f"custom domain [{domain}] is no host name")
    if subdomain_host and name.rstrip(".").endswith("." + subdomain_host):
        raise ProxyError(f"custom domain [{domain}] should not belong to subdomain host [{subdomain_host}]")


def listed(names: Iterable[str]) -> str:
    """``names`` with commas between; of a long list the beginning and the number of the others."""
    names = list(names)
    left = _MAX_LIST
    for count, name in enumerate(names):
        left -= len(name) + 1
        if left < 0:
            return f"{','.join(names[:count])} and {len(names) - count} more"
    return ",".join(names)
