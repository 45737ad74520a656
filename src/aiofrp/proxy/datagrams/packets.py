"""Datagrams as messages on a work or visitor connection, for udp and sudp (docs/protocol/wire.md §11)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeAlias

from aiofrp.errors import ProtocolError
from aiofrp.stream.base import Buffer, Stream
from aiofrp.transport.net import is_address
from aiofrp.wire.frp.codec import Codec
from aiofrp.wire.frp.messages import Ping, UDPAddress, UDPPacket
from aiofrp.wire.frp.udppacket import encode_udp

#: Seconds between the client's pings, and of silence after which a connection counts as dead
#: (docs/protocol/wire.md §11).
PING_EVERY, SILENCE = 30.0, 60.0

#: The address of a UDP user: (IP text, port).
User: TypeAlias = tuple[str, int]


class PacketStream:
    """The receiver of a connection that carries datagrams.

    Datagrams that come while the connection is full are dropped, newest first, as UDP does; what waits is limited by
    the stream's own marks. ``received`` gets the packets of one wake-up; ``lost`` is called once at the end.
    """

    __slots__ = (
        "_decoder",
        "_encode",
        "_full",
        "_lost",
        "_received",
        "_timer",
        "codec",
        "last_heard",
        "stream",
    )

    def __init__(
        self,
        stream: Stream,
        codec: Codec,
        received: Callable[[list[UDPPacket]], None],
        lost: Callable[[], None],
    ) -> None:
        self.stream = stream
        self.codec = codec
        self.last_heard = asyncio.get_running_loop().time()
        self._decoder = codec.decoder()
        self._encode = encode_udp if codec.name == "v1" else self._encode_any
        self._received = received
        self._lost: Callable[[], None] | None = lost
        self._full = False
        self._timer: asyncio.TimerHandle | None = None
        stream.attach(self)

    def send(self, datagrams: list[tuple[bytes, User]]) -> None:
        """Send datagrams of, or for, their users; longer ones than a peer may accept are dropped."""
        if self._full or self._lost is None:
            return
        encode, longest = self._encode, self.codec.max_frame
        frames = [encode(data, user[0], user[1]) for data, user in datagrams]
        self.stream.write(b"".join([frame for frame in frames if len(frame) <= longest]))

    def keep_alive(self) -> None:
        """Ping every :data:`PING_EVERY` seconds from now on."""
        self._timer = asyncio.get_running_loop().call_later(PING_EVERY, self._ping)

    def end_when_silent(self) -> None:
        """End the connection after :data:`SILENCE` seconds without anything from the peer."""
        self._check_silence()

    def close(self) -> None:
        """End the connection; ``lost`` is not called."""
        self._lost = None
        self._stop_timer()
        self.stream.close()

    # Receiver

    def data_received(self, data: Buffer, /) -> None:
        self.last_heard = asyncio.get_running_loop().time()
        try:
            messages = self._decoder.receive_data(data)
        except ProtocolError:
            self.stream.abort()
            self._end()
            return
        packets = [message for message in messages if isinstance(message, UDPPacket)]
        if packets:
            self._received(packets)

    def eof_received(self) -> None:
        self.stream.close()

    def connection_lost(self, exc: Exception | None, /) -> None:
        self._end()

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False

    # Private

    def _encode_any(self, data: bytes, ip: str, port: int) -> bytes:
        address = UDPAddress(ip=ip, port=port)
        return self.codec.encode(UDPPacket(content=data, remote_addr=address))

    def _ping(self) -> None:
        self.stream.write(self.codec.encode(Ping()))
        self.keep_alive()

    def _check_silence(self) -> None:
        loop = asyncio.get_running_loop()
        left = self.last_heard + SILENCE - loop.time()
        if left <= 0:
            self.stream.abort()
            self._end()
        else:
            self._timer = loop.call_later(left + 0.01, self._check_silence)

    def _end(self) -> None:
        self._stop_timer()
        lost, self._lost = self._lost, None
        if lost is not None:
            lost()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def user_of(packet: UDPPacket) -> User | None:
    """The user a packet is of or for; ``None`` when the peer sent no usable address."""
    address = packet.remote_addr
    if address is None or not 0 < address.port <= 65535 or not is_address(address.ip):
        return None
    return address.ip, address.port
