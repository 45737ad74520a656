"""virtual_net: packets of the virtual network of frpc, in place of a local service and of a visitor's users
(docs/protocol/nat.md §8)."""

from __future__ import annotations

import asyncio
import ipaddress
from typing import ClassVar, cast

from aiofrp.config.models.model import field
from aiofrp.config.models.proxy import PluginConfig, ProxyConfig, VisitorConfig, VisitorPluginConfig
from aiofrp.config.models.types import Str
from aiofrp.errors import ProxyError
from aiofrp.host.contexts import ClientContext, ClientHalf, VisitorContext, VisitorHalf
from aiofrp.host.relay import client_side
from aiofrp.plugin.base import ClientPlugin, VisitorPlugin
from aiofrp.stream.base import Stream
from aiofrp.stream.memory import MemoryStream, memory_pair
from aiofrp.stream.udp.losses import Losses
from aiofrp.vnet.connection import PacketConnection
from aiofrp.vnet.network import Network
from aiofrp.vnet.reconnect import Reconnects
from aiofrp.wire.frp.messages import StartWorkConn


class VirtualNetPluginConfig(PluginConfig):
    """The options of the client plugin ``virtual_net``."""

    reference_name: ClassVar[str] = "VirtualNetPluginOptions"

    type: Str = field("virtual_net", alias="type", help="Kind of the plugin: `virtual_net`.")


class VirtualNetVisitorPluginConfig(VisitorPluginConfig):
    """The options of the visitor plugin ``virtual_net``."""

    reference_name: ClassVar[str] = "VirtualNetVisitorPluginOptions"

    type: Str = field("virtual_net", alias="type", help="Kind of the plugin: `virtual_net`.")
    destination_ip: Str = field(
        "", alias="destinationIP", help="Address of the other machine in the virtual network."
    )


class VirtualNetService(ClientHalf):
    """Takes each work connection as that of a visitor's frpc, whose packets go to and from the device."""

    def __init__(self, context: ClientContext, proxy: ProxyConfig) -> None:
        if context.network is None:
            raise ProxyError("plugin virtual_net needs virtualNet.address")
        self._network: Network = context.network
        self._context = context
        self._transport = proxy.transport
        self._losses = Losses(context.log, context.lost)
        self._open: set[PacketConnection] = set()  # limited by the work connections of frpc

    def on_work_connection(self, stream: Stream, start: StartWorkConn) -> None:
        work = client_side(stream, self._transport, self._context)
        connection = self._network.serve(work, self._losses, self._ended)
        self._open.add(connection)
        self._context.connections.opened(connection)

    async def close(self) -> None:
        """End all connections, as the reference does: visitors come again by themselves."""
        for connection in self._open:
            connection.close()
        self._losses.close()

    def _ended(self, connection: PacketConnection) -> None:
        self._open.discard(connection)
        self._context.connections.closed(connection)


class VirtualNetUser(VisitorHalf):
    """The device as a user of a visitor: a connection to its proxy is opened at once, and again after its end."""

    def __init__(self, context: VisitorContext, config: VisitorConfig, visitor: VisitorHalf) -> None:
        options = cast(VirtualNetVisitorPluginConfig, config.plugin)
        self._destination = destination(options.destination_ip)
        self._name = config.name
        self._context = context
        self._visitor = visitor
        self._losses = Losses(context.log)
        self._reconnects = Reconnects()
        self._timer: asyncio.TimerHandle | None = None
        self._connection: PacketConnection | None = None

    async def start(self) -> None:
        await self._visitor.start()
        if self._context.network is None:
            self._context.log.warning("plugin virtual_net has no effect without virtualNet.address")
        else:
            self._connect(self._context.network)

    async def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        self._losses.close()
        await self._visitor.stop()

    def accept(self, user: Stream) -> None:
        self._visitor.accept(user)

    # Private

    def _connect(self, network: Network) -> None:
        self._timer = None
        ours, theirs = memory_pair()

        def ended(connection: PacketConnection) -> None:
            if connection is self._connection:
                self._connection = None
                self._timer = asyncio.get_running_loop().call_later(self._pause(ours), self._connect, network)

        self._connection = network.visit(self._destination, ours, self._losses, ended)
        self._visitor.accept(theirs)

    def _pause(self, ended: MemoryStream) -> float:
        """The seconds until the next connection."""
        log, error = self._context.log, ended.refusal
        if error is None:
            pause = self._reconnects.ended()
            log.info("connection closed normally for visitor [%s]", self._name)
        else:
            pause = self._reconnects.failed()
            log.warning(
                "connection closed with error for visitor [%s] (consecutive errors: %d): %s",
                self._name,
                self._reconnects.failures,
                error,
            )
        log.info("waiting %gs before attempting reconnection for visitor [%s]...", pause, self._name)
        return pause


def destination(text: str) -> bytes:
    """The address ``text`` as it stands in packets. Raises :class:`~aiofrp.errors.ProxyError`."""
    if not text:
        raise ProxyError("destinationIP is required")
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise ProxyError(f"invalid destination IP address [{text}]") from None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).packed


class VirtualNet(ClientPlugin):
    """The client plugin ``virtual_net``."""

    name = "virtual_net"
    Config = VirtualNetPluginConfig
    Client = VirtualNetService


class VirtualNetVisitor(VisitorPlugin):
    """The visitor plugin ``virtual_net``."""

    name = "virtual_net"
    Config = VirtualNetVisitorPluginConfig
    Visitor = VirtualNetUser
