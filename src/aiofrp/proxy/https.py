"""https: host names on the server's HTTPS port that lead to a local TLS service."""

from __future__ import annotations

from typing import ClassVar

from aiofrp.config.models.model import field
from aiofrp.config.models.proxy import DomainConfig, ProxyConfig
from aiofrp.config.models.types import Str
from aiofrp.errors import ProxyError
from aiofrp.host.contexts import ServerContext
from aiofrp.host.groups import Turns
from aiofrp.host.lease import Lease
from aiofrp.host.relay import UserConnections
from aiofrp.proxy.base import Place, ProxyType
from aiofrp.proxy.domains import DomainServer
from aiofrp.proxy.local import LocalService


class HttpsConfig(DomainConfig, ProxyConfig):
    """The configuration of an https proxy: domains by which the SNI of TLS connections is matched."""

    reference_name: ClassVar[str] = "HTTPSProxyConfig"

    type: Str = field("https", alias="type", help="Kind of the proxy: `https`.", zero=True)


class HttpsRoute(Turns):
    """Where the users of one domain go."""

    __slots__ = ("lease",)

    lease: Lease


class HttpsServer(DomainServer[HttpsRoute]):
    """Routes by server name on frps; the vhost HTTPS port hands whole connections to them, TLS and all."""

    kind = "https"

    def __init__(self, context: ServerContext) -> None:
        super().__init__(context, HttpsRoute)
        self._users = UserConnections(context)

    def check(self) -> None:
        if not self._vhost.port:
            raise ProxyError("type [https] not supported when vhost https port is not set")
        super().check()

    def new_route(self) -> HttpsRoute:
        return HttpsRoute()

    def join(self, route: HttpsRoute) -> None:
        route.add(self._users)

    def part(self, route: HttpsRoute) -> None:
        route.remove(self._users)

    def parameters(self, domain: str, location: str) -> tuple[object, ...]:
        return (domain,)

    def user(self) -> str:
        return ""

    def log_routes(self, domains: str, locations: str) -> None:
        self.context.log.info(
            "https proxy listen for host [%s] group [%s]", domains, self.context.message.group
        )


class Https(ProxyType):
    """The proxy type ``https``."""

    name = "https"
    place = Place.DOMAIN
    scheme = "https"
    Config = HttpsConfig
    Server = HttpsServer
    Client = LocalService
