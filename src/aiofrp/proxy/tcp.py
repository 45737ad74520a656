"""tcp: a port of the server that leads to a local TCP service."""

from __future__ import annotations

from typing import ClassVar

from aiofrp.config.models.model import field
from aiofrp.config.models.proxy import ProxyConfig
from aiofrp.config.models.types import Int, Str
from aiofrp.host.contexts import ServerContext, ServerHalf
from aiofrp.host.groups import Turns
from aiofrp.host.relay import UserConnections
from aiofrp.proxy.base import Place, ProxyType
from aiofrp.proxy.local import LocalService
from aiofrp.stream.tcp import TcpListener
from aiofrp.transport.net import listen


class TcpConfig(ProxyConfig):
    """The configuration of a tcp proxy: a TCP service on a remote port."""

    reference_name: ClassVar[str] = "TCPProxyConfig"

    type: Str = field("tcp", alias="type", help="Kind of the proxy: `tcp`.", zero=True)
    remote_port: Int = field(
        0,
        alias="remotePort",
        help="TCP port of the server; 0 lets the server choose.",
        wire="remote_port",
        flag="remote-port",
        short="r",
    )


class _Port(Turns):
    """A port of the server whose users go to its proxy, or in turn to the proxies of a group."""

    __slots__ = ("_lease", "_listener", "number")

    async def open(self, context: ServerContext) -> None:
        """Lease the port ``context`` asks for and listen. Raises FrpError."""
        message = context.message
        self._lease = await context.tcp_ports.claim(message.proxy_name, message.remote_port)
        self.number = self._lease.port
        try:
            self._listener: TcpListener = await listen(
                context.bind_addr, self.number, self.accept, for_users=True
            )
        except BaseException:
            self._lease.end()
            raise

    def close(self) -> None:
        """Stop listening and give the port back."""
        self._listener.close()
        self._lease.end()


class TcpServer(ServerHalf):
    """Listens on the remote port; each user is joined to a work connection."""

    ports = 1
    _port: _Port

    def __init__(self, context: ServerContext) -> None:
        super().__init__(context)
        self._users = UserConnections(context)

    async def start(self) -> str:
        message, log = self.context.message, self.context.log
        if message.group:
            self._port = await self._join_group()
            log.info("tcp proxy listen port [%d] in group [%s]", self._port.number, message.group)
        else:
            self._port = _Port()
            await self._port.open(self.context)
            log.info("tcp proxy listen port [%d]", self._port.number)
        self._port.add(self._users)
        return f":{self._port.number}"

    async def stop(self) -> None:
        self._port.remove(self._users)
        if not len(self._port):
            self._port.close()
            if self.context.message.group:
                self.context.groups("tcp").remove(self.context.message.group)

    async def _join_group(self) -> _Port:
        message, groups = self.context.message, self.context.groups("tcp")
        parameters = (message.remote_port,)
        async with groups.lock:  # the first member has to wait for the port
            port = groups.find(message, _Port, parameters, "group should have same remote port")
            if port is None:  # it is the first one
                port = _Port()
                await port.open(self.context)
                groups.add(message, parameters, port)
            return port


class Tcp(ProxyType):
    """The proxy type ``tcp``."""

    name = "tcp"
    place = Place.PORT
    Config = TcpConfig
    Server = TcpServer
    Client = LocalService
