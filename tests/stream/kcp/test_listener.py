"""KCP's UDP port among strangers: what opens a session, and what a flood costs."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable

import pytest

from aiofrp.stream.kcp import stream as kcp
from aiofrp.stream.udp.socket import Piece
from aiofrp.wire.kcp.fec import FecEncoder
from aiofrp.wire.kcp.segment import ACK, PUSH, RST
from tests.stream.kcprig import Rig, udp
from tests.support.ends import until
from tests.wire.kcplink import segment

Make = Callable[..., Rig]


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    """Makes listeners with some limits."""
    rigs: list[Rig] = []

    def made(**limits: int) -> Rig:
        rigs.append(Rig(**limits))
        return rigs[-1]

    yield made
    for rig in rigs:
        rig.dispose()
    await until(lambda: all(end.lost for rig in rigs for end in rig.ends))
    for rig in rigs:
        for end in rig.ends:
            end.check()


def first(conv: int = 7, *, data: bytes = b"word") -> bytes:
    """The first datagram of a conversation."""
    return FecEncoder().encode([segment(PUSH, conv=conv, data=data)], 0)[0]


def address(number: int) -> tuple[str, int]:
    """One of many on the loopback network, where nobody listens."""
    return f"127.{1 + number % 7}.{number // 7 % 200}.1", 1024 + number // 1400


def pieces(rig: Rig, numbers: range, *, conv: int | None = None) -> list[Piece]:
    """A first datagram from each of some addresses."""
    found = []
    for number in numbers:
        datagram = first(number if conv is None else conv)
        found.append((datagram, len(datagram), address(number)))
    return found


def feed(rig: Rig, arrived: list[Piece]) -> None:
    """As if they had come from the network: nobody can send under these addresses here."""
    rig.listener._received(arrived)


# What opens a session


@pytest.mark.parametrize("framed", [True, False], ids=["with header", "bare"])
async def test_data_with_number_0_opens_a_session(make: Make, framed: bool) -> None:
    rig = make()
    peer = rig.peer()
    peer.raw(first() if framed else segment(PUSH, data=b"word"))
    await until(lambda: rig.ends and rig.ends[0].data == b"word")
    assert rig.accepted[0].info("peername") == peer.sock.getsockname()
    assert rig.accepted[0].conv == 7


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        bytes(7),
        bytes(40),
        segment(PUSH, sn=1, data=b"x"),
        segment(ACK),
        segment(RST),
        segment(PUSH, data=b"word")[:-1],
        first()[:4] + b"\xf2\x00" + first()[6:],
        first(data=bytes(1500)),
    ],
    ids=["empty", "short", "zeros", "number 1", "ack", "reset", "cut", "parity", "too long"],
)
async def test_nothing_else_does(make: Make, datagram: bytes) -> None:
    rig = make()
    rig.peer().raw(datagram)
    good = rig.peer(8)
    good.send(b"good")
    await until(lambda: rig.ends)
    assert len(rig.listener) == 1
    assert rig.accepted[0].conv == 8


async def test_sessions_are_told_apart_by_address(make: Make) -> None:
    rig = make()
    peers = [rig.peer() for _ in range(5)]
    for number, peer in enumerate(peers):
        peer.send(b"%d" % number)
    await until(lambda: len(rig.ends) == 5)
    for end in rig.ends:
        end.write(bytes(end.data))
    await until(lambda: [bytes(peer.received) for peer in peers] == [b"0", b"1", b"2", b"3", b"4"])


async def test_another_conversation_takes_a_silent_address(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = make()
    peer = rig.peer(7)
    peer.send(b"old")
    await until(lambda: rig.ends)
    peer.raw(first(8))
    peer.send(b" and alive")
    await until(lambda: rig.ends[0].data == b"old and alive")
    assert len(rig.accepted) == 1
    monkeypatch.setattr(kcp, "SILENT", 0.0)
    peer.raw(first(8, data=b"new"))
    await until(lambda: len(rig.ends) == 2 and rig.ends[1].data == b"new")
    assert rig.ends[0].lost
    assert len(rig.listener) == 1


async def test_only_one_who_had_a_session_is_told_that_there_is_none(make: Make) -> None:
    """The answer is no longer than the question, and few are given."""
    rig = make(resets_per_second=3)
    peer = rig.peer()
    peer.raw(segment(PUSH, sn=1, data=b"x"))  # it may have overtaken the first
    for _ in range(10):
        peer.raw(segment(PUSH, sn=5, una=3))
    peer.raw(segment(ACK, sn=5))
    rig.peer(8).send(b"good")
    await until(lambda: rig.ends)
    await until(lambda: len(peer.commands) >= 3)
    assert peer.commands == [RST] * 3


async def test_a_closed_listener_takes_nobody_and_keeps_what_it_has(make: Make) -> None:
    rig = make()
    peer = rig.peer()
    peer.send(b"word")
    await until(lambda: rig.ends)
    rig.listener.close()
    rig.peer().send(b"late")
    peer.send(b" and more")
    await until(lambda: rig.ends[0].data == b"word and more")
    assert len(rig.accepted) == 1


async def test_draining_waits_for_last_words(make: Make) -> None:
    rig = make()
    peers = [rig.dial() for _ in range(3)]
    for peer in peers:
        peer.write(b"word")
    await until(lambda: len(rig.ends) == 3)
    for end in rig.ends:
        end.write(b"last words")
        end.close()
    for peer in peers:
        peer.on_eof = peer.close
    await rig.listener.drain(5.0)
    assert [bytes(peer.data) for peer in peers] == [b"last words"] * 3
    assert not len(rig.listener)


async def test_draining_drops_what_takes_too_long(make: Make) -> None:
    rig = make()
    peer = rig.dial()
    peer.write(b"word")
    await until(lambda: rig.ends)
    await rig.listener.drain(0.05)
    await until(lambda: peer.lost and rig.ends[0].lost)
    assert not len(rig.listener)


# Limits


async def test_sessions_are_limited_in_all(make: Make) -> None:
    rig = make(sessions=3)
    feed(rig, pieces(rig, range(10)))
    assert len(rig.listener) == 3
    rig.accepted[0].abort()
    feed(rig, pieces(rig, range(10, 12)))
    assert len(rig.listener) == 3


async def test_sessions_are_limited_by_source(make: Make) -> None:
    rig = make(sessions_per_source=2)
    datagram = first()
    arrived: list[Piece] = [(datagram, len(datagram), ("127.1.1.1", port)) for port in range(1024, 1034)]
    feed(rig, arrived)
    assert len(rig.listener) == 2
    feed(rig, [(datagram, len(datagram), ("127.1.1.2", 1024))])
    assert len(rig.listener) == 3
    for stream in list(rig.accepted):
        stream.abort()
    assert not rig.listener._by_source


async def test_under_pressure_a_peer_must_repeat_itself(make: Make) -> None:
    rig = make(unproven=8)
    feed(rig, pieces(rig, range(20)))
    assert len(rig.listener) == 4
    feed(rig, pieces(rig, range(19, 20)))
    assert [stream.conv for stream in rig.accepted] == [0, 1, 2, 3, 19]


async def test_the_oldest_unproven_peer_makes_room(make: Make) -> None:
    rig = make(unproven=8)
    feed(rig, [*pieces(rig, range(12)), *pieces(rig, range(12))])
    left = sorted(stream.conv for stream in rig.listener._sessions.values())
    assert left == [4, 5, 6, 7, 8, 9, 10, 11]
    assert [end.lost for end in rig.ends] == [True] * 4 + [False] * 8


async def test_under_pressure_only_so_many_get_in_each_second(make: Make) -> None:
    rig = make(unproven=8, admitted_per_second=3)
    feed(rig, [*pieces(rig, range(30)), *pieces(rig, range(30))])
    assert 7 <= len(rig.accepted) <= 4 + 2 * 3  # a second may have turned in between


async def test_proven_peers_do_not_count_as_strangers(make: Make) -> None:
    rig = make(unproven=4)
    peers = [rig.dial() for _ in range(12)]
    for number, peer in enumerate(peers):
        peer.write(b"word")
        await until(lambda number=number: len(rig.ends) > number)  # type: ignore[misc]
        rig.ends[number].write(b"answer")
        await until(lambda number=number: rig.accepted[number].proven)  # type: ignore[misc]
    assert not rig.listener._unproven
    assert len(rig.listener) == 12


async def test_who_is_still_here_after_a_while_counts_as_proven(make: Make) -> None:
    """A pooled work connection hears nothing from us for long; those above drop whoever did not introduce itself."""
    rig = make(unproven=4)
    feed(rig, pieces(rig, range(2)))
    for number in rig.listener._unproven:
        rig.listener._unproven[number] -= 15.0
    feed(rig, [*pieces(rig, range(2, 4)), *pieces(rig, range(2, 4))])
    assert len(rig.listener) == 4
    assert sorted(rig.listener._unproven) == sorted(address(number) for number in (2, 3))


async def test_a_flood_is_bounded_and_leaves_the_good_alone(make: Make) -> None:
    """Spoofed first datagrams from a hundred thousand addresses, at first many repeated, between a session's own."""
    rig = make(unproven=64, remembered=2048, unproven_seconds=3600.0)  # on a slow machine, too
    good = rig.dial()
    good.write(b"before")
    await until(lambda: rig.ends)
    user = rig.ends[0]
    user.write(b"before")
    user.on_data = lambda data: user.write(bytes(data))
    await until(lambda: good.data == b"before" and not rig.listener._unproven)
    late = None
    for turn in range(200):
        numbers = range(turn * 500, turn * 500 + 500)
        feed(rig, pieces(rig, numbers))
        if turn < 100:
            feed(rig, pieces(rig, numbers[:150]))
        assert len(rig.listener) <= 64 + 2
        assert len(rig.listener._seen) + len(rig.listener._seen_before) <= 2048
        good.write(b".")
        if turn == 150:
            late = rig.dial()
            late.write(b"me too")
        await asyncio.sleep(0)
    await until(lambda: good.data == b"before" + b"." * 200)
    assert not user.lost
    assert late is not None
    await until(lambda: any(end.data == b"me too" for end in rig.ends))


async def test_random_datagrams_are_cheap(make: Make) -> None:
    rig = make()
    sock = udp()
    sock.connect(rig.listener.address)
    rig.others.append(_Closing(sock))
    for number in range(3000):
        sock.send(struct.pack("<IHHIBBHIIII", number, 0xF1, 26, number, 81, 0, 1, 0, number + 1, 0, 0))
        if number % 100 == 0:
            await asyncio.sleep(0)
    good = rig.dial()
    good.write(b"good")
    await until(lambda: rig.ends and rig.ends[0].data == b"good")
    assert len(rig.listener) == 1


class _Closing:
    def __init__(self, sock: object) -> None:
        self.abort = sock.close  # type: ignore[attr-defined]
