"""tcp: a port of the server that leads to a local TCP service."""

from __future__ import annotations

from typing import ClassVar

from aiofrp.config.model import field
from aiofrp.config.proxy import ProxyConfig
from aiofrp.config.types import Int, Str
from aiofrp.proxy.base import ProxyType
from aiofrp.proxy.host import ServerHalf
from aiofrp.proxy.local import LocalService
from aiofrp.proxy.relay import UserConnections
from aiofrp.stream.tcp import TcpListener
from aiofrp.transport.net import listen


class TcpConfig(ProxyConfig):
    """A tcp proxy."""

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


class TcpServer(ServerHalf):
    """Listens on the remote port; each user is joined to a work connection."""

    ports = 1
    _listener: TcpListener
    _port: int

    async def start(self) -> str:
        context = self.context
        asked = context.message.remote_port
        context.log.info("tcp proxy listen port [%d]", asked)
        self._port = context.tcp_ports.acquire(context.message.proxy_name, asked)
        try:
            users = UserConnections(context)
            self._listener = await listen(context.bind_addr, self._port, users.accept)
        except BaseException:
            context.tcp_ports.release(self._port)
            raise
        return f":{self._port}"

    async def stop(self) -> None:
        self._listener.close()
        self.context.tcp_ports.release(self._port)


class Tcp(ProxyType):
    """The proxy type ``tcp``."""

    name = "tcp"
    Config = TcpConfig
    Server = TcpServer
    Client = LocalService
