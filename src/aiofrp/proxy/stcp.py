"""stcp: a local TCP service that only visitors with the secret key reach, through the server."""

from __future__ import annotations

from typing import ClassVar

from aiofrp.config.models.model import field
from aiofrp.config.models.proxy import ProxyConfig, VisitorConfig
from aiofrp.config.models.types import Secret, Str, StrList
from aiofrp.errors import FrpError
from aiofrp.host.contexts import VisitorContext, VisitorHalf
from aiofrp.proxy.base import Place, ProxyType
from aiofrp.proxy.local import LocalService
from aiofrp.proxy.secret import SecretServer, VisitorConnections
from aiofrp.stream.base import Stream
from aiofrp.stream.memory import refuse
from aiofrp.stream.splice import Splice
from aiofrp.stream.tcp import TcpListener
from aiofrp.transport.net import listen


class StcpConfig(ProxyConfig):
    """The configuration of a stcp proxy: a TCP service for visitors that have the secret key."""

    reference_name: ClassVar[str] = "STCPProxyConfig"

    type: Str = field("stcp", alias="type", help="Kind of the proxy: `stcp`.", zero=True)
    secret_key: Secret = field(
        Secret(), alias="secretKey", help="Secret key visitors must show.", wire="sk", flag="sk"
    )
    allow_users: StrList = field(
        (),
        alias="allowUsers",
        help="Users whose visitors may connect; empty allows the same user, `*` all.",
        wire="allow_users",
        flag="allow-users",
    )


class StcpVisitorConfig(VisitorConfig):
    """A visitor of a stcp proxy."""

    reference_name: ClassVar[str] = "STCPVisitorConfig"

    type: Str = field("stcp", alias="type", help="Kind of the visitor: `stcp`.", zero=True)


class StcpVisitor(VisitorHalf):
    """Listens on a local port, if it has one; each user is joined to a connection of its own to the server."""

    def __init__(self, context: VisitorContext, config: VisitorConfig) -> None:
        self._context = context
        self._config = config
        self._server = VisitorConnections(context, config)
        self._listener: TcpListener | None = None

    async def start(self) -> None:
        config = self._config
        if config.bind_port > 0:
            self._listener = await listen(config.bind_addr, config.bind_port, self.accept, for_users=True)

    async def stop(self) -> None:
        if self._listener is not None:
            self._listener.close()
        self._server.close()

    def accept(self, user: Stream) -> None:
        connections = self._context.connections

        def ready(server: Stream) -> None:
            splice = Splice(user, server, connections.closed)
            connections.opened(splice)
            splice.start()

        def failed(error: FrpError) -> None:
            self._context.log.seldom.warning("dialRawVisitorConn error: %s", error)
            refuse(user, error)

        self._server.open(ready, failed)


class Stcp(ProxyType):
    """The proxy type ``stcp``."""

    name = "stcp"
    place = Place.DOOR
    Config = StcpConfig
    VisitorConfig = StcpVisitorConfig
    Server = SecretServer
    Client = LocalService
    Visitor = StcpVisitor
