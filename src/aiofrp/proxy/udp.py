"""udp: a UDP port of the server that leads to a local UDP service."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any, ClassVar, Protocol, TypeAlias

from aiofrp.config.models.model import field
from aiofrp.config.models.proxy import ProxyConfig, ProxyTransport
from aiofrp.config.models.types import Int, Str
from aiofrp.errors import ConnectFailed, FrpError, LocalProtocolError
from aiofrp.host.contexts import ClientContext, ClientHalf, ServerHalf
from aiofrp.host.relay import client_side, server_side
from aiofrp.proxy.base import Place, ProxyType
from aiofrp.proxy.datagrams import DatagramSocket
from aiofrp.proxy.packets import PacketStream, User, user_of
from aiofrp.proxy.udpusers import Pool, UdpUsers
from aiofrp.proxy.userport import UserPort
from aiofrp.stream.base import Stream
from aiofrp.transport.files import is_last, udp_files
from aiofrp.transport.net import bind_udp
from aiofrp.transport.resolve import resolve
from aiofrp.wire.frp.messages import StartWorkConn, UDPPacket
from aiofrp.wire.frp.proxyproto import datagram_header

#: Seconds after registration until the first work connection is asked for, and between attempts
#: (docs/protocol/server.md §4.2).
FIRST_FETCH, FETCH_PAUSE = 0.5, 1.0
#: Datagrams kept while no work connection is there; later ones are dropped (docs/protocol/wire.md §11).
MAX_WAITING = 1024
#: Seconds without a datagram after which a user's local socket is closed (docs/protocol/client.md §3.1).
SESSION_IDLE = 30.0

#: Local sockets of all udp and sudp proxies of one process, one for each user.
_POOL = Pool(udp_files)

#: A local UDP service: the family of its address, and the address.
Local: TypeAlias = tuple[int, tuple[str, int]]


class UdpConfig(ProxyConfig):
    """A udp proxy."""

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
        context.log.info("udp proxy listen port [%d]", asked)
        admit = None if context.admits_all else self._admit
        self._users = UserPort(sock, context.udp_packet_size, self._from_users, admit)
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
        self._lease.end()

    # The work connection

    def _fetch_later(self, delay: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(delay, self._fetch)

    def _fetch(self) -> None:
        start = StartWorkConn(proxy_name=self.context.message.proxy_name)
        self.context.take_work_connection(start, self._fetched, self._not_fetched)

    def _fetched(self, stream: Stream) -> None:
        if self._stopped:
            stream.close()
            return
        context = self.context
        work = server_side(stream, context)
        self._work = PacketStream(work, context.codec, self._from_client, self._work_lost)
        self._work.end_when_silent()
        waiting, self._waiting = self._waiting, []
        if waiting:
            self._work.send(waiting)

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
            self._waiting += datagrams[: MAX_WAITING - len(self._waiting)]

    def _admit(self, user: User, ready: Callable[[], None], refused: Callable[[FrpError], None]) -> None:
        def complain(error: FrpError) -> None:
            self.context.log.warning("udp user [%s:%d] is refused: %s", *user, error)
            refused(error)

        self.context.admit(user, ready, complain)

    def _from_client(self, packets: list[UDPPacket]) -> None:
        self.context.traffic.count(0, self._users.send(packets))


class UdpForwarder:
    """The local side of one work connection: a connected socket for each user, so that replies find their way.

    ``version``: of the PROXY header before each user's first datagram, or empty. ``ended`` is called once.
    """

    def __init__(
        self,
        context: ClientContext,
        local: Local,
        version: str = "",
        ended: Callable[[UdpForwarder], None] | None = None,
    ) -> None:
        self._context = context
        self._family, self._local = local
        self._version = version
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._users: UdpUsers[_Session] = UdpUsers(_POOL, lambda session: session.socket.close())
        self._sweep = asyncio.get_running_loop().call_later(SESSION_IDLE / 2, self._close_idle)
        self.packets: PacketStream | None = None

    def start(self, work: Stream) -> None:
        """Serve ``work``, a work connection seen through the proxy's layers."""
        self.packets = PacketStream(work, self._context.codec, self._from_server, self.close)
        self.packets.keep_alive()

    def close(self) -> None:
        """Close every socket and the connection."""
        self._sweep.cancel()
        self._users.clear()
        if self.packets is not None:
            self.packets.close()
        ended, self._ended = self._ended, None
        if ended is not None:
            ended(self)

    def header(self, user: User) -> bytes:
        """What goes before the first datagram of ``user``; nothing where none can be written."""
        try:
            return datagram_header(self._version, user, self._local)
        except LocalProtocolError:
            return b""

    def answered(self, user: User) -> None:
        """The service said something to ``user``."""
        self._users.answered(user, self._loop.time())

    def _from_server(self, packets: list[UDPPacket]) -> None:
        now = self._loop.time()
        for packet in packets:
            user = user_of(packet)
            if user is None:
                continue
            session = self._users.came(user, now) or self._begin(user, now)
            if session is not None:
                session.send(packet.content)

    def _begin(self, user: User, now: float) -> _Session | None:
        """A socket for a new user; ``None`` when there is none to be had."""
        try:
            session = _Session(self, user)
        except OSError as exc:
            self._users.drop_one()
            self._complain(user, exc.strerror or str(exc))
            return None
        if is_last(session.socket.descriptor):
            session.socket.close()
            self._users.drop_one()  # its socket is the next one's
            self._complain(user, "too many open files")
            return None
        self._users.add(user, session, now)
        return session

    def _complain(self, user: User, why: str) -> None:
        self._context.log.seldom.warning("udp local socket for [%s:%d]: %s", *user, why)

    def _close_idle(self) -> None:
        self._users.expire(self._loop.time() - SESSION_IDLE)
        self._sweep = self._loop.call_later(SESSION_IDLE / 2, self._close_idle)

    def connect(self) -> socket.socket:
        """A socket connected to the local service. Raises :class:`OSError`."""
        sock = socket.socket(self._family, socket.SOCK_DGRAM)
        sock.setblocking(False)
        try:
            sock.connect(self._local)
        except OSError:
            sock.close()
            raise
        return sock

    @property
    def packet_size(self) -> int:
        """Bytes read of each datagram."""
        return self._context.udp_packet_size


class _Session:
    """One user's socket towards the local service."""

    __slots__ = ("_first", "_forwarder", "_user", "socket")

    def __init__(self, forwarder: UdpForwarder, user: User) -> None:
        self._forwarder = forwarder
        self._user = user
        self._first = forwarder.header(user)
        self.socket = DatagramSocket(forwarder.connect(), forwarder.packet_size, self._replied)

    def send(self, data: bytes) -> None:
        """A datagram of the user."""
        first, self._first = self._first, b""
        self.socket.send(first + data)

    def _replied(self, datagrams: list[tuple[bytes, Any]]) -> None:
        self._forwarder.answered(self._user)
        if self._forwarder.packets is not None:
            self._forwarder.packets.send([(data, self._user) for data, _ in datagrams])


class LocalUdp(Protocol):
    """The settings of a proxy that forwards datagrams to a local address."""

    @property
    def local_ip(self) -> str: ...
    @property
    def local_port(self) -> int: ...
    @property
    def transport(self) -> ProxyTransport: ...


class UdpClient(ClientHalf):
    """Forwards the datagrams of one work connection at a time to the local service."""

    def __init__(self, context: ClientContext, config: LocalUdp) -> None:
        self._context = context
        self._config = config
        self._forwarders: set[UdpForwarder] = set()  # one work connection each; here there is one

    def on_work_connection(self, stream: Stream, start: StartWorkConn) -> None:
        self._context.spawn(self._serve(stream), "udp")

    async def close(self) -> None:
        for forwarder in list(self._forwarders):
            forwarder.close()

    async def end_previous(self) -> None:
        """A work connection is about to be served: end the one before."""
        await self.close()

    async def _serve(self, stream: Stream) -> None:
        config = self._config
        try:
            local = await resolve_udp(config.local_ip, config.local_port)
        except ConnectFailed as exc:
            self._context.log.seldom.error("udp local address %s: %s", config.local_ip, exc)
            stream.close()
            return
        except BaseException:
            stream.abort()
            raise
        await self.end_previous()
        version = config.transport.proxy_protocol_version
        forwarder = UdpForwarder(self._context, local, version, self._forwarders.discard)
        self._forwarders.add(forwarder)
        forwarder.start(client_side(stream, config.transport, self._context))


async def resolve_udp(host: str, port: int) -> Local:
    """The family and address of a local UDP service. Raises :class:`~aiofrp.errors.ConnectFailed`."""
    family, _, _, _, address = (await resolve(host, port, socket.SOCK_DGRAM))[0]
    return family, (str(address[0]), int(address[1]))


class Udp(ProxyType):
    """The proxy type ``udp``."""

    name = "udp"
    place = Place.PORT
    datagrams = True
    Config = UdpConfig
    Server = UdpServer
    Client = UdpClient
