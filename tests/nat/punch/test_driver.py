"""Holes punched on 127.0.0.1: both roles, extra sockets, TTL, and whoever else sends to the ports."""

from __future__ import annotations

import asyncio
import os
import random
import select
import socket
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from aiofrp.aio import Scope
from aiofrp.errors import TimedOut
from aiofrp.nat.punch import driver
from aiofrp.nat.punch.driver import Hole, punch
from aiofrp.nat.punch.plan import Plan
from aiofrp.stream.udp.listening import PerSecond
from aiofrp.wire.frp.messages import NatHoleSid, Pong
from aiofrp.wire.nathole.sid import SidCodec
from tests.support.ends import PATIENCE, until

SID = "1795314336aabbccdd00112233"
CODEC = SidCodec("secret")
HOST = "127.0.0.1"
IP_RECVTTL = 12  # of Linux; the socket module has no name for it


def udp() -> socket.socket:
    """A bound socket."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.bind((HOST, 0))
    return sock


def planned(peer: tuple[str, int] | None, *, sender: bool, wait: float = PATIENCE, sockets: int = 1) -> Plan:
    """A plan that sends to ``peer`` only."""
    return Plan(
        sid=SID,
        mode=0,
        sender=sender,
        delay=0.0,
        ttl=0,
        sockets=sockets,
        targets=(peer,) if peer else (),
        window=(),
        random_hosts=(),
        random_ports=0,
        wait=wait,
        peers=frozenset({HOST}),
    )


@pytest.fixture
def socks() -> Iterator[list[socket.socket]]:
    """Sockets that are closed at the end."""
    made = [udp() for _ in range(3)]
    yield made
    for sock in made:
        sock.close()


async def received(sock: socket.socket) -> tuple[NatHoleSid, tuple[str, int]]:
    """The next message to ``sock``, and who sent it."""
    data, _, source = await received_with_control(sock)
    return CODEC.decode(data), source


async def received_with_control(sock: socket.socket) -> tuple[bytes, list[Any], tuple[str, int]]:
    """The next datagram to ``sock``, its control messages, and who sent it."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                data, control, _, source = sock.recvmsg(2048, 64)
            except BlockingIOError:
                await asyncio.sleep(0.001)
            else:
                return data, control, source


@pytest.mark.both_loops
async def test_both_sides_meet(socks: list[socket.socket]) -> None:
    a, b, _ = socks
    holes = tuple(
        await asyncio.gather(
            punch(planned(b.getsockname(), sender=True), a, CODEC, "t1"),
            punch(planned(None, sender=False), b, CODEC, "t2"),
        )
    )
    assert holes == (Hole(a, b.getsockname()), Hole(b, a.getsockname()))


async def test_what_a_sender_sends_and_what_it_takes(socks: list[socket.socket]) -> None:
    """It ignores the receiver's own first datagram, and takes any answer."""
    ours, peer, _ = socks
    scope = Scope("test")
    task = scope.spawn(punch(planned(peer.getsockname(), sender=True), ours, CODEC, "t1"), "punch")
    assert task is not None
    message, source = await received(peer)
    assert (message.transaction_id, message.sid, message.response) == ("t1", SID, False)
    assert set(message.nonce) <= {"0"}
    peer.sendto(CODEC.encode(NatHoleSid(transaction_id="t2", sid=SID)), source)
    peer.sendto(CODEC.encode(NatHoleSid(transaction_id="t3", sid=SID, response=True)), source)
    peer.sendto(b"the first datagram of the tunnel", source)
    assert await task == Hole(ours, peer.getsockname())
    assert ours.recv(100) == b"the first datagram of the tunnel"  # nobody read it meanwhile
    await scope.close()


async def test_a_receiver_answers_once_with_the_same_names(socks: list[socket.socket]) -> None:
    ours, peer, _ = socks
    ask = NatHoleSid(transaction_id="t9", sid=SID, nonce="000")
    peer.sendto(CODEC.encode(ask), ours.getsockname())
    hole = await punch(planned(None, sender=False), ours, CODEC, "t1")
    assert hole.peer == peer.getsockname()
    message, source = await received(peer)
    assert (message.transaction_id, message.sid, message.response, message.nonce) == ("t9", SID, True, "000")
    assert source == ours.getsockname()
    with pytest.raises(BlockingIOError):
        peer.recv(100)


async def test_an_extra_socket_may_win(socks: list[socket.socket]) -> None:
    """The others are closed then, the one that STUN knows too."""
    ours, peer, _ = socks
    scope = Scope("test")
    task = scope.spawn(
        punch(planned(peer.getsockname(), sender=False, sockets=5), ours, CODEC, "t1"), "punch"
    )
    assert task is not None
    sources = [(await received(peer))[1] for _ in range(5)]
    assert len(set(sources)) == 5
    peer.sendto(CODEC.encode(NatHoleSid(transaction_id="t2", sid=SID)), sources[3])
    hole = await task
    assert hole.socket.getsockname()[1] == sources[3][1]
    assert ours.fileno() == -1
    hole.socket.close()
    await scope.close()


async def test_random_ports_are_sent_while_the_answer_is_awaited(
    socks: list[socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, peer, _ = socks
    monkeypatch.setattr(random, "randint", lambda low, high: peer.getsockname()[1] if low else 0)
    plan = replace(planned(None, sender=True), random_hosts=(HOST,), random_ports=1)
    scope = Scope("test")
    task = scope.spawn(punch(plan, ours, CODEC, "t1"), "punch")
    assert task is not None
    _, source = await received(peer)
    peer.sendto(CODEC.encode(NatHoleSid(transaction_id="t2", sid=SID, response=True)), source)
    assert (await task).peer == peer.getsockname()
    await scope.close()


async def test_the_ttl_is_for_one_datagram(socks: list[socket.socket]) -> None:
    ours, peer, _ = socks
    before = ours.getsockopt(socket.IPPROTO_IP, socket.IP_TTL)
    peer.setsockopt(socket.IPPROTO_IP, IP_RECVTTL, 1)
    scope = Scope("test")
    task = scope.spawn(
        punch(replace(planned(peer.getsockname(), sender=False), ttl=7), ours, CODEC, "t1"), "p"
    )
    assert task is not None
    data, control, source = await received_with_control(peer)
    assert int.from_bytes(control[0][2][:1], "little") == 7
    assert ours.getsockopt(socket.IPPROTO_IP, socket.IP_TTL) == before
    peer.sendto(CODEC.encode(NatHoleSid(transaction_id="t2", sid=SID)), source)
    await task
    assert CODEC.decode(data).sid == SID
    await scope.close()


async def test_nobody_comes(socks: list[socket.socket]) -> None:
    """Spoofed datagrams count for nothing: noise, another secret, another hole, another message."""
    ours, other, _ = socks
    for datagram in (
        b"",
        b"x",
        os.urandom(16),
        os.urandom(1400),
        SidCodec("another").encode(NatHoleSid(transaction_id="t", sid=SID, response=True)),
        CODEC.encode(NatHoleSid(transaction_id="t", sid=SID[:-1] + "4", response=True)),
        CODEC.encode(Pong()),  # type: ignore[arg-type]
    ):
        other.sendto(datagram, ours.getsockname())
    with pytest.raises(
        TimedOut, match=r"timeout: nothing came from the peer within 0\.2 s, but 7 other datagrams"
    ):
        await punch(planned(None, sender=False, wait=0.2), ours, CODEC, "t1")
    assert ours.fileno() == -1


async def test_a_cancelled_attempt_closes_its_sockets(socks: list[socket.socket]) -> None:
    ours, _, _ = socks
    scope = Scope("test")
    scope.spawn(punch(planned(None, sender=False, sockets=9), ours, CODEC, "t1"), "punch")
    await asyncio.sleep(0)
    await scope.close()
    assert ours.fileno() == -1


@pytest.mark.parametrize("known", [True, False])
async def test_a_flood_is_read_and_not_decrypted(
    known: bool, socks: list[socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    """20,000 or 100,000 datagrams: few are decrypted, and the peer still gets through afterwards."""
    ours, flooder, peer = socks
    decoded = 0

    class Counting(SidCodec):
        def decode(self, datagram: bytes) -> NatHoleSid:
            nonlocal decoded
            decoded += 1
            return super().decode(datagram)

    now = 0.0
    monkeypatch.setattr(driver, "PerSecond", lambda most: PerSecond(most, lambda: now))
    monkeypatch.setattr(driver, "KNOWN_PER_SECOND", 50)
    monkeypatch.setattr(driver, "OTHERS_PER_SECOND", 20)
    plan = planned(None, sender=False)
    plan = plan if known else replace(plan, peers=frozenset())
    scope = Scope("test")
    task = scope.spawn(punch(plan, ours, Counting("secret"), "t1"), "punch")
    assert task is not None
    noise = os.urandom(100)
    for _ in range(200 if known else 1000):
        for _ in range(100):
            flooder.sendto(noise, ours.getsockname())
        await asyncio.sleep(0)  # others on the loop get their turn
    assert decoded == (50 if known else 20)
    await until(lambda: is_empty(ours))
    now = 1.0
    peer.sendto(CODEC.encode(NatHoleSid(transaction_id="t2", sid=SID)), ours.getsockname())
    assert (await task).peer == peer.getsockname()
    await scope.close()


def is_empty(sock: socket.socket) -> bool:
    """Whether nothing waits to be read."""
    return not select.select([sock], [], [], 0)[0]
