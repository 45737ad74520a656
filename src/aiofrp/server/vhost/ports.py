"""The ports that proxies share: http, https and tcpmux; which of them are one port, and who takes a connection."""

from __future__ import annotations

from collections.abc import Collection

from aiofrp import logs
from aiofrp.config.models.server import ServerConfig
from aiofrp.errors import FrpError
from aiofrp.host.contexts import Vhost
from aiofrp.http.serve import Engine
from aiofrp.server.session.firstbytes import FirstBytes
from aiofrp.server.vhost.connections import HttpsUser, Strangers, TcpMuxUser
from aiofrp.server.vhost.http import HttpVhost
from aiofrp.server.vhost.pages import Pages
from aiofrp.stream.base import Stream
from aiofrp.stream.tcp import TcpListener
from aiofrp.transport.net import ListenFailed, address_of, join_host_port, listen
from aiofrp.wire.router import canonical_host
from aiofrp.wire.sniff import VHOST_SNIFF_SIZE, Kind, classify_vhost

#: Seconds for the first bytes on a port that vhosts share.
FIRST_BYTES = 10.0

_log = logs.get(__name__)


class ListenError(FrpError):
    """frps cannot listen; the text is what is printed before exit 1."""


class VhostPorts:
    """The vhost listeners of one frps. ``tables`` has the routes by proxy type."""

    def __init__(self, config: ServerConfig) -> None:
        self._config = config
        self._ports = {
            Kind.TCPMUX: config.tcpmux_http_connect_port,
            Kind.VHOST_HTTP: config.vhost_http_port,
            Kind.VHOST_HTTPS: config.vhost_https_port,
        }
        shared = config.bind_addr == config.proxy_bind_addr  # compared as text, as the reference does
        self.on_bind_port = frozenset(
            kind for kind, port in self._ports.items() if shared and port and port == config.bind_port
        )
        """Which vhosts share frp's own port."""
        types = {"tcpmux": Kind.TCPMUX, "http": Kind.VHOST_HTTP, "https": Kind.VHOST_HTTPS}
        below = canonical_host(config.sub_domain_host)
        self.tables = {name: Vhost(self._ports[kind], below) for name, kind in types.items()}
        self._pages = Pages(config.custom_404_page)
        self._http = Engine(HttpVhost(self.tables["http"].routes, self._pages, config.vhost_http_timeout))
        self._strangers = Strangers()
        self._listeners: list[TcpListener] = []
        self._stopping = False

    def __repr__(self) -> str:
        return f"<VhostPorts {self._http} strangers={len(self._strangers)}>"

    async def listen_tcpmux(self) -> None:
        """Open the tcpmux port, the first of all. Raises :class:`ListenError`."""
        if await self._listen(Kind.TCPMUX):
            passthrough = str(self._config.tcpmux_passthrough).lower()
            where = self._address(Kind.TCPMUX)
            _log.info("tcpmux httpconnect multiplexer listen on %s, passthrough: %s", where, passthrough)

    async def listen_http(self) -> None:
        """Open the HTTP port and the HTTPS port, the last of all. Raises :class:`ListenError`."""
        if await self._listen(Kind.VHOST_HTTP):
            _log.info("http service listen on %s", self._address(Kind.VHOST_HTTP))
        if await self._listen(Kind.VHOST_HTTPS) and Kind.VHOST_HTTPS not in self.on_bind_port:
            _log.info("https service listen on %s", self._address(Kind.VHOST_HTTPS))

    def accept(self, kind: Kind, stream: Stream) -> None:
        """Serve a user of one of the ports."""
        if self._stopping:
            stream.abort()
        elif kind is Kind.VHOST_HTTP:
            self._http.accept(stream, address_of(stream.info("peername")))
        elif kind is Kind.VHOST_HTTPS:
            HttpsUser(stream, self._strangers, self.tables["https"].routes)
        else:
            passthrough = self._config.tcpmux_passthrough
            TcpMuxUser(stream, self._strangers, self.tables["tcpmux"].routes, self._pages, passthrough)

    def close(self) -> None:
        """Stop accepting; users are served to the end of what they asked for."""
        self._stopping = True
        for listener in self._listeners:
            listener.close()
        self._strangers.close()
        self._http.close()

    def abort(self) -> None:
        """End what is left."""
        self._http.abort()

    # Private

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
                lambda stream: self._accepted(stream, sharing),
                for_users=True,
            )
        except ListenFailed as exc:
            raise ListenError(f"{prefix}{exc}") from exc
        self._listeners.append(listener)
        return True

    def _accepted(self, stream: Stream, sharing: Collection[Kind]) -> None:
        if len(sharing) == 1:
            self.accept(next(iter(sharing)), stream)
        else:
            FirstBytes(
                stream, VHOST_SNIFF_SIZE, FIRST_BYTES, lambda head: self._sniffed(stream, head, sharing)
            )

    def _sniffed(self, stream: Stream, head: bytes, sharing: Collection[Kind]) -> None:
        stream.unread(head)
        self.accept(classify_vhost(head, sharing), stream)

    def _address(self, kind: Kind) -> str:
        return join_host_port(self._config.proxy_bind_addr, self._ports[kind])
