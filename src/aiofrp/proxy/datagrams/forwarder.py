"""The local side of udp and sudp: a socket towards the service for each user of a work connection."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any, TypeAlias

from aiofrp.errors import LocalProtocolError
from aiofrp.host.contexts import ClientContext
from aiofrp.proxy.datagrams.packets import PacketStream, User, user_of, warn_of_limit
from aiofrp.proxy.datagrams.udpsocket import DatagramSocket
from aiofrp.proxy.datagrams.users import Pool, UdpUsers
from aiofrp.stream.base import Stream
from aiofrp.stream.udp.losses import Losses
from aiofrp.transport.files import is_last, udp_files
from aiofrp.transport.resolve import resolve
from aiofrp.wire.frp.messages import UDPPacket
from aiofrp.wire.frp.proxyproto import datagram_header

#: Seconds without a datagram after which a user's local socket is closed (docs/protocol/client.md §3.1).
SESSION_IDLE = 30.0

#: Local sockets of all udp and sudp proxies of one process, one for each user.
_POOL = Pool(udp_files)

#: A local UDP service: the family of its address, and the address.
Local: TypeAlias = tuple[int, tuple[str, int]]


class UdpForwarder:
    """The local side of one work connection: a connected socket for each user, so that replies find their way.

    ``version``: of the PROXY header before each user's first datagram, or empty. ``ended`` is called once.
    """

    def __init__(
        self,
        context: ClientContext,
        local: Local,
        losses: Losses,
        version: str = "",
        ended: Callable[[UdpForwarder], None] | None = None,
    ) -> None:
        self._context = context
        self.losses = losses
        self._family, self._local = local
        self._version = version
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._users: UdpUsers[_UserSocket] = UdpUsers(
            _POOL, lambda session: session.socket.close(), self.losses
        )
        self._sweep = asyncio.get_running_loop().call_later(SESSION_IDLE / 2, self._close_idle)
        self.packets: PacketStream | None = None

    def start(self, work: Stream, accepted: int = 0) -> None:
        """Serve ``work``, a work connection seen through the proxy's layers; ``accepted``: see
        :class:`~aiofrp.proxy.datagrams.packets.PacketStream`."""
        codec = self._context.codec
        warn_of_limit(self.losses, codec, accepted, self.packet_size)
        self.packets = PacketStream(work, codec, self._from_server, self.close, self.losses, accepted)
        self.packets.start(pings=True)

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
        """The PROXY header before the first datagram of ``user``; empty where none is configured or can be written."""
        try:
            return datagram_header(self._version, user, self._local)
        except LocalProtocolError:
            return b""

    def answered(self, user: User) -> None:
        """The service sent a datagram to ``user``, which counts as use of its socket."""
        self._users.answered(user, self._loop.time())

    def _from_server(self, packets: list[UDPPacket]) -> None:
        now = self._loop.time()
        for packet in packets:
            user = user_of(packet)
            if user is None:
                self.losses.lost("no_user", "they have no usable address of a user")
                continue
            session = self._users.came(user, now) or self._begin(user, now)
            if session is not None:
                session.send(packet.content)
            else:
                self.losses.lost("no_socket", "there is no local socket for their user")

    def _begin(self, user: User, now: float) -> _UserSocket | None:
        """A socket for a new user; ``None`` when there is none to be had."""
        try:
            session = _UserSocket(self, user)
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
        """Bytes read of each datagram of the service; longer ones are cut."""
        return self._context.udp_packet_size


class _UserSocket:
    """One user's socket towards the local service."""

    __slots__ = ("_first", "_forwarder", "_user", "socket")

    def __init__(self, forwarder: UdpForwarder, user: User) -> None:
        self._forwarder = forwarder
        self._user = user
        self._first = forwarder.header(user)
        self.socket = DatagramSocket(
            forwarder.connect(), forwarder.packet_size, self._replied, forwarder.losses
        )

    def send(self, data: bytes) -> None:
        """A datagram of the user."""
        first, self._first = self._first, b""
        self.socket.send(first + data)

    def _replied(self, datagrams: list[tuple[bytes, Any]]) -> None:
        self._forwarder.answered(self._user)
        if self._forwarder.packets is not None:
            self._forwarder.packets.send([(data, self._user) for data, _ in datagrams])


async def resolve_udp(host: str, port: int) -> Local:
    """The family and address of a local UDP service. Raises :class:`~aiofrp.errors.ConnectFailed`."""
    family, _, _, _, address = (await resolve(host, port, socket.SOCK_DGRAM))[0]
    return family, (str(address[0]), int(address[1]))
