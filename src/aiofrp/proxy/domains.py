"""Proxies known by domains on a port they share: what http, https and tcpmux have in common on frps.

Knows routes and groups, not what is said on the port.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Iterable
from itertools import product
from typing import Any, ClassVar

from aiofrp.config.models.proxy import MAX_ROUTES
from aiofrp.errors import ProxyError
from aiofrp.host.contexts import ServerContext, ServerHalf
from aiofrp.host.groups import Target
from aiofrp.wire.frp.messages import NewProxy
from aiofrp.wire.router import canonical_address, canonical_host

#: Routes that are entered or removed between two turns of the event loop.
_BATCH = 100
#: Characters of a list of names, in the log and in the answer to the client, whose message must stay below the limit.
_MAX_LIST = 4096


class DomainServer(ServerHalf):
    """Enters a route for each domain and location of the proxy, alone or as member of a group."""

    #: The kind of the shared port and of the groups: the proxy type.
    kind: ClassVar[str]

    def __init__(self, context: ServerContext) -> None:
        super().__init__(context)
        self._vhost = context.vhost(self.kind)
        self._entered: list[tuple[str, str, Target]] = []  # domain, location and what is there
        self._member: Any = None

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
        self._member = self.member()
        names = domains(message, self._vhost.subdomain_host)
        try:
            for count, (domain, location) in enumerate(product(names, self.locations()), 1):
                self._enter(domain, location)
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
    def member(self) -> Any:
        """What serves users of this proxy."""

    @abstractmethod
    def target(self, domain: str, location: str) -> Target:
        """A new target without members, with the settings of this proxy."""

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

    def _enter(self, domain: str, location: str) -> None:
        message = self.context.message
        if not message.group:
            target = self._open(domain, location)
        else:
            groups, parameters = self.context.groups(self.kind), self.parameters(domain, location)
            found = groups.find(message, parameters)
            target = self._open(domain, location) if found is None else found
            if found is None:
                groups.add(message, parameters, target)
        target.add(self._member)
        self._entered.append((domain, location, target))

    def _open(self, domain: str, location: str) -> Target:
        target = self.target(domain, location)
        self._vhost.routes.add(domain, location, self.user(), target)
        return target

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
            domain, location, target = self._entered.pop()
            target.remove(self._member)
            if not len(target):
                self._vhost.routes.remove(domain, location, self.user())
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
