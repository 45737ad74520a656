"""Datagrams on a connection, without sockets."""

from __future__ import annotations

import asyncio

import pytest

from aiofrp.errors import Closed
from aiofrp.proxy.datagrams.packets import SILENCE, PacketStream, User, user_of
from aiofrp.stream.base import Buffer, Receiver, Stream
from aiofrp.stream.memory import MemoryStream, memory_pair
from aiofrp.wire.frp.codec import V1, Codec
from aiofrp.wire.frp.codec2 import V2
from aiofrp.wire.frp.messages import Message, Ping, UDPAddress, UDPPacket
from aiofrp.wire.frp.udppacket import MAX_DATAGRAM, MAX_MESSAGE, longest_datagram
from tests.support.ends import End, until
from tests.support.losses import Counted

ALICE, BOB = ("192.0.2.1", 53), ("2001:db8::1", 65535)
CODECS = pytest.mark.parametrize("codec", [V1, V2], ids=["v1", "v2"])


class Side:
    """One end of a connection and what came of it."""

    def __init__(self, stream: Stream, codec: Codec = V1, *, pings: bool = False, accepted: int = 0) -> None:
        self.dropped = Counted()
        self.got: list[tuple[bytes, User | None]] = []
        self.losses = 0
        self.packets: PacketStream | None = None
        self.packets = made = PacketStream(stream, codec, self.received, self.lost, self.dropped, accepted)
        made.start(pings=pings)

    def received(self, packets: list[UDPPacket]) -> None:
        self.got += [(packet.content, user_of(packet)) for packet in packets]

    def lost(self) -> None:
        assert self.packets is not None, "stored before it can be lost"
        self.losses += 1
        self.packets = None

    def send(self, *datagrams: tuple[bytes, User]) -> None:
        assert self.packets is not None
        self.packets.send(list(datagrams))


class EndsAtOnce(MemoryStream):
    """A stream that tells its receiver of the end while it is attached, which the contract forbids."""

    def __init__(self, exc: Exception | None = None) -> None:
        super().__init__(100)
        self.peer = self
        self._exc = exc
        self.written: list[Buffer] = []

    def write(self, data: Buffer, /) -> None:
        self.written.append(data)

    def attach(self, receiver: Receiver, /) -> None:
        receiver.eof_received()
        receiver.connection_lost(self._exc)


def messages(data: bytes, codec: Codec = V1) -> list[Message]:
    return codec.decoder().receive_data(data)


@CODECS
async def test_datagrams_arrive_with_their_users(codec: Codec) -> None:
    left, right = memory_pair(chunk=7)
    a, b = Side(left, codec, pings=True), Side(right, codec)
    sent = [(b"", ALICE), (b"one", BOB), (bytes(range(256)) * 4, ALICE)]
    a.send(*sent)
    b.send(*sent)
    await until(lambda: len(a.got) == len(b.got) == 3)
    assert a.got == b.got == sent
    assert a.packets is not None
    a.packets.close()
    await until(lambda: b.losses)
    await asyncio.sleep(0)
    assert (a.losses, b.losses) == (0, 1)


@CODECS
async def test_what_a_peer_may_not_accept_is_dropped(codec: Codec) -> None:
    left, right = memory_pair()
    a, b = Side(left, codec), Side(right, codec)
    a.send((bytes(codec.max_frame), ALICE), (b"short", BOB))
    await until(lambda: b.got)
    assert b.got == [(b"short", BOB)]
    left.abort()
    await until(lambda: a.losses and b.losses)


async def test_datagrams_for_a_full_connection_are_dropped() -> None:
    left, right = memory_pair()
    a = Side(left)
    b = End(right).attach()
    b.pause()
    datagram = (bytes(1000), ALICE)
    for _ in range(1000):
        a.send(datagram)
    b.resume()
    await until(lambda: not left._flight_size and not right._flight_size)
    came = len(messages(bytes(b.data)))
    assert 40 < came < 100
    a.send(datagram)
    await until(lambda: len(messages(bytes(b.data))) == came + 1)
    right.close()
    await until(lambda: a.losses and b.lost)


async def test_a_client_pings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aiofrp.proxy.datagrams.packets.PING_EVERY", 0.01)
    left, right = memory_pair()
    a = Side(left, pings=True)
    b = End(right).attach()
    await until(lambda: len(messages(bytes(b.data))) == 3)
    assert messages(bytes(b.data)) == [Ping()] * 3
    right.close()
    await until(lambda: a.losses and b.lost)
    assert a.losses == 1


async def test_a_silent_peer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aiofrp.proxy.datagrams.packets.SILENCE", 0.05)
    left, right = memory_pair()
    a = Side(left)
    b = End(right).attach()
    await until(lambda: a.losses and b.lost)
    assert isinstance(b.error, Closed)
    assert a.losses == 1


async def test_whatever_comes_ends_the_silence() -> None:
    left, right = memory_pair()
    a = Side(left)
    b = End(right).attach()
    packets, now = a.packets, asyncio.get_running_loop().time()
    assert packets is not None
    packets._last_received = now - SILENCE + 1  # as if that long ago
    b.write(V1.encode(Ping()))
    await until(lambda: packets._last_received >= now)
    packets._check_silence(now + SILENCE - 1)
    before = a.losses
    packets._check_silence(packets._last_received + SILENCE)
    assert (before, a.losses) == (0, 1)
    await until(lambda: b.lost)


async def test_a_peer_that_breaks_the_protocol_is_given_up() -> None:
    left, right = memory_pair()
    a = Side(left)
    b = End(right).attach()
    b.write(b"?")
    await until(lambda: a.losses and b.lost)
    await asyncio.sleep(0)
    assert a.losses == 1


@pytest.mark.parametrize("pings", [True, False])
@pytest.mark.parametrize("exc", [None, Closed("gone")], ids=["orderly", "error"])
async def test_a_connection_may_end_at_once(pings: bool, exc: Exception | None) -> None:
    """Nothing of it is left: ``lost`` finds the object stored, and no timer runs on."""
    stream = EndsAtOnce(exc)
    made = PacketStream(stream, V1, lambda packets: None, lambda: ended.append(True), Counted())
    ended: list[bool] = []
    made.start(pings=pings)
    assert ended == [True]
    assert made._timer is None
    made.send([(b"dropped", ALICE)])
    assert not stream.written


@pytest.mark.parametrize(
    ("address", "user"),
    [
        (UDPAddress(ip="192.0.2.1", port=53), ALICE),
        (UDPAddress(ip="2001:db8::1", port=65535), BOB),
        (None, None),
        (UDPAddress(ip="192.0.2.1", port=0), None),
        (UDPAddress(ip="192.0.2.1", port=65536), None),
        (UDPAddress(ip="example.com", port=53), None),
        (UDPAddress(ip="", port=53), None),
    ],
)
def test_the_user_of_a_packet(address: UDPAddress | None, user: User | None) -> None:
    assert user_of(UDPPacket(content=b"", remote_addr=address)) == user


@CODECS
async def test_datagrams_too_long_for_the_peer_are_counted(codec: Codec) -> None:
    one, other = memory_pair()
    a, b = Side(one, codec), Side(other, codec)
    assert a.packets is not None
    limit = longest_datagram(codec, 0)
    a.packets.send([(bytes(limit + 200), ALICE), (bytes(limit), BOB), (bytes(MAX_DATAGRAM), BOB)])
    await until(lambda: b.got)
    assert b.got == [(bytes(limit), BOB)]
    assert a.dropped.seen == {"too_long": 2}
    a.packets.close()
    a.packets.send([(b"x", ALICE)])
    assert a.dropped.seen == {"too_long": 2, "ended": 1}
    await until(lambda: b.losses)


@CODECS
async def test_a_peer_that_takes_more_gets_the_longest(codec: Codec) -> None:
    one, other = memory_pair()
    a, b = Side(one, codec, accepted=MAX_MESSAGE), Side(other, codec)
    assert a.packets is not None
    a.packets.send([(bytes(MAX_DATAGRAM), ALICE)])
    await until(lambda: b.got)
    assert b.got == [(bytes(MAX_DATAGRAM), ALICE)]
    a.packets.close()
    await until(lambda: b.losses)
    assert not a.dropped.seen
