"""What plugins that put a local web service behind the HTTP engine have in common."""

from __future__ import annotations

import enum
import ssl
from collections.abc import Callable
from functools import cache
from typing import ClassVar, Protocol, cast

from aiofrp.config.models.proxy import ProxyConfig
from aiofrp.config.models.shared import HeaderOperations
from aiofrp.errors import ConfigError, ConnectFailed, FrpError
from aiofrp.host.contexts import ClientContext
from aiofrp.host.service import DIAL_TIMEOUT
from aiofrp.http.answers import Answer, empty
from aiofrp.http.exchange import Failure
from aiofrp.http.site import RequestRoute, ServiceRoute, Site, SiteUser
from aiofrp.http.upstream import Upstream
from aiofrp.plugin.common.connecting import opening
from aiofrp.plugin.common.webhalf import WebHalf
from aiofrp.stream.base import Stream
from aiofrp.stream.tls.client import secured
from aiofrp.transport.net import dial, dial_here
from aiofrp.transport.resolve import split_address
from aiofrp.wire.http.forward import NO_CHANGES, HeaderChanges
from aiofrp.wire.http.head import Field, RequestHead
from aiofrp.wire.http.query import clean_query


class Forwarded(enum.Enum):
    """What the service sees of X-Forwarded-For, X-Forwarded-Host and X-Forwarded-Proto."""

    DROPPED = "dropped"
    """Nothing."""
    PASSED = "passed"
    """What the user sent."""
    SET = "set"
    """The user's address after what it sent, its Host, and https."""


#: Fields about whom a request came from, as they are noted and as they are written (docs/protocol/client.md §4).
_REAL = (b"x-real-ip", b"X-Real-IP")
_FORWARDED = (
    (b"x-forwarded-for", b"X-Forwarded-For"),
    (b"x-forwarded-host", b"X-Forwarded-Host"),
    (b"x-forwarded-proto", b"X-Forwarded-Proto"),
)


class Options(Protocol):
    """The options all such plugins have."""

    @property
    def local_addr(self) -> str:
        """``host:port`` of the service; the port may be missing."""

    @property
    def host_header_rewrite(self) -> str:
        """The Host field of requests; empty passes the user's."""

    @property
    def request_headers(self) -> HeaderOperations:
        """Fields set in requests."""


class LocalSite(Site, ServiceRoute):
    """Sends every request to the service at ``localAddr``; it is the site and its only route.

    ``context`` is that of the proxy. ``secure``: the service speaks TLS.
    """

    http2 = False
    response = NO_CHANGES

    def __init__(
        self, context: ClientContext, options: Options, *, secure: bool, forwarded: Forwarded
    ) -> None:
        self.rewrite = options.host_header_rewrite.encode()
        here = None if secure else self._dial_here
        self.upstream = Upstream(
            options.local_addr,
            opening(context, self._dial, here),
            context.connections,
            half_closes=not secure,
        )
        self._context = context
        self._address = _address(options.local_addr, 443 if secure else 80)
        self._secure = secure
        self._forwarded = forwarded
        self.changes = HeaderChanges(options.request_headers.set)

    # Site

    def judge(self, request: RequestHead, user: SiteUser) -> RequestRoute | Answer:
        if user.server_name and user.server_name != _plain_host(request.host):
            return empty(421, b"Misdirected Request")
        if request.target == b"*":
            return empty(200, b"OK")
        if request.method != b"CONNECT":
            request.absolute = False  # the service is no proxy
            request.target = clean_query(request.target)
        return self

    def failed(self, request: RequestHead, failure: Failure, error: FrpError) -> Answer:
        self._context.log.seldom.warning("http: proxy error: %s", error)
        return empty(502, b"Bad Gateway")

    def broke_off(self, request: RequestHead, error: Exception | None) -> None:
        self._context.log.seldom.warning("http: proxy error: the response broke off: %s", error or "EOF")

    def close(self) -> None:
        self.upstream.close()

    # Route

    def next(self) -> Upstream:
        return self.upstream

    def about(self, request: RequestHead, peer: bytes) -> list[Field]:
        noted = request.noted
        passing = (*_FORWARDED, _REAL) if self._forwarded is Forwarded.PASSED else (_REAL,)
        kept = [(name, value) for key, name in passing if key in noted for value in noted[key]]
        if self._forwarded is Forwarded.SET:
            kept += _forwarded_fields(request, peer)
        return kept

    # Private: connections to the service

    def _dial_here(self, ready: Callable[[Stream], object], failed: Callable[[Exception], object]) -> bool:
        return dial_here(*self._address, ready, failed)

    async def _dial(self) -> Stream:
        if not self._address[0]:
            raise ConnectFailed("http: no Host in request URL")
        stream = await dial(*self._address, timeout=DIAL_TIMEOUT, for_user=True)
        if not self._secure:
            return stream
        return await secured(stream, _trusting(), self._address[0], DIAL_TIMEOUT)


def _forwarded_fields(request: RequestHead, peer: bytes) -> list[Field]:
    """The fields about a user that came in TLS; ``peer``: its IP address, or empty."""
    path = [*request.noted.get(b"x-forwarded-for", ()), *([peer] if peer else ())]
    fields = [(b"X-Forwarded-For", b", ".join(path))] if path else []
    return [*fields, (b"X-Forwarded-Host", request.host), (b"X-Forwarded-Proto", b"https")]


def _plain_host(host: bytes) -> str:
    """A Host without its port, in lower case, as names in TLS are compared."""
    text = host.decode("latin-1").lower()
    name, colon, port = text.rpartition(":")
    return (name if colon and port.isdigit() else text).removesuffix(".")


def _address(text: str, default_port: int) -> tuple[str, int]:
    """Host and port of ``localAddr``. Raises :class:`~aiofrp.errors.ConfigError`."""
    try:
        return split_address(text, default_port)
    except ValueError:
        raise ConfigError(f"localAddr: [{text}] is not an address of the form host:port") from None


@cache
def _trusting() -> ssl.SSLContext:
    """TLS to a local service, whose certificate is not verified."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class ReverseProxy(WebHalf):
    """Serves each work connection as a user of a :class:`LocalSite`."""

    #: Whether the local service speaks TLS, and what it sees of X-Forwarded-*.
    secure: ClassVar[bool]
    forwarded: ClassVar[Forwarded]

    def __init__(self, context: ClientContext, proxy: ProxyConfig) -> None:
        options = cast(Options, proxy.plugin)
        site = LocalSite(context, options, secure=self.secure, forwarded=self.forwarded)
        super().__init__(context, proxy, site)
