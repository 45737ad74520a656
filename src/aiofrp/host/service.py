"""Services that frpc reaches by a connection of its own: each work connection is joined to a new one."""

from __future__ import annotations

from abc import ABC, abstractmethod

from aiofrp.config.models.proxy import ProxyTransport
from aiofrp.errors import ConnectFailed, LocalProtocolError
from aiofrp.host.contexts import ClientContext, ClientHalf
from aiofrp.host.relay import client_side
from aiofrp.stream.base import Buffer, Stream
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
        self.join(client_side(stream, self._transport, self._context), start)

    def join(self, user: Stream, start: StartWorkConn) -> None:
        """Join ``user``, to whom nobody is attached, to a new connection to the service."""
        self._context.spawn(self._join(user, start), "connect")

    async def _join(self, user: Stream, start: StartWorkConn) -> None:
        try:
            header = connection_header(self._transport.proxy_protocol_version, start)
            local = await self.connect()
        except (ConnectFailed, LocalProtocolError) as exc:
            self._context.log.seldom.error("%s", self.explain(exc))
            user.close()
            return
        except BaseException:
            user.abort()
            raise
        if header:
            local.write(header)
        join_for(self._context, user, local)


def join_for(context: ClientContext, user: Stream, local: Stream, early: Buffer = b"") -> None:
    """Join the user of a proxy to a service; ``early`` has been read from the user already."""
    splice = Splice(user, local, context.connections.closed)
    context.connections.opened(splice)
    splice.start(early)
