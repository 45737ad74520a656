"""The ports that proxies share by domain: http, https and tcpmux, which may be one port, and frp's own."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cached_property
from typing import TYPE_CHECKING

from aiofrp import logs
from aiofrp.aio import TimeLimit
from aiofrp.config.models.server import ServerConfig
from aiofrp.errors import FrpError
from aiofrp.host.route import Route
from aiofrp.host.trusted import Trusted
from aiofrp.host.vhost import SharedPort, Vhost
from aiofrp.server.session.firstbytes import FirstBytes
from aiofrp.stream.base import Stream
from aiofrp.stream.tcp import TcpListener
from aiofrp.transport.net import ListenFailed, listen
from aiofrp.wire.addresses import join_host_port
from aiofrp.wire.router import canonical_host
from aiofrp.wire.sniff import VHOST_SNIFF_SIZE, Kind, classify_vhost

if TYPE_CHECKING:
    from aiofrp.http.serve import Engine
    from aiofrp.proxy.http import HttpRoute
    from aiofrp.proxy.https import HttpsRoute
    from aiofrp.proxy.tcpmux import TcpMuxRoute
    from aiofrp.server.vhost.connections import UndecidedUsers

#: Seconds for the first bytes on a port that vhosts share.
FIRST_BYTES = 10.0

_log = logs.get(__name__)


class ListenError(FrpError):
    """frps cannot listen; its text is printed before the exit with status 1."""


class VhostTables(dict[str, SharedPort]):
    """The domains by proxy type; those of a type are made when they are first asked for."""

    def __init__(self, config: ServerConfig) -> None:
        super().__init__()
        self._config = config
        self._below = canonical_host(config.sub_domain_host)

    def __missing__(self, kind: str) -> SharedPort:
        if kind not in ("http", "https", "tcpmux"):
            raise KeyError(kind)
        made: SharedPort = getattr(self, kind)
        self[kind] = made
        return made

    @cached_property
    def http(self) -> Vhost[HttpRoute]:
        """The domains of http proxies."""
        from aiofrp.proxy.http import HttpRoute

        trusted = Trusted(self._config.vhost_trusted_addresses)
        return Vhost(self._config.vhost_http_port, self._below, HttpRoute, trusted)

    @cached_property
    def https(self) -> Vhost[HttpsRoute]:
        """The domains of https proxies."""
        from aiofrp.proxy.https import HttpsRoute

        return Vhost(self._config.vhost_https_port, self._below, HttpsRoute)

    @cached_property
    def tcpmux(self) -> Vhost[TcpMuxRoute]:
        """The domains of tcpmux proxies."""
        from aiofrp.proxy.tcpmux import TcpMuxRoute

        return Vhost(self._config.tcpmux_http_connect_port, self._below, TcpMuxRoute)


class VhostPorts:
    """The vhost listeners of one frps."""

    def __init__(self, config: ServerConfig) -> None:
        self._config = config
        self._ports = {
            Kind.TCPMUX: config.tcpmux_http_connect_port,
            Kind.VHOST_HTTP: config.vhost_http_port,
            Kind.VHOST_HTTPS: config.vhost_https_port,
        }
        self.tables = VhostTables(config)
        self._http: Engine | None = None
        self._undecided: UndecidedUsers | None = None
        self._routes: dict[Kind, Route] = {}
        if any(self._ports.values()):
            self._make_routes(config)
        shared = config.bind_addr == config.proxy_bind_addr  # compared as text, as the reference does
        on_bind_port = [
            kind for kind, port in self._ports.items() if shared and port and port == config.bind_port
        ]
        self.on_bind_port = {kind: self._routes[kind] for kind in on_bind_port}
        """The vhosts that share frp's own port, and where their users go."""
        self._first_bytes = TimeLimit(FIRST_BYTES)
        self._listeners: list[TcpListener] = []

    def __repr__(self) -> str:
        return f"<VhostPorts {self._http} undecided={len(self._undecided or ())}>"

    @property
    def http(self) -> Engine:
        """The HTTP engine, which there is with ``vhostHTTPPort``."""
        assert self._http is not None, "there is no vhostHTTPPort"
        return self._http

    async def listen_tcpmux(self) -> None:
        """Open the tcpmux port, before all other ports of frps. Raises :class:`ListenError`."""
        if await self._listen(Kind.TCPMUX):
            passthrough = str(self._config.tcpmux_passthrough).lower()
            where = self._address(Kind.TCPMUX)
            _log.info("tcpmux httpconnect multiplexer listen on %s, passthrough: %s", where, passthrough)

    async def listen_http(self) -> None:
        """Open the HTTP port, then the HTTPS port, after all other ports of frps. Raises :class:`ListenError`."""
        if await self._listen(Kind.VHOST_HTTP):
            _log.info("http service listen on %s", self._address(Kind.VHOST_HTTP))
        if await self._listen(Kind.VHOST_HTTPS) and Kind.VHOST_HTTPS not in self.on_bind_port:
            _log.info("https service listen on %s", self._address(Kind.VHOST_HTTPS))

    def close(self) -> None:
        """Stop accepting. Users are served to the end of what they asked for; those who come later are aborted."""
        for listener in self._listeners:
            listener.close()
        if self._undecided is not None:
            self._undecided.close()
        if self._http is not None:
            self._http.close()

    def abort(self) -> None:
        """End the connections of users that :meth:`close` has left."""
        if self._http is not None:
            self._http.abort()

    # Private

    def _make_routes(self, config: ServerConfig) -> None:
        # Imported here: a frps without these ports needs none of it.
        from aiofrp.server.vhost.connections import HttpsUsers, TcpMuxUsers, UndecidedUsers
        from aiofrp.server.vhost.pages import Pages

        self._undecided, pages, tables = UndecidedUsers(), Pages(config.custom_404_page), self.tables
        self._routes = {
            Kind.TCPMUX: TcpMuxUsers(self._undecided, tables.tcpmux.routes, pages, config.tcpmux_passthrough),
            Kind.VHOST_HTTPS: HttpsUsers(self._undecided, tables.https.routes),
        }
        if config.vhost_http_port:
            from aiofrp.http.serve import Engine
            from aiofrp.server.vhost.http import HttpUsers, HttpVhost

            self._http = Engine(HttpVhost(tables.http.routes, pages, config.vhost_http_timeout))
            self._routes[Kind.VHOST_HTTP] = HttpUsers(self._http)

    async def _listen(self, kind: Kind) -> bool:
        """Open the port of ``kind`` unless another vhost or frp has it; False when it is turned off."""
        port = self._ports[kind]
        sharing = [other for other, number in self._ports.items() if number == port]
        if not port or kind in self.on_bind_port or kind is not sharing[0]:
            return bool(port)
        prefix = (
            "create vhost http listener error, "
            if kind is Kind.VHOST_HTTP
            else "create server listener error, "
        )
        try:
            listener = await listen(
                self._config.proxy_bind_addr,
                port,
                self._accept_of(sharing),
                for_users=True,
            )
        except ListenFailed as exc:
            raise ListenError(f"{prefix}{exc}") from exc
        self._listeners.append(listener)
        return True

    def _accept_of(self, sharing: Collection[Kind]) -> Callable[[Stream], None]:
        """What takes the connections of a port that the vhosts ``sharing`` have together."""
        if len(sharing) == 1:
            return self._routes[next(iter(sharing))].accept

        def accepted(stream: Stream) -> None:
            FirstBytes(
                stream,
                VHOST_SNIFF_SIZE,
                self._first_bytes,
                lambda head: self._routes[classify_vhost(head, sharing)].accept(stream, head),
            )

        return accepted

    def _address(self, kind: Kind) -> str:
        return join_host_port(self._config.proxy_bind_addr, self._ports[kind])
