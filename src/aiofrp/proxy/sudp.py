"""sudp: a local UDP service that only visitors with the secret key reach, through the server."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from aiofrp.config.models.model import field
from aiofrp.config.models.proxy import ProxyConfig, VisitorConfig
from aiofrp.config.models.types import Secret, Str, StrList
from aiofrp.errors import FrpError, ProxyError
from aiofrp.host.contexts import VisitorContext, VisitorHalf
from aiofrp.host.route import DIRECT, Origin
from aiofrp.proxy.base import Place, ProxyType
from aiofrp.proxy.datagrams.packets import PacketStream, User, hold, too_long, warn_of_limit
from aiofrp.proxy.datagrams.userport import UserPort
from aiofrp.proxy.secret import SecretServer, VisitorConnections
from aiofrp.proxy.udp import UdpClient
from aiofrp.stream.base import Stream
from aiofrp.stream.transform import through
from aiofrp.stream.udp.losses import Losses
from aiofrp.transport.net import bind_udp
from aiofrp.wire.addresses import join_host_port
from aiofrp.wire.frp.codec import Codec
from aiofrp.wire.frp.messages import UDPPacket
from aiofrp.wire.frp.translate import Translation

#: Datagrams kept while the visitor connects; later ones are dropped (docs/protocol/client.md §5).
MAX_WAITING = 1024


class SudpConfig(ProxyConfig):
    """The configuration of a sudp proxy: a UDP service for visitors that have the secret key."""

    reference_name: ClassVar[str] = "SUDPProxyConfig"

    type: Str = field("sudp", alias="type", help="Kind of the proxy: `sudp`.", zero=True)
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


class SudpVisitorConfig(VisitorConfig):
    """A visitor of a sudp proxy."""

    reference_name: ClassVar[str] = "SUDPVisitorConfig"

    type: Str = field("sudp", alias="type", help="Kind of the visitor: `sudp`.", zero=True)


class SudpServer(SecretServer):
    """Relays the bytes of a visitor, or its messages where it speaks another wire protocol than the proxy's client."""

    async def start(self) -> str:
        self._losses = Losses(self.context.log, self.context.traffic.lost)
        return await super().start()

    async def stop(self) -> None:
        await super().stop()
        self._losses.close()

    def accept(self, stream: Stream, early: bytes = b"", info: Origin = DIRECT) -> None:
        own, codec = self.context.codec, info.codec
        if codec is None or codec.name == own.name:
            self.users.accept(stream, early, info)
            return

        def translation(spoken: Codec, wanted: Codec, *, pings: bool) -> Translation:
            dropped = partial(too_long, self._losses, wanted, info.max_message)
            return Translation(spoken, wanted, pings=pings, accepted=info.max_message, dropped=dropped)

        stream.unread(early)
        translated = through(stream, [translation(codec, own, pings=False)])
        self.users.accept(translated, info=info, through_work=[translation(own, codec, pings=True)])


class SudpClient(UdpClient):
    """Forwards the datagrams of any number of work connections, one for each visitor, to the local service."""

    one_at_a_time = False


class SudpVisitor(VisitorHalf):
    """Listens on a local UDP port; all users share one connection to the server, opened by the first datagram."""

    _port: UserPort

    def __init__(self, context: VisitorContext, config: VisitorConfig) -> None:
        self._context = context
        self._config = config
        self._server = VisitorConnections(context, config)
        self._waiting: list[tuple[bytes, User]] = []  # limited by MAX_WAITING
        self._packets: PacketStream | None = None
        self._connecting = False
        self._losses = Losses(context.log)
        self._stopped = False

    async def start(self) -> None:
        addr, port = self._config.bind_addr, self._config.bind_port
        if port < 0:
            raise ProxyError(f"sudp ResolveUDPAddr error: address {port}: invalid port")
        size = self._context.udp_packet_size
        self._port = UserPort(bind_udp(addr, port), size, self._from_users, self._losses)
        self._context.log.info("sudp start to work, listen on %s", join_host_port(addr, port))

    async def stop(self) -> None:
        self._stopped = True
        self._server.close()
        if self._packets is not None:
            self._packets.close()
        self._port.close()
        self._losses.close()

    def _from_users(self, datagrams: list[tuple[bytes, User]]) -> None:
        if self._packets is not None:
            self._packets.send(datagrams)
            return
        hold(self._waiting, datagrams, MAX_WAITING, self._losses)
        if not self._connecting:
            self._connecting = True
            self._server.open_for_datagrams(self._connected, self._not_connected)

    def _connected(self, server: Stream, accepted: int) -> None:
        self._connecting = False
        codec = self._context.codec
        warn_of_limit(self._losses, codec, accepted, self._context.udp_packet_size)
        packets = PacketStream(server, codec, self._from_server, self._lost, self._losses, accepted)
        self._packets = packets
        packets.start(pings=False)
        waiting, self._waiting = self._waiting, []
        packets.send(waiting)

    def _not_connected(self, error: FrpError) -> None:
        self._connecting = False
        waiting, self._waiting = self._waiting, []
        if not self._stopped:
            self._losses.lost("not_connected", "the server cannot be reached", len(waiting))
            self._context.log.seldom.warning("newVisitorConn to frps error: %s, try to reconnect", error)

    def _lost(self) -> None:
        self._packets = None
        self._context.log.seldom.info("sudp worker is closed")

    def _from_server(self, packets: list[UDPPacket]) -> None:
        self._port.send(packets)


class Sudp(ProxyType):
    """The proxy type ``sudp``."""

    name = "sudp"
    place = Place.DOOR
    datagrams = True
    Config = SudpConfig
    VisitorConfig = SudpVisitorConfig
    Server = SudpServer
    Client = SudpClient
    Visitor = SudpVisitor
