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
from aiofrp.host.contexts import ServerContext
from aiofrp.host.lease import Lease
from aiofrp.host.relay import server_side
from aiofrp.host.trusted import Trusted
from aiofrp.http.site import ServiceRoute
from aiofrp.http.upstream import Open, Upstream, UpstreamConnection
from aiofrp.proxy.base import Place, ProxyType
from aiofrp.proxy.domains import DomainServer
from aiofrp.proxy.local import LocalService
from aiofrp.stream.base import Stream
from aiofrp.wire.frp.messages import NewProxy, StartWorkConn
from aiofrp.wire.http.forward import HeaderChanges, about_user
from aiofrp.wire.http.head import Field, RequestHead


class HttpConfig(DomainConfig, ProxyConfig):
    """The configuration of an http proxy: domains, locations, credentials and changes to header fields."""

    reference_name: ClassVar[str] = "HTTPProxyConfig"

    type: Str = field("http", alias="type", help="Kind of the proxy: `http`.", zero=True)
    locations: StrList = field(
        (),
        alias="locations",
        help="Beginnings of the paths that the proxy serves; empty serves all.",
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
        help="The proxy serves only requests with this basic-authentication user.",
        wire="route_by_http_user",
    )

    @property
    def routes(self) -> int:
        return super().routes * max(len(self.locations), 1)


class HttpRoute(ServiceRoute):
    """Where requests for one domain and location go, and how they are changed on the way.

    The settings are those of the first member; members take turns by request, beginning with the second
    (docs/protocol/server.md §5).
    """

    __slots__ = (
        "_known",
        "_trusted",
        "_turn",
        "changes",
        "lease",
        "members",
        "password",
        "response",
        "rewrite",
        "user",
    )

    lease: Lease

    def __init__(self, message: NewProxy, trusted: Trusted) -> None:
        """``trusted``: front ends whose fields about a user pass to the service."""
        self._trusted = trusted
        self.user = message.http_user
        self.password = message.http_pwd
        self.rewrite = message.host_header_rewrite.encode()
        self.changes = HeaderChanges(message.headers)
        self.response = HeaderChanges(message.response_headers)
        self._begin()

    def another(self) -> Self:
        """A route with the same settings and no members; the settings are shared, whatever their size."""
        route = copy(self)
        route._begin()
        return route

    def _begin(self) -> None:
        self.members: list[Upstream] = []  # limited by the number of proxies
        self._known: set[Upstream] = set()  # the same
        self._turn = 0

    def __len__(self) -> int:
        return len(self.members)

    def add(self, member: Upstream) -> None:
        """Let ``member`` serve the route. Raises :class:`~aiofrp.errors.ProxyError` for one that does already."""
        if member in self._known:
            raise ProxyError("group proxy repeated")
        self.members.append(member)
        self._known.add(member)

    def remove(self, member: Upstream) -> None:
        """Take ``member`` out; the others go on."""
        self.members.remove(member)
        self._known.remove(member)

    def next(self) -> Upstream:
        """The member whose turn it is."""
        self._turn += 1
        return self.members[self._turn % len(self.members)]

    def about(self, request: RequestHead, peer: bytes) -> tuple[Field, ...]:
        """X-Forwarded-For and its kin."""
        return about_user(request, peer, trusted=self._trusted.has(peer))


class _AdmittedUpstream(Upstream):
    """Connections to a service whose users are admitted request by request.

    A request that is sent again, because its connection was dead, is judged again.
    """

    __slots__ = ("_context",)

    def __init__(self, context: ServerContext, open: Open) -> None:
        super().__init__(context.message.proxy_name, open, context.traffic)
        self._context = context

    def take(
        self,
        source: tuple[str, int],
        ready: Callable[[UpstreamConnection], None],
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


class HttpServer(DomainServer[HttpRoute]):
    """Routes by domain and location on frps; the vhost HTTP port sends requests to them."""

    kind = "http"

    def __init__(self, context: ServerContext) -> None:
        super().__init__(context, HttpRoute)

    def check(self) -> None:
        if not self._vhost.port:
            raise ProxyError("type [http] not supported when vhost http port is not set")
        super().check()

    async def start(self) -> str:
        context = self.context
        self._pattern = HttpRoute(context.message, self._vhost.trusted)
        if context.admits_all:
            name = context.message.proxy_name
            self._upstream = Upstream(name, self._take_work_connection, context.traffic)
        else:
            self._upstream = _AdmittedUpstream(context, self._take_work_connection)
        return await super().start()

    async def stop(self) -> None:
        try:
            await super().stop()
        finally:
            self._upstream.close()

    def new_route(self) -> HttpRoute:
        return self._pattern.another()

    def join(self, route: HttpRoute) -> None:
        route.add(self._upstream)

    def part(self, route: HttpRoute) -> None:
        route.remove(self._upstream)

    def parameters(self, domain: str, location: str) -> tuple[object, ...]:
        return domain, location, self.context.message.route_by_http_user

    def locations(self) -> tuple[str, ...]:
        return self.context.message.locations or ("",)

    def _take_work_connection(
        self, source: tuple[str, int], ready: Callable[[Stream], None], failed: Callable[[FrpError], None]
    ) -> None:
        """Take a work connection for a user at ``source``."""
        context = self.context
        start = StartWorkConn(proxy_name=context.message.proxy_name, src_addr=source[0], src_port=source[1])
        context.take_work_connection(start, lambda work: ready(server_side(work, context)), failed)

    def log_routes(self, domains: str, locations: str) -> None:
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
