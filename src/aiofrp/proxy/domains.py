"""Proxies known by domains on a port they share: what http, https and tcpmux have in common on frps.

Knows routes and groups, not what is said on the port.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, Protocol

from aiofrp.errors import FrpError, ProxyError
from aiofrp.proxy.host import ServerContext, ServerHalf
from aiofrp.wire.messages import NewProxy
from aiofrp.wire.router import canonical_address


class Target(Protocol):
    """What a route leads to: the members that serve it."""

    def __len__(self) -> int:
        """The number of members."""

    def add(self, member: Any, /) -> None:
        """Another member serves it too."""

    def remove(self, member: Any, /) -> None:
        """A member is withdrawn."""


class DomainServer(ServerHalf):
    """Enters a route for each domain and location of the proxy, alone or as member of a group."""

    #: The kind of the shared port and of the groups: the proxy type.
    kind: ClassVar[str]

    def __init__(self, context: ServerContext) -> None:
        super().__init__(context)
        self._vhost = context.vhost(self.kind)
        self._entered: list[tuple[str, str, Target]] = []  # domain, location and what is there
        self._member: Any = None

    def check(self) -> None:
        check_domains(self.context.message, self._vhost.subdomain_host)

    async def start(self) -> str:
        self._member = self.member()
        addresses = []
        try:
            for domain in domains(self.context.message, self._vhost.subdomain_host):
                for location in self.locations():
                    self._enter(domain, location)
                    self.tell(domain, location)
                    addresses.append(canonical_address(domain, self._vhost.port))
        except FrpError:
            self._leave()
            raise
        return ",".join(addresses)

    async def stop(self) -> None:
        self._leave()

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
    def tell(self, domain: str, location: str) -> None:
        """Log that a route was entered."""

    def locations(self) -> tuple[str, ...]:
        """Path prefixes of the routes."""
        return ("",)

    def user(self) -> str:
        """The only user of the routes, or empty."""
        return self.context.message.route_by_http_user

    # Private

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

    def _leave(self) -> None:
        for domain, location, target in self._entered:
            target.remove(self._member)
            if not len(target):
                self._vhost.routes.remove(domain, location, self.user())
                if self.context.message.group:
                    self.context.groups(self.kind).remove(self.context.message.group)
        self._entered = []


def domains(message: NewProxy, subdomain_host: str) -> list[str]:
    """The domains of a proxy: its own, and its subdomain below ``subdomain_host``."""
    found = [domain for domain in message.custom_domains if domain]
    return [*found, f"{message.subdomain}.{subdomain_host}"] if message.subdomain else found


def check_domains(message: NewProxy, subdomain_host: str) -> None:
    """Raise :class:`~aiofrp.errors.ProxyError` for domains this frps does not give away (spec: server §2.7)."""
    for domain in message.custom_domains:
        deeper = domain.count(".") > subdomain_host.count(".")
        if subdomain_host and deeper and domain.endswith("." + subdomain_host):
            raise ProxyError(
                f"custom domain [{domain}] should not belong to subdomain host [{subdomain_host}]"
            )
    if message.subdomain and not subdomain_host:
        raise ProxyError("subdomain is not supported because this feature is not enabled in server")
    if "." in message.subdomain or "*" in message.subdomain:
        raise ProxyError("'.' and '*' are not supported in subdomain")
