"""Services that frpc reaches by a connection of its own: each work connection is joined to a new one."""

from __future__ import annotations

from abc import ABC, abstractmethod

from aiofrp.config.models.proxy import ProxyTransport
from aiofrp.errors import ConnectFailed, LocalProtocolError
from aiofrp.host.contexts import ClientContext, ClientHalf
from aiofrp.host.relay import client_side
from aiofrp.stream.base import Stream
from aiofrp.stream.splice import Splice
from aiofrp.wire.frp.messages import StartWorkConn
from aiofrp.wire.frp.proxyproto import connection_header

#: Seconds to reach a local service (docs/protocol/client.md §3).
DIAL_TIMEOUT = 10.0


class ReachedService(ClientHalf, ABC):
    """Joins each work connection to a new connection to the service, which gets the PROXY header first if one is
    configured."""

    def __init__(self, context: ClientContext, transport: ProxyTransport) -> None:
        self._context = context
        self._transport = transport

    @abstractmethod
    async def connect(self) -> Stream:
        """A new connection to the service, nobody attached. Raises :class:`~aiofrp.errors.ConnectFailed`."""

    @abstractmethod
    def explain(self, error: Exception) -> str:
        """The line of the log for a connection that could not be made."""

    def on_work_connection(self, stream: Stream, start: StartWorkConn) -> None:
        self._context.spawn(self._serve(stream, start), "connect")

    async def _serve(self, stream: Stream, start: StartWorkConn) -> None:
        work = client_side(stream, self._transport, self._context)
        try:
            header = connection_header(self._transport.proxy_protocol_version, start)
            local = await self.connect()
        except (ConnectFailed, LocalProtocolError) as exc:
            self._context.log.seldom.error("%s", self.explain(exc))
            stream.close()
            return
        except BaseException:
            stream.abort()
            raise
        if header:
            local.write(header)
        splice = Splice(work, local, self._context.connections.closed)
        self._context.connections.opened(splice)
        splice.start()
