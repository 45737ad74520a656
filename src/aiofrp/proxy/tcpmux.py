"""tcpmux: host names on one port of the server, chosen by the user's HTTP CONNECT."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from aiofrp.config.models.model import field
from aiofrp.config.models.proxy import DomainConfig, ProxyConfig
from aiofrp.config.models.types import Secret, Str
from aiofrp.errors import ProxyError
from aiofrp.host.contexts import ServerContext
from aiofrp.host.groups import Turns
from aiofrp.host.lease import Lease
from aiofrp.host.relay import UserConnections
from aiofrp.proxy.base import Place, ProxyType
from aiofrp.proxy.domains import DomainServer
from aiofrp.proxy.local import LocalService
from aiofrp.wire.frp.messages import NewProxy


class TcpMuxConfig(DomainConfig, ProxyConfig):
    """The configuration of a tcpmux proxy: domains by which CONNECT requests are matched, and credentials."""

    reference_name: ClassVar[str] = "TCPMuxProxyConfig"

    type: Str = field("tcpmux", alias="type", help="Kind of the proxy: `tcpmux`.", zero=True)
    http_user: Str = field(
        "", alias="httpUser", help="User name for proxy authentication.", wire="http_user", flag="http-user"
    )
    http_password: Secret = field(
        Secret(),
        alias="httpPassword",
        help="Password for proxy authentication.",
        wire="http_pwd",
        flag="http-pwd",
    )
    route_by_http_user: Str = field(
        "",
        alias="routeByHTTPUser",
        help="The proxy serves only requests with this authentication user.",
        wire="route_by_http_user",
    )
    multiplexer: Str = field(
        "",
        alias="multiplexer",
        help="How users say which host they want; there is only `httpconnect`.",
        wire="multiplexer",
        flag="mux",
        choices=("httpconnect",),
    )


class TcpMuxRoute(Turns):
    """Where tunnels to one host go, and the credential they need; no ``user``: none."""

    __slots__ = ("lease", "password", "user")

    lease: Lease

    def __init__(self, message: NewProxy) -> None:
        super().__init__()
        self.user = message.http_user
        self.password = message.http_pwd


class TcpMuxServer(DomainServer[TcpMuxRoute]):
    """Routes by host on frps; the tcpmux port hands the tunnels of users' CONNECT requests to them."""

    kind = "tcpmux"

    def __init__(self, context: ServerContext) -> None:
        super().__init__(context, TcpMuxRoute)
        self._users = UserConnections(context)

    def check(self) -> None:
        if self.context.message.multiplexer == "httpconnect" and not self._vhost.port:
            raise ProxyError(
                "tcpmux with multiplexer httpconnect not supported because this feature is not enabled in server"
            )
        super().check()

    async def start(self) -> str:
        multiplexer = self.context.message.multiplexer
        if multiplexer != "httpconnect":
            raise ProxyError(f"unknown multiplexer [{multiplexer}]")
        return await super().start()

    def new_route(self) -> TcpMuxRoute:
        return TcpMuxRoute(self.context.message)

    def join(self, route: TcpMuxRoute) -> None:
        route.add(self._users)

    def part(self, route: TcpMuxRoute) -> None:
        route.remove(self._users)

    def parameters(self, domain: str, location: str) -> tuple[object, ...]:
        message = self.context.message
        return domain, message.route_by_http_user, message.http_user, message.http_pwd

    def log_routes(self, domains: str, locations: str) -> None:
        message = self.context.message
        self.context.log.info(
            "tcpmux httpconnect multiplexer listens for host [%s], group [%s] routeByHTTPUser [%s]",
            domains,
            message.group,
            message.route_by_http_user,
        )


class TcpMux(ProxyType):
    """The proxy type ``tcpmux``."""

    name = "tcpmux"
    place = Place.DOMAIN
    Config = TcpMuxConfig
    Server = TcpMuxServer
    Client = LocalService

    @classmethod
    def routing_fields(cls, message: NewProxy) -> Mapping[str, Any]:
        return {"multiplexer": message.multiplexer, "routeByHTTPUser": message.route_by_http_user}
