"""http: host names on the server's HTTP port that lead to a local web service."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from typing import Any, ClassVar, Self

from aiofrp.config.models.model import field
from aiofrp.config.models.proxy import DomainConfig, ProxyConfig
from aiofrp.config.models.shared import HeaderOperations
from aiofrp.config.models.types import Secret, Str, StrList
from aiofrp.errors import FrpError, ProxyError
from aiofrp.proxy.base import Place, ProxyType
from aiofrp.proxy.domains import DomainServer
from aiofrp.proxy.httpbackend import Backend, Backends
from aiofrp.proxy.local import LocalService
from aiofrp.stream.base import Stream
from aiofrp.wire.frp.messages import NewProxy
from aiofrp.wire.http.forward import HeaderChanges


class HttpConfig(DomainConfig, ProxyConfig):
    """An http proxy."""

    reference_name: ClassVar[str] = "HTTPProxyConfig"

    type: Str = field("http", alias="type", help="Kind of the proxy: `http`.", zero=True)
    locations: StrList = field(
        (),
        alias="locations",
        help="Path prefixes that lead to the proxy; empty is all paths.",
        wire="locations",
        flag="locations",
    )
    http_user: Str = field(
        "",
        alias="httpUser",
        help="User name for HTTP basic authentication.",
        wire="http_user",
        flag="http-user",
    )
    http_password: Secret = field(
        Secret(),
        alias="httpPassword",
        help="Password for HTTP basic authentication.",
        wire="http_pwd",
        flag="http-pwd",
    )
    host_header_rewrite: Str = field(
        "",
        alias="hostHeaderRewrite",
        help="Host header the local service sees instead of the user's.",
        wire="host_header_rewrite",
        flag="host-header-rewrite",
    )
    request_headers: HeaderOperations = field(
        alias="requestHeaders", help="Changes to request headers.", factory=HeaderOperations, wire="headers"
    )
    response_headers: HeaderOperations = field(
        alias="responseHeaders",
        help="Changes to response headers.",
        factory=HeaderOperations,
        wire="response_headers",
    )
    route_by_http_user: Str = field(
        "",
        alias="routeByHTTPUser",
        help="Only requests with this basic-authentication user lead to the proxy.",
        wire="route_by_http_user",
    )

    @property
    def routes(self) -> int:
        return super().routes * max(len(self.locations), 1)


class HttpRoute:
    """Where requests for one domain and location go, and how they are changed on the way.

    The settings are those of the first member; members take turns by request, beginning with the second
    (docs/protocol/server.md §5).
    """

    __slots__ = ("_known", "_turn", "members", "password", "request", "response", "rewrite", "user")

    def __init__(self, message: NewProxy) -> None:
        self.user = message.http_user
        self.password = message.http_pwd
        self.rewrite = message.host_header_rewrite.encode()
        self.request = HeaderChanges(message.headers)
        self.response = HeaderChanges(message.response_headers)
        self._begin()

    def another(self) -> Self:
        """A route with the same settings and no members; the settings are shared, whatever their size."""
        route = copy(self)
        route._begin()
        return route

    def _begin(self) -> None:
        self.members: list[Backends] = []  # limited by the number of proxies
        self._known: set[Backends] = set()  # the same
        self._turn = 0

    def __len__(self) -> int:
        return len(self.members)

    def add(self, member: Backends) -> None:
        if member in self._known:
            raise ProxyError("group proxy repeated")
        self.members.append(member)
        self._known.add(member)

    def remove(self, member: Backends) -> None:
        self.members.remove(member)
        self._known.remove(member)

    def next(self) -> Backends:
        """The member whose turn it is."""
        self._turn += 1
        return self.members[self._turn % len(self.members)]


class _AdmittedBackends(Backends):
    """Connections to a service whose users are admitted request by request.

    A request that is sent again, because its connection was dead, is judged again.
    """

    __slots__ = ()

    def take(
        self,
        source: tuple[str, int],
        ready: Callable[[Backend], None],
        failed: Callable[[FrpError], None],
        *,
        fresh: bool = False,
    ) -> None:
        take = super().take
        self._context.admit(source, lambda: take(source, ready, failed, fresh=fresh), failed)

    def take_stream(
        self,
        source: tuple[str, int],
        ready: Callable[[Stream, Callable[[], None]], None],
        failed: Callable[[FrpError], None],
    ) -> None:
        take = super().take_stream
        self._context.admit(source, lambda: take(source, ready, failed), failed)


class HttpServer(DomainServer):
    """Routes by domain and location on frps; the vhost HTTP port sends requests to them."""

    kind = "http"

    def check(self) -> None:
        if not self._vhost.port:
            raise ProxyError("type [http] not supported when vhost http port is not set")
        super().check()

    async def stop(self) -> None:
        try:
            await super().stop()
        finally:
            self._backends.close()

    def member(self) -> Backends:
        self._pattern = HttpRoute(self.context.message)
        kind = Backends if self.context.admits_all else _AdmittedBackends
        self._backends = kind(self.context)
        return self._backends

    def target(self, domain: str, location: str) -> HttpRoute:
        return self._pattern.another()

    def parameters(self, domain: str, location: str) -> tuple[object, ...]:
        return domain, location, self.context.message.route_by_http_user

    def locations(self) -> tuple[str, ...]:
        return self.context.message.locations or ("",)

    def tell(self, domains: str, locations: str) -> None:
        message = self.context.message
        self.context.log.info(
            "http proxy listen for host [%s] location [%s] group [%s], routeByHTTPUser [%s]",
            domains,
            locations,
            message.group,
            message.route_by_http_user,
        )


class Http(ProxyType):
    """The proxy type ``http``."""

    name = "http"
    place = Place.DOMAIN
    scheme = "http"
    Config = HttpConfig
    Server = HttpServer
    Client = LocalService

    @classmethod
    def routing_fields(cls, message: NewProxy) -> Mapping[str, Any]:
        return {"locations": message.locations or None, "hostHeaderRewrite": message.host_header_rewrite}
