"""The servers an HTTP proxy sends requests to, with connections kept for the next request."""

from __future__ import annotations

import base64
import os
import ssl
from collections import OrderedDict
from functools import cache, partial

from aiofrp.errors import ConnectFailed
from aiofrp.host.contexts import ClientContext
from aiofrp.host.service import DIAL_TIMEOUT
from aiofrp.http.site import ServiceRoute
from aiofrp.http.upstream import Upstream
from aiofrp.plugin.common.connecting import Connect, ConnectHere, opening
from aiofrp.stream.base import Stream
from aiofrp.stream.tls.client import secured
from aiofrp.transport.net import dial, dial_here
from aiofrp.transport.outbound import Destination, Proxy, parse_proxy_url, through
from aiofrp.transport.resolve import USER_LOOKUPS, split_address
from aiofrp.transport.threads import UserThreads
from aiofrp.transport.tls.default import default_context
from aiofrp.wire.dial.environment import EnvironmentProxies
from aiofrp.wire.http.forward import NO_CHANGES
from aiofrp.wire.http.head import Field, RequestHead

#: Servers whose idle connections are kept; the one asked longest ago goes for a new one.
MAX_TARGETS = 100
#: Schemes of targets and the port of one that names none.
PORTS = {b"http": 80, b"https": 443}
#: Fields about the user before this proxy, as they are noted and as they are written: they pass.
_ABOUT_THE_USER = (
    (b"forwarded", b"Forwarded"),
    (b"x-forwarded-for", b"X-Forwarded-For"),
    (b"x-forwarded-host", b"X-Forwarded-Host"),
    (b"x-forwarded-proto", b"X-Forwarded-Proto"),
    (b"x-real-ip", b"X-Real-IP"),
)


class TargetRoute(ServiceRoute):
    """The route of requests to one server. ``absolute``: they go through a proxy, which sees the target whole and the
    fields ``added``."""

    __slots__ = ("absolute", "added", "upstream")

    rewrite = b""
    changes = NO_CHANGES

    def __init__(self, upstream: Upstream, absolute: bool = False, added: tuple[Field, ...] = ()) -> None:
        self.upstream = upstream
        self.absolute = absolute
        self.added = added

    def next(self) -> Upstream:
        return self.upstream

    def about(self, request: RequestHead, peer: bytes) -> list[Field]:
        noted = request.noted
        fields = [(name, value) for key, name in _ABOUT_THE_USER if key in noted for value in noted[key]]
        fields += self.added
        return fields


class Targets:
    """Finds the route of each request by the authority of its target, through the proxy the environment names."""

    def __init__(self, context: ClientContext) -> None:
        self._context = context
        self._proxies = EnvironmentProxies(os.environ)
        self._threads = UserThreads(USER_LOOKUPS)
        self._known: OrderedDict[tuple[bytes, bytes], TargetRoute] = OrderedDict()  # limited by MAX_TARGETS

    def route(self, scheme: bytes, authority: bytes) -> TargetRoute:
        """The route to ``authority``. Raises :class:`~aiofrp.errors.ConnectFailed` for one that cannot be reached."""
        key = scheme, authority
        route = self._known.get(key)
        if route is None:
            route = self._known[key] = self._make(scheme, authority)
            if len(self._known) > MAX_TARGETS:
                self._known.popitem(last=False)[1].upstream.close()
        else:
            self._known.move_to_end(key)
        return route

    def tunnel(self, authority: bytes) -> Upstream:
        """A connection to ``authority`` for one tunnel, always direct. Raises ConnectFailed for no host and port."""
        host, port = _split(authority, 0)
        if not port:
            raise ConnectFailed(f"address {authority.decode('latin-1')}: missing port in address")
        return self._upstream(authority, lambda: self._dial(host, port), partial(dial_here, host, port))

    def close(self) -> None:
        """Drop idle connections; those in use end with their request."""
        for route in self._known.values():
            route.upstream.close()
        self._known.clear()

    # Private

    def _make(self, scheme: bytes, authority: bytes) -> TargetRoute:
        host, port = _split(authority, PORTS[scheme])
        url = self._proxies.url_for(scheme.decode(), host, port)
        if not url:
            plain = scheme == b"http"
            here = partial(dial_here, host, port) if plain else None
            return TargetRoute(
                self._upstream(authority, lambda: self._reach(scheme, host, port), here, half_closes=plain)
            )
        proxy = parse_proxy_url(url)
        if scheme == b"http" and proxy.kind in ("http", "https"):
            kind, plain = proxy.kind.encode(), proxy.kind == "http"
            upstream = self._upstream(
                authority, lambda: self._reach(kind, proxy.host, proxy.port), half_closes=plain
            )
            return TargetRoute(upstream, True, _login_of(proxy))
        reach = partial(self._reach_through, proxy, scheme, host, port)
        return TargetRoute(self._upstream(authority, reach, half_closes=scheme == b"http"))

    def _upstream(
        self, name: bytes, connect: Connect, here: ConnectHere | None = None, *, half_closes: bool = True
    ) -> Upstream:
        open_ = opening(self._context, connect, here)
        return Upstream(name.decode("latin-1"), open_, self._context.connections, half_closes=half_closes)

    async def _dial(self, host: str, port: int) -> Stream:
        return await dial(host, port, timeout=DIAL_TIMEOUT, for_user=True, threads=self._threads)

    async def _reach(self, scheme: bytes, host: str, port: int) -> Stream:
        stream = await self._dial(host, port)
        return await _secured(stream, host) if scheme == b"https" else stream

    async def _reach_through(self, proxy: Proxy, scheme: bytes, host: str, port: int) -> Stream:
        stream = await through(
            await self._dial(proxy.host, proxy.port), proxy, Destination(host, port, DIAL_TIMEOUT)
        )
        return await _secured(stream, host) if scheme == b"https" else stream


async def _secured(stream: Stream, host: str) -> Stream:
    return await secured(stream, _verifying(), host, DIAL_TIMEOUT)


@cache
def _verifying() -> ssl.SSLContext:
    return default_context()


def _split(authority: bytes, default_port: int) -> tuple[str, int]:
    try:
        host, port = split_address(authority.decode(), default_port)
    except ValueError:
        raise ConnectFailed(f"address {authority.decode('latin-1')}: not of the form host:port") from None
    if not host:
        raise ConnectFailed("no Host in request URL")
    return host, port


def _login_of(proxy: Proxy) -> tuple[Field, ...]:
    if proxy.login is None:
        return ()
    credential = base64.b64encode(":".join(proxy.login).encode())
    return ((b"Proxy-Authorization", b"Basic " + credential),)
