"""udp: a UDP port of the server that leads to a local UDP service."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ClassVar

from aiofrp.config.models.model import field
from aiofrp.config.models.proxy import ProxyConfig
from aiofrp.config.models.types import Int, Str
from aiofrp.errors import ConnectFailed, FrpError
from aiofrp.hints.later import Later
from aiofrp.host.contexts import ClientContext, ClientHalf, DatagramUser, ServerHalf
from aiofrp.host.relay import client_side, server_side
from aiofrp.proxy.base import Place, ProxyType
from aiofrp.proxy.datagrams.forwarder import UdpForwarder, resolve_udp
from aiofrp.proxy.datagrams.packets import PacketStream, User, hold, warn_of_limit
from aiofrp.proxy.datagrams.userport import UserPort
from aiofrp.proxy.explain import datagram_facts
from aiofrp.proxy.local import LocalConfig
from aiofrp.stream.base import Stream
from aiofrp.stream.udp.losses import Losses
from aiofrp.transport.net import bind_udp
from aiofrp.wire.frp.messages import StartWorkConn, UDPPacket
from aiofrp.wire.frp.udppacket import MAX_MESSAGE

#: Seconds after registration until the first work connection is asked for, and between attempts
#: (docs/protocol/server.md §4.2).
FIRST_FETCH, FETCH_PAUSE = 0.5, 1.0
#: Datagrams kept while no work connection is there; later ones are dropped (docs/protocol/wire.md §11).
MAX_WAITING = 1024


class UdpConfig(ProxyConfig):
    """The configuration of a udp proxy: a UDP service on a remote port."""

    reference_name: ClassVar[str] = "UDPProxyConfig"

    type: Str = field("udp", alias="type", help="Kind of the proxy: `udp`.", zero=True)
    remote_port: Int = field(
        0,
        alias="remotePort",
        help="UDP port of the server; 0 lets the server choose.",
        wire="remote_port",
        flag="remote-port",
        short="r",
    )


class UdpServer(ServerHalf):
    """Listens on the remote port; all users share one work connection."""

    ports = 1
    _users: UserPort

    async def start(self) -> str:
        context = self.context
        asked = context.message.remote_port
        self._lease = await context.udp_ports.claim(context.message.proxy_name, asked)
        port = self._lease.port
        try:
            sock = bind_udp(context.bind_addr, port)
        except BaseException:
            self._lease.end()
            raise
        context.log.info("udp proxy listen port [%d]", port)
        admit = None if context.admits_all else self._admit
        self._losses = Losses(context.log, context.traffic.lost)
        warn_of_limit(self._losses, context.codec, context.max_message, context.udp_packet_size)
        self._users = UserPort(sock, context.udp_packet_size, self._from_users, self._losses, admit)
        self._waiting: list[tuple[bytes, User]] = []  # limited by MAX_WAITING
        self._work: PacketStream | None = None
        self._stopped = False
        self._fetch_later(FIRST_FETCH)
        return f":{port}"

    async def stop(self) -> None:
        self._stopped = True
        self._timer.cancel()
        if self._work is not None:
            self._work.close()
        self._users.close()
        self._losses.close()
        self._lease.end()

    def datagram_users(self) -> list[DatagramUser]:
        return self._users.users()

    def forget_user(self, address: tuple[str, int]) -> bool:
        return self._users.forget(address)

    # The work connection

    def _fetch_later(self, delay: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(delay, self._fetch)

    def _fetch(self) -> None:
        accepted = MAX_MESSAGE if self.context.max_message else 0
        start = StartWorkConn(proxy_name=self.context.message.proxy_name, max_message=accepted)
        self.context.take_work_connection(start, self._fetched, self._not_fetched)

    def _fetched(self, stream: Stream) -> None:
        if self._stopped:
            stream.close()
            return
        context = self.context
        plain = server_side(stream, context)
        self._work = work = PacketStream(
            plain, context.codec, self._from_client, self._work_lost, self._losses, context.max_message
        )
        work.start(pings=False)
        waiting, self._waiting = self._waiting, []
        if waiting:
            work.send(waiting)

    def _not_fetched(self, error: FrpError) -> None:
        if not self._stopped:
            self.context.log.warning("udp work connection: %s", error)
            self._fetch_later(FETCH_PAUSE)

    def _work_lost(self) -> None:
        self._work = None
        if not self._stopped:
            self._fetch_later(FETCH_PAUSE)

    # Datagrams

    def _from_users(self, datagrams: list[tuple[bytes, User]]) -> None:
        self.context.traffic.count(sum(len(data) for data, _ in datagrams), 0)
        if self._work is not None:
            self._work.send(datagrams)
        else:
            hold(self._waiting, datagrams, MAX_WAITING, self._losses)

    def _admit(self, user: User, ready: Callable[[], None], refused: Callable[[FrpError], None]) -> None:
        def complain(error: FrpError) -> None:
            self.context.log.warning("udp user [%s:%d] is refused: %s", *user, error)
            refused(error)

        self.context.admit(user, ready, complain)

    def _from_client(self, packets: list[UDPPacket]) -> None:
        self.context.traffic.count(0, self._users.send(packets))


class UdpClient(ClientHalf):
    """Forwards the datagrams of work connections to the local service."""

    #: Whether a new work connection ends the one before.
    one_at_a_time: ClassVar[bool] = True

    def __init__(self, context: ClientContext, config: LocalConfig) -> None:
        self._context = context
        self._config = config
        self._forwarders: set[UdpForwarder] = set()  # one for each work connection
        self._losses = Losses(context.log, context.lost, self._explained)
        self._closed = False

    def _explained(self, why: str) -> Later:
        config = self._config
        return Later("service", why, lambda: datagram_facts(config.local_ip, config.local_port))

    def on_work_connection(self, stream: Stream, start: StartWorkConn) -> None:
        self._context.spawn(self._serve(stream, start.max_message), "udp")

    async def close(self) -> None:
        self._closed = True
        self._end_all()
        self._losses.close()

    async def _serve(self, stream: Stream, accepted: int) -> None:
        config = self._config
        try:
            local = await resolve_udp(config.local_ip, config.local_port)
        except ConnectFailed as exc:
            self._context.log.seldom.error(
                "udp local address %s: %s", config.local_ip, self._explained(exc.text)
            )
            stream.close()
            return
        except BaseException:
            stream.abort()
            raise
        if self._closed:
            stream.close()
            return
        if self.one_at_a_time:
            self._end_all()
        version = config.transport.proxy_protocol_version
        forwarder = UdpForwarder(self._context, local, self._losses, version, self._forwarders.discard)
        self._forwarders.add(forwarder)
        forwarder.start(client_side(stream, config.transport, self._context), accepted)

    def _end_all(self) -> None:
        for forwarder in list(self._forwarders):
            forwarder.close()


class Udp(ProxyType):
    """The proxy type ``udp``."""

    name = "udp"
    place = Place.PORT
    datagrams = True
    Config = UdpConfig
    Server = UdpServer
    Client = UdpClient
