"""Services that frpc reaches by a connection of its own: each work connection is joined to a new one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from aiofrp.compiled.marks import mypyc_attr
from aiofrp.config.models.proxy import ProxyTransport
from aiofrp.errors import ConnectFailed, LocalProtocolError
from aiofrp.hints.entry import Facts
from aiofrp.hints.later import Later
from aiofrp.host.contexts import ClientContext, ClientHalf
from aiofrp.host.relay import client_side
from aiofrp.stream.base import Buffer, Stream
from aiofrp.stream.splice import Splice
from aiofrp.wire.frp.messages import StartWorkConn
from aiofrp.wire.frp.proxyproto import connection_header

#: Seconds to reach a local service (docs/protocol/client.md §3).
DIAL_TIMEOUT = 10.0


@mypyc_attr(allow_interpreted_subclasses=True)
class ReachedService(ClientHalf, ABC):
    """Joins each work connection to a new connection to the service, which gets the PROXY header first if one is
    configured."""

    def __init__(self, context: ClientContext, transport: ProxyTransport) -> None:
        self._context = context
        self._transport = transport

    @abstractmethod
    async def connect(self) -> Stream:
        """A new connection to the service, nobody attached. Raises :class:`~aiofrp.errors.ConnectFailed`."""

    def connect_here(self, ready: Callable[[Stream], object], failed: Callable[[Exception], object]) -> bool:
        """:meth:`connect` without a task, where the service answers at once: see
        :func:`aiofrp.transport.net.dial_here`."""
        return False

    @abstractmethod
    def explain(self, error: Exception) -> str:
        """The line of the log for a connection that could not be made."""

    def facts(self) -> Facts:
        """What is known about the service, for a hint about a connection that could not be made."""
        return {}

    def on_work_connection(self, stream: Stream, start: StartWorkConn) -> None:
        self.join(client_side(stream, self._transport, self._context), start)

    def join(self, user: Stream, start: StartWorkConn) -> None:
        """Join ``user``, to whom nobody is attached, to a new connection to the service."""
        try:
            header = connection_header(self._transport.proxy_protocol_version, start)
        except LocalProtocolError as exc:
            self._failed(user, exc)
            return

        def connected(local: Stream) -> None:
            if header:
                local.write(header)
            join_for(self._context, user, local)

        if not self.connect_here(connected, lambda exc: self._failed(user, exc)):
            self._context.spawn(self._connect(user, connected), "connect")

    async def _connect(self, user: Stream, connected: Callable[[Stream], None]) -> None:
        try:
            local = await self.connect()
        except ConnectFailed as exc:
            self._failed(user, exc)
        except BaseException:
            user.abort()
            raise
        else:
            connected(local)

    def _failed(self, user: Stream, exc: Exception) -> None:
        self._context.log.seldom.error("%s", Later("service", self.explain(exc), self.facts))
        user.close()


def join_for(context: ClientContext, user: Stream, local: Stream, early: Buffer = b"") -> None:
    """Join the user of a proxy to a service; ``early`` has been read from the user already."""
    splice = Splice(user, local, context.connections.closed)
    context.connections.opened(splice)
    splice.start(early)
