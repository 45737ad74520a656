"""http_proxy: an HTTP proxy server, in place of a local service (docs/protocol/client.md §4)."""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import ClassVar, cast

from aiofrp.config.models.model import field
from aiofrp.config.models.proxy import PluginConfig, ProxyConfig
from aiofrp.config.models.types import Secret, Str
from aiofrp.errors import ConnectFailed, FrpError
from aiofrp.host.contexts import ClientContext
from aiofrp.http.answers import NO_SNIFFING, PLAIN, Answer, empty, sized
from aiofrp.http.exchange import Exchange, ExchangeUser, Failure
from aiofrp.http.programexchange import ProgramExchange
from aiofrp.http.site import RequestRoute, Site, SiteUser
from aiofrp.http.upstream import Upstream, UpstreamConnection
from aiofrp.plugin.base import ClientPlugin
from aiofrp.plugin.common.delayed import Delayed
from aiofrp.plugin.common.targets import PORTS, Targets
from aiofrp.plugin.common.webhalf import WebHalf
from aiofrp.webserver.basicauth import FAILURE_DELAY
from aiofrp.wire.http.head import HeadError, RequestHead, ResponseHead, made_response

#: What CONNECT is answered, byte for byte as tools know it.
_REFUSED = b"HTTP/1.1 407 Not authorized\r\nConnection: close\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"
_UNREACHABLE = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"


class HttpProxyPluginConfig(PluginConfig):
    """The options of the client plugin ``http_proxy``."""

    reference_name: ClassVar[str] = "HTTPProxyPluginOptions"

    type: Str = field("http_proxy", alias="type", help="Kind of the plugin: `http_proxy`.")
    http_user: Str = field("", alias="httpUser", help="User name for HTTP basic authentication.")
    http_password: Secret = field(
        Secret(), alias="httpPassword", help="Password for HTTP basic authentication."
    )


class ProxySite(Site):
    """Sends each request where its target says, and joins users of CONNECT to what they name."""

    http2 = False

    def __init__(self, context: ClientContext, options: HttpProxyPluginConfig) -> None:
        self.targets = Targets(context)
        self._context = context
        self._credential = f"{options.http_user}:{options.http_password.reveal()}".encode()
        self._open = not options.http_user and not options.http_password

    def judge(self, request: RequestHead, user: SiteUser) -> RequestRoute | Answer:
        delay = None if self._open else self._judge_credential(request.note(b"proxy-authorization"))
        if delay is not None:
            answer = _refused(request)
            return Delayed(answer, delay) if delay else answer
        if request.method == b"CONNECT":
            if request.body_size:
                raise HeadError("CONNECT with a body")
            return self._tunnel(request)
        if request.target == b"*" and not request.absolute:
            return empty(200, b"OK")
        if request.scheme not in PORTS:
            return _failed(f'unsupported protocol scheme "{request.scheme.decode()}"')
        try:
            route = self.targets.route(request.scheme, request.host)
        except ConnectFailed as exc:
            return self.failed(request, Failure.NOBODY, exc)
        request.absolute = route.absolute
        return route

    def failed(self, request: RequestHead, failure: Failure, error: FrpError) -> Answer:
        self._context.log.seldom.warning("http_proxy: no response of [%s]: %s", _name(request), error)
        return _failed(str(error))

    def broke_off(self, request: RequestHead, error: Exception | None) -> None:
        self._context.log.seldom.warning(
            "http_proxy: the response of [%s] broke off: %s", _name(request), error or "EOF"
        )

    def close(self) -> None:
        self.targets.close()

    def unreachable(self, request: RequestHead, error: FrpError) -> Answer:
        """The answer to a CONNECT whose target cannot be reached."""
        self._context.log.seldom.warning("http_proxy: no tunnel to [%s]: %s", _name(request), error)
        return Answer(400, b"Bad Request", sized(b""), b"", raw=_UNREACHABLE)

    def _tunnel(self, request: RequestHead) -> RequestRoute | Answer:
        try:
            return TunnelRoute(self, self.targets.tunnel(request.host))
        except ConnectFailed as exc:
            return self.unreachable(request, exc)

    def _judge_credential(self, value: bytes) -> float | None:
        """Seconds until the refusal; ``None``: the credential is right. Whatever scheme it names is taken for Basic."""
        try:
            given = base64.b64decode(value.partition(b" ")[2], validate=True)
        except binascii.Error:
            return 0
        if b":" not in given:
            return 0
        return None if hmac.compare_digest(given, self._credential) else FAILURE_DELAY


class TunnelRoute(RequestRoute):
    """The route of one CONNECT."""

    __slots__ = ("_site", "_upstream")

    def __init__(self, site: ProxySite, upstream: Upstream) -> None:
        self._site = site
        self._upstream = upstream

    def exchange(self, user: ExchangeUser, request: RequestHead, peer: bytes) -> Exchange:
        return TunnelExchange(user, request, self._site, self._upstream)


class TunnelExchange(ProgramExchange):
    """Connects to the target, and becomes a tunnel to it."""

    __slots__ = ("_site", "_upstream")

    def __init__(self, user: ExchangeUser, request: RequestHead, site: ProxySite, upstream: Upstream) -> None:
        super().__init__(user, request)
        self._site = site
        self._upstream = upstream

    def respond(self) -> None:
        self._upstream.take(self.user.source, self._ready, self._failed, fresh=True)

    def _ready(self, connection: UpstreamConnection) -> None:
        if self.over:
            connection.abort()
            return
        self.abandon()
        self.user.switched(_agreed(), connection, b"")

    def _failed(self, error: FrpError) -> None:
        if not self.over:
            self.answer(self._site.unreachable(self.request, error))


class HttpProxyService(WebHalf):
    """Serves each work connection as a user of a :class:`ProxySite`."""

    def __init__(self, context: ClientContext, proxy: ProxyConfig) -> None:
        super().__init__(context, proxy, ProxySite(context, cast(HttpProxyPluginConfig, proxy.plugin)))


class HttpProxy(ClientPlugin):
    """The client plugin ``http_proxy``."""

    name = "http_proxy"
    Config = HttpProxyPluginConfig
    Client = HttpProxyService


def _agreed() -> ResponseHead:
    return made_response(200, b"OK", [])


def _refused(request: RequestHead) -> Answer:
    raw = _REFUSED if request.method == b"CONNECT" else b""
    fields = [(b"Proxy-Authenticate", b"Basic"), *sized(b"")]
    return Answer(407, b"Proxy Authentication Required", fields, b"", raw=raw)


def _failed(text: str) -> Answer:
    body = text.encode("utf-8", "replace") + b"\n"
    return Answer(500, b"Internal Server Error", [PLAIN, NO_SNIFFING, *sized(body)], body)


def _name(request: RequestHead) -> str:
    return request.host.decode("latin-1")
