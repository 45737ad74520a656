"""A port that several proxies share by domain, and which of them has which domain."""

from __future__ import annotations

from collections.abc import Sized
from functools import partial
from typing import Generic, Protocol, TypeVar

from aiofrp.errors import ProxyError, Taken
from aiofrp.host.lease import Lease
from aiofrp.host.trusted import NOBODY, Trusted
from aiofrp.wire.router import Router

_T = TypeVar("_T")


class SharedPort(Protocol):
    """A shared port, whatever its domains lead to."""

    @property
    def port(self) -> int:
        """The TCP port; 0 where frps has none."""

    @property
    def subdomain_host(self) -> str:
        """``subDomainHost`` as :func:`~aiofrp.wire.router.canonical_host` writes it."""

    @property
    def routes(self) -> Sized:
        """The domains that are taken."""


class Vhost(Generic[_T]):
    """A shared port whose domains lead to objects of the class ``target``; see :class:`SharedPort`. ``trusted``:
    front ends whose fields about a user pass to the services."""

    def __init__(self, port: int, subdomain_host: str, target: type[_T], trusted: Trusted = NOBODY) -> None:
        self.trusted = trusted
        self.port = port
        self.subdomain_host = subdomain_host
        self.target = target
        self.routes: Router[_T] = Router()  # limited by the routes each client may have
        self._holders: dict[tuple[str, str, str], str] = {}  # names of proxies; one for each route

    async def claim(self, domain: str, location: str, user: str, target: _T, name: str) -> Lease:
        """Lead requests for ``domain`` and ``location`` by ``user`` to ``target`` until the lease ends; an empty
        location or user stands for all. ``name``: the proxy that asks.

        Raises :class:`~aiofrp.errors.Taken` when a proxy has the same three.
        """
        try:
            self.routes.add(domain, location, user, target)
        except ProxyError as exc:
            raise Taken(str(exc), self._holders[domain, location, user]) from None
        self._holders[domain, location, user] = name
        return Lease(partial(self._give_back, domain, location, user))

    def _give_back(self, domain: str, location: str, user: str) -> None:
        self.routes.remove(domain, location, user)
        del self._holders[domain, location, user]
