"""A port that several proxies share by domain, and which of them has which domain."""

from __future__ import annotations

from collections.abc import Sized
from functools import partial
from typing import Generic, Protocol, TypeVar

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

    async def claim(self, domain: str, location: str, user: str, target: _T) -> Lease:
        """Lead requests for ``domain`` and ``location`` by ``user`` to ``target`` until the lease ends; an empty
        location or user stands for all.

        Raises :class:`~aiofrp.errors.ProxyError` when the same three are taken.
        """
        self.routes.add(domain, location, user, target)
        return Lease(partial(self.routes.remove, domain, location, user))
