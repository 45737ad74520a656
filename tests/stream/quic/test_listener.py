"""QUIC's UDP port among strangers: versions, proofs of address, limits, floods."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from qh3.quic.configuration import QuicConfiguration

from aiofrp.errors import TimedOut
from aiofrp.stream.quic import dial as quicdial
from aiofrp.stream.quic.core.connection import QuicCore
from aiofrp.stream.quic.listener import _runs
from aiofrp.stream.udp.socket import Piece
from aiofrp.wire.quic.header import MIN_INITIAL, parse_long
from tests.stream.quicrig import Rig, connected
from tests.support.ends import until

Make = Callable[..., Rig]


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    """Makes listeners with some limits."""
    rigs: list[Rig] = []

    def made(**limits: Any) -> Rig:
        rigs.append(Rig(**limits))
        return rigs[-1]

    yield made
    for rig in rigs:
        rig.dispose()
    await until(lambda: all(end.lost for rig in rigs for end in rig.ends))
    for rig in rigs:
        for end in rig.ends:
            end.check()


def initial(version: bytes = b"\0\0\0\x01", size: int = MIN_INITIAL, first: int = 0xC0) -> bytes:
    """A datagram that looks like a client's first; nobody can read what is in it."""
    head = bytes((first,)) + version + b"\x08" + os.urandom(8) + b"\x08" + os.urandom(8) + b"\0"
    return head + os.urandom(size - len(head))


def address(number: int) -> tuple[str, int]:
    """One of many on the loopback network, where nobody listens."""
    return f"127.{1 + number % 7}.{number // 7 % 200}.1", 1024 + number // 1400


def feed(rig: Rig, datagrams: list[bytes], start: int = 0) -> None:
    """As if they had come from as many addresses: nobody can send under these here."""
    arrived: list[Piece] = [(data, len(data), address(start + i)) for i, data in enumerate(datagrams)]
    rig.listener._received(arrived)


async def works(rig: Rig) -> None:
    """A new client gets through."""
    session = await rig.dial()
    end = rig.open(session, b"word")
    await until(lambda: rig.streams and rig.ends[-1].data == b"word")
    rig.ends[-1].write(b"answer")
    await until(lambda: end.data == b"answer")


# Versions and addresses


async def test_an_unknown_version_is_answered_with_the_known_one(make: Make) -> None:
    rig = make()
    loop = asyncio.get_running_loop()
    with connected(rig.listener.address) as sock:
        sock.send(initial(b"\x6b\x33\x43\xcf"))
        answer = await loop.sock_recv(sock, 2048)
    header = parse_long(answer)
    assert header is not None
    assert header.version == 0
    assert answer[-4:] == b"\0\0\0\x01"
    assert not len(rig.listener)


async def test_answers_to_unknown_versions_are_limited(make: Make) -> None:
    rig = make(answers_per_second=3)
    with connected(rig.listener.address) as sock:
        for _ in range(10):
            sock.send(initial(b"\x6b\x33\x43\xcf"))
        await works(rig)
        got = 0
        while True:
            try:
                sock.recv(2048)
            except BlockingIOError:
                break
            got += 1
    assert 1 <= got <= 6  # a second may have turned in between


@pytest.mark.parametrize(
    "datagram",
    [
        b"\x40",
        initial(first=0x40),
        initial(size=MIN_INITIAL - 1),
        initial(first=0xE0),
        b"\xc0" + bytes(1300),
        bytes(1501),
    ],
    ids=["one byte", "short header", "too short", "handshake", "zeros", "too long"],
)
async def test_nothing_else_begins_a_connection(make: Make, datagram: bytes) -> None:
    rig = make()
    with connected(rig.listener.address) as sock:
        sock.send(datagram)
        await works(rig)
    assert len(rig.listener) == 1


async def test_under_pressure_a_client_must_prove_its_address(make: Make) -> None:
    rig = make(free_handshakes=0)
    await works(rig)
    assert rig.server.core._retry_source_connection_id is not None


@pytest.mark.parametrize("free", [0, 64], ids=["proven", "at once"])
async def test_a_client_without_connection_ids(
    make: Make, monkeypatch: pytest.MonkeyPatch, free: int
) -> None:
    """The reference's clients have none: they tell their connections apart by their sockets."""

    class Nameless(QuicCore):
        def __init__(self, configuration: QuicConfiguration, *args: Any, **more: Any) -> None:
            configuration.connection_id_length = 0
            super().__init__(configuration, *args, **more)
            self._original_destination_connection_id = os.urandom(12)

    rig = make(free_handshakes=free)
    monkeypatch.setattr(quicdial, "QuicCore", Nameless)
    await works(rig)


async def test_a_forged_token_proves_nothing(make: Make) -> None:
    rig = make(free_handshakes=0)
    head = b"\xc0\0\0\0\x01\x08" + bytes(8) + b"\x08" + bytes(8)
    with connected(rig.listener.address) as sock:
        sock.send(head + b"\x20" + bytes(32) + bytes(MIN_INITIAL))
        answer = await asyncio.get_running_loop().sock_recv(sock, 2048)
    assert answer[0] & 0xF0 == 0xF0  # another Retry
    assert not len(rig.listener)


# Limits


async def test_connections_are_limited_in_all(make: Make) -> None:
    rig = make(connections=2)
    for _ in range(2):
        await works(rig)
    with pytest.raises(TimedOut):
        await rig.dial(timeout=0.1)
    rig.sessions[0].close()
    await until(lambda: len(rig.listener) == 1)
    await works(rig)


async def test_connections_are_limited_by_source(make: Make) -> None:
    rig = make(connections_per_source=2)
    datagrams = [initial() for _ in range(5)]
    rig.listener._received([(data, len(data), ("127.1.1.1", 5000 + i)) for i, data in enumerate(datagrams)])
    assert len(rig.listener) == 2
    feed(rig, [initial()])
    assert len(rig.listener) == 3
    rig.listener.abort()
    assert not rig.listener._by_source
    assert not rig.listener._by_cid


async def test_a_handshake_takes_only_so_long(make: Make) -> None:
    rig = make(handshake_seconds=0.05)
    feed(rig, [initial()])
    assert len(rig.listener) == 1
    await until(lambda: not len(rig.listener))


async def test_a_flood_is_bounded_and_leaves_the_good_alone(make: Make) -> None:
    """First datagrams that nobody can read from twenty thousand addresses, between a connection's own."""
    rig = make(handshakes=32, free_handshakes=8)
    session = await rig.dial()
    good = rig.open(session, b"before")
    await until(lambda: rig.streams)
    user = rig.ends[-1]
    user.on_data = lambda data: user.write(bytes(data))
    for turn in range(40):
        feed(rig, [initial() for _ in range(500)], start=turn * 500)
        assert len(rig.listener) <= 1 + 8
        good.write(b".")
        await asyncio.sleep(0)
    await until(lambda: good.data == b"." * 40)
    await works(rig)  # with a proof of its address


async def test_garbage_for_a_connection_is_ignored(make: Make) -> None:
    rig = make()
    session = await rig.dial()
    end = rig.open(session, b"word")
    await until(lambda: rig.streams)
    (cid,) = [cid for cid in rig.listener._by_cid if cid == rig.server.core.host_cid]
    with connected(rig.listener.address) as sock:
        for size in (10, 50, 1200):
            sock.send(b"\x40" + cid + os.urandom(size))
            sock.send(b"\xc0\0\0\0\x01\x08" + cid + b"\0" + os.urandom(size))
        end.write(b" and more")
        await until(lambda: rig.ends[-1].data == b"word and more")


# Closing


async def test_a_closed_listener_takes_nobody_and_keeps_what_it_has(make: Make) -> None:
    rig = make()
    session = await rig.dial()
    end = rig.open(session, b"word")
    await until(lambda: rig.streams)
    rig.listener.close()
    with pytest.raises(TimedOut):
        await rig.dial(timeout=0.1)
    end.write(b" and more")
    await until(lambda: rig.ends[-1].data == b"word and more")


async def test_draining_says_farewell(make: Make) -> None:
    rig = make()
    session = await rig.dial()
    end = rig.open(session, b"word")
    await until(lambda: rig.streams)
    await rig.listener.drain(2.0)
    await until(lambda: end.lost)
    assert session.lost
    assert not len(rig.listener)


def test_what_one_read_gave_is_for_one_connection_or_more() -> None:
    one, two, long = b"\x40" + b"1" * 8, b"\x40" + b"2" * 8, b"\xc0" + b"1" * 8
    assert _runs(b"", 9) == []
    assert _runs(one, 9) == [(0, 9)]
    assert _runs(one * 3 + one[:5], 9) == [(0, 27), (27, 32)]
    assert _runs(one * 2 + two + one, 9) == [(0, 18), (18, 27), (27, 36)]
    assert _runs(one + long + long, 9) == [(0, 9), (9, 18), (18, 27)]
