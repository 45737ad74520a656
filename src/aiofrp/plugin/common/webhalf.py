"""The client half of plugins that serve users over the HTTP engine."""

from __future__ import annotations

from aiofrp.config.models.proxy import ProxyConfig
from aiofrp.host.contexts import ClientContext, ClientHalf
from aiofrp.host.relay import client_side
from aiofrp.http.serve import Engine
from aiofrp.http.site import Site
from aiofrp.stream.base import Stream
from aiofrp.wire.frp.messages import StartWorkConn


class WebHalf(ClientHalf):
    """Serves each work connection as a user of ``site``."""

    def __init__(self, context: ClientContext, proxy: ProxyConfig, site: Site) -> None:
        self.engine = Engine(site)
        self._context = context
        self._transport = proxy.transport

    def on_work_connection(self, stream: Stream, start: StartWorkConn) -> None:
        self.serve(client_side(stream, self._transport, self._context), (start.src_addr, start.src_port))

    def serve(self, user: Stream, source: tuple[str, int]) -> None:
        """Serve the requests of the user at ``source``; nobody is attached to ``user``."""
        self.engine.accept(user, source)

    async def close(self) -> None:
        self.engine.close()
        self.engine.site.close()
