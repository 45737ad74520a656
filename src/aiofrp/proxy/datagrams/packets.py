"""Datagrams as messages on a work or visitor connection, for udp and sudp (docs/protocol/wire.md §11)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeAlias

from aiofrp.aio import check_at
from aiofrp.errors import ProtocolError
from aiofrp.stream.base import Buffer, Stream
from aiofrp.stream.udp.losses import Losses
from aiofrp.wire.addresses import is_address
from aiofrp.wire.frp.codec import Codec
from aiofrp.wire.frp.messages import Ping, UDPAddress, UDPPacket
from aiofrp.wire.frp.udppacket import MAX_DATAGRAM, MAX_MESSAGE, encode_udp, longest_datagram, longest_frame

#: Seconds between the client's pings, and of silence after which a connection counts as dead
#: (docs/protocol/wire.md §11).
PING_EVERY, SILENCE = 30.0, 60.0

#: The address of a UDP user: (IP text, port).
User: TypeAlias = tuple[str, int]


class PacketStream:
    """The receiver of ``stream``, a connection that carries datagrams as messages of ``codec``, from :meth:`start` on.

    Datagrams that come while the connection is full are dropped, newest first, as UDP does; what waits is limited by
    the stream's own marks. ``received`` gets the packets of one wake-up; ``lost`` is called once at the end, unless
    :meth:`close` was called before. ``accepted``: bytes of the longest message the peer takes, as it said itself, or 0.
    """

    __slots__ = (
        "_codec",
        "_decoder",
        "_encode",
        "_full",
        "_last_received",
        "_longest",
        "_losses",
        "_lost",
        "_now",
        "_received",
        "_stream",
        "_timer",
    )

    def __init__(
        self,
        stream: Stream,
        codec: Codec,
        received: Callable[[list[UDPPacket]], None],
        lost: Callable[[], None],
        losses: Losses,
        accepted: int = 0,
    ) -> None:
        self._stream = stream
        self._codec = codec
        self._losses = losses
        self._longest = longest_frame(codec, accepted)
        self._decoder = codec.decoder()
        self._decoder.longest = MAX_MESSAGE
        self._encode = encode_udp if codec.name == "v1" else self._encode_any
        self._received = received
        self._lost: Callable[[], None] | None = lost
        self._full = False
        self._now = asyncio.get_running_loop().time
        self._last_received = self._now()
        self._timer: asyncio.TimerHandle | None = None

    def start(self, *, pings: bool) -> None:
        """Receive from now on. ``pings``: send a Ping every :data:`PING_EVERY` seconds, as frpc does for a proxy;
        otherwise end the connection after :data:`SILENCE` seconds without anything from the peer.

        The constructor does not do this, so that the caller can store the object before ``lost`` can be called.
        """
        if pings:
            self._ping_later()
        else:
            self._check_silence(self._last_received)
        self._stream.attach(self)

    def send(self, datagrams: list[tuple[bytes, User]]) -> None:
        """Send datagrams of, or for, their users; longer ones than a peer may accept are dropped."""
        if self._full or self._lost is None:
            why = "the connection to the other side is full" if self._full else "the connection has ended"
            self._losses.lost("full" if self._full else "ended", why, len(datagrams))
            return
        encode, longest = self._encode, self._longest
        frames = [encode(data, user[0], user[1]) for data, user in datagrams]
        fitting = [frame for frame in frames if len(frame) <= longest]
        if len(fitting) != len(frames):
            too_long(self._losses, self._codec, longest, len(frames) - len(fitting))
        self._stream.write(b"".join(fitting))

    def close(self) -> None:
        """End the connection; ``lost`` is not called."""
        self._lost = None
        self._stop_timer()
        self._stream.close()

    # Receiver

    def data_received(self, data: Buffer, /) -> None:
        self._last_received = self._now()
        try:
            messages = self._decoder.receive_data(data)
        except ProtocolError as exc:
            self._losses.log.seldom.warning("a connection with datagrams is closed: %s", exc)
            self._stream.abort()
            self._end()
            return
        packets = [message for message in messages if isinstance(message, UDPPacket)]
        if packets:
            self._received(packets)

    def eof_received(self) -> None:
        self._stream.close()

    def connection_lost(self, exc: Exception | None, /) -> None:
        self._end()

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False

    # Private

    def _encode_any(self, data: bytes, ip: str, port: int) -> bytes:
        address = UDPAddress(ip=ip, port=port)
        return self._codec.encode(UDPPacket(content=data, remote_addr=address))

    def _ping_later(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(PING_EVERY, self._ping)

    def _ping(self) -> None:
        self._stream.write(self._codec.encode(Ping()))
        self._ping_later()

    def _check_silence(self, now: float) -> None:
        due = self._last_received + SILENCE
        if now >= due:
            self._stream.abort()
            self._end()
        else:
            self._timer = check_at(due, self._check_silence)

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


def hold(
    waiting: list[tuple[bytes, User]], datagrams: list[tuple[bytes, User]], most: int, losses: Losses
) -> None:
    """Keep ``datagrams`` until there is a connection, as long as ``most`` wait; later ones are lost."""
    fitting = most - len(waiting)
    waiting += datagrams[:fitting]
    if len(datagrams) > fitting:
        why = f"{most} are waiting for a connection to the other side"
        losses.lost("waiting", why, len(datagrams) - fitting)


def too_long(losses: Losses, codec: Codec, accepted: int, count: int) -> None:
    """``count`` datagrams were longer than a peer that takes ``accepted`` bytes may be sent."""
    losses.lost("too_long", f"longer than {limit_text(codec, accepted)}", count)


def limit_text(codec: Codec, accepted: int = 0) -> str:
    """The longest datagram, for people, and what carries longer ones."""
    limit = longest_datagram(codec, accepted)
    more = '; transport.wireProtocol = "v2" carries more' if codec.name == "v1" else ""
    return f"{limit} bytes, the most that frp takes in wire protocol {codec.name}{more}"


def warn_of_limit(losses: Losses, codec: Codec, accepted: int, size: int) -> None:
    """Say when a connection begins that it does not carry datagrams of ``size`` bytes, which the file allows."""
    if min(size, MAX_DATAGRAM) > longest_datagram(codec, accepted):
        losses.say_once(
            "udpPacketSize is %d, but datagrams are lost that are longer than %s",
            size,
            limit_text(codec, accepted),
        )
