"""A connection with packets: what is passed on, what waits and what is dropped."""

from __future__ import annotations

import pytest

from aiofrp.stream.memory import memory_pair
from aiofrp.vnet.connection import MOST_WAITING, PacketConnection
from aiofrp.vnet.turns import SHARE, PacketTurns
from aiofrp.wire.ippacket import MAX_PACKET
from aiofrp.wire.vnetframes import LENGTH, IpFrameDecoder
from tests.support.ends import End, settle, until
from tests.support.ippackets import framed, packet
from tests.support.losses import Counted

GOOD = packet("10.0.0.1", "10.0.0.2", b"data")


class Rig:
    """A connection, its far end, and what was called."""

    def __init__(self, cause: str = "") -> None:
        near, far = memory_pair()
        self.end = End(far).attach()
        self.losses = Counted()
        self.received: list[list[bytes]] = []
        self.ended: list[PacketConnection] = []
        self.connection = PacketConnection(near, self.losses, PacketTurns())
        self.connection.start(lambda pair: cause, self.received.append, self.ended.append)

    async def over(self) -> None:
        self.connection.abort()
        await until(lambda: self.ended)
        await until(lambda: self.end.lost)


async def test_packets_of_one_wake_up_come_together() -> None:
    rig = Rig()
    rig.end.write(framed(GOOD, GOOD, b"garbage", b"\x45"))
    await until(lambda: rig.received)
    assert rig.received == [[GOOD, GOOD]]
    assert rig.losses.seen == {"not_ip": 2}
    assert rig.connection.bytes_in == 2 * len(framed(GOOD)) + 11 + 5
    await rig.over()


async def test_many_small_packets_come_in_turns() -> None:
    rig = Rig()
    rig.end.write(framed(*[GOOD] * (2 * SHARE + 1)))
    await until(lambda: sum(map(len, rig.received)) == 2 * SHARE + 1)
    assert max(map(len, rig.received)) <= SHARE
    rig.end.write(framed(GOOD))
    await until(lambda: sum(map(len, rig.received)) == 2 * SHARE + 2)
    await rig.over()


async def test_it_may_end_while_packets_wait_for_their_turn() -> None:
    rig = Rig()
    rig.end.write(framed(*[GOOD] * 2000))
    await until(lambda: rig.received)
    rig.end.abort()
    await until(lambda: rig.ended)
    assert sum(map(len, rig.received)) <= 2000
    await until(lambda: rig.end.lost)


async def test_packets_that_are_not_admitted_are_counted() -> None:
    rig = Rig("wrong_source")
    rig.end.write(framed(GOOD, GOOD))
    await until(lambda: rig.losses.seen)
    assert rig.losses.seen == {"wrong_source": 2}
    assert not rig.received
    await rig.over()


async def test_packets_longer_than_any_are_counted_and_the_connection_goes_on() -> None:
    rig = Rig()
    rig.end.write(framed(bytes(MAX_PACKET + 1), GOOD))
    await until(lambda: rig.received)
    assert rig.received == [[GOOD]]
    assert rig.losses.seen == {"too_long": 1}
    await rig.over()


@pytest.mark.parametrize("size", [0, 0x100001, 0xFFFFFFFF])
async def test_a_wrong_length_ends_it_after_the_packets_before(
    size: int, caplog: pytest.LogCaptureFixture
) -> None:
    rig = Rig()
    rig.end.write(framed(GOOD) + LENGTH.pack(size))
    await until(lambda: rig.ended)
    assert rig.ended == [rig.connection]
    assert rig.received == [[GOOD]]
    assert "a connection with packets is closed: message" in caplog.text
    await until(lambda: rig.end.lost)


async def test_what_was_added_leaves_in_one_piece() -> None:
    rig = Rig()
    for _ in range(3):
        rig.connection.add(GOOD)
    await settle(lambda: rig.end.chunks)
    assert not rig.end.data
    rig.connection.flush()
    await until(lambda: rig.end.data)
    assert rig.end.data == framed(GOOD, GOOD, GOOD)
    assert rig.end.chunks == 1
    await rig.over()


async def test_a_full_connection_drops_the_newest_and_goes_on_later() -> None:
    rig = Rig()
    rig.end.pause()
    packets = [packet("10.0.0.1", "10.0.0.2", index.to_bytes(2) + bytes(1398)) for index in range(400)]
    for index in range(0, 400, 20):
        for data in packets[index : index + 20]:
            rig.connection.add(data)
        rig.connection.flush()
    waiting = rig.connection._size
    assert MOST_WAITING - 1420 < waiting <= MOST_WAITING
    lost = rig.losses.seen["full"]
    assert 0 < lost < 400
    rig.end.resume()
    decoder = IpFrameDecoder()
    expected = packets[: 400 - lost]
    await until(lambda: len(rig.end.data) == len(framed(*expected)))
    decoder.receive_data(bytes(rig.end.data))
    assert decoder.take(1000) == expected
    rig.connection.add(GOOD)
    rig.connection.flush()
    await until(lambda: rig.end.data.endswith(GOOD))
    await rig.over()


async def test_the_end_of_the_peer_is_the_end() -> None:
    rig = Rig()
    rig.end.write(framed(GOOD))
    rig.end.write_eof()
    await until(lambda: rig.ended)
    assert rig.received == [[GOOD]]
    await until(lambda: rig.end.lost)
