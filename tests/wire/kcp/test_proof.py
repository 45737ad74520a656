"""What KCP sends to an address nobody proved: at most three times what came, whatever comes; and whoever is there gets
all of it as fast as without the limit."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.kcp.core import KcpCore
from aiofrp.wire.kcp.fec import FecEncoder
from aiofrp.wire.kcp.proof import FACTOR, MOST_TIMES, Proof
from aiofrp.wire.kcp.segment import ACK, FIN, MSS, PUSH, WASK, WINS
from tests.wire.kcplink import Link, Side, pair, segment

#: Bytes an answering side wants to send: the certificates of a TLS handshake, and much more than that.
CHAIN, MUCH = 6_000, 400_000
#: Milliseconds a conversation lives without an answer, and more.
LIFE = 60_000
NEVER = 15_000

Shape = Callable[[random.Random], Iterator[tuple[int, list[bytes]]]]


def once(dice: random.Random) -> Iterator[tuple[int, list[bytes]]]:
    """One datagram with a hello in it, and silence."""
    yield 0, [segment(PUSH, data=dice.randbytes(300))]


def one_byte(dice: random.Random) -> Iterator[tuple[int, list[bytes]]]:
    """The smallest opening there is."""
    yield 0, [segment(PUSH, data=b"\x17")]


def questions(dice: random.Random) -> Iterator[tuple[int, list[bytes]]]:
    """A hello, then whatever KCP answers: questions, ends, data out of order and again, openings of the window."""
    yield 0, [segment(PUSH, data=dice.randbytes(300))]
    for number in range(2000):
        command = dice.choice((WASK, FIN, PUSH, PUSH, WINS))
        data = dice.randbytes(dice.randrange(3)) if command == PUSH else b""
        yield (
            5 * number,
            [segment(command, sn=dice.randrange(40), una=dice.randrange(4), data=data)] * dice.randint(1, 9),
        )


def guesses(dice: random.Random) -> Iterator[tuple[int, list[bytes]]]:
    """A hello, then acknowledgements with times that are guessed, so that all is sent again and again."""
    yield 0, [segment(PUSH, data=dice.randbytes(300))]
    for number in range(1500):
        acks = [segment(ACK, sn=dice.randrange(9), stamp=dice.getrandbits(32)) for _ in range(9)]
        yield 10 * number, acks


SHAPES: list[Shape] = [once, one_byte, questions, guesses]


@pytest.mark.parametrize("size", [0, CHAIN, MUCH])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("ends", [False, True], ids=["stays", "ends"])
def test_at_most_three_times_is_sent_to_a_spoofed_address(shape: Shape, size: int, ends: bool) -> None:
    dice = random.Random(size)
    side = Side(KcpCore(7, 0, clock=dice.getrandbits(32), answering=True))
    attacker = FecEncoder()
    came = left = 0

    def look(now: int) -> None:
        nonlocal left
        left += sum(map(len, side.leave(now)))
        assert left <= FACTOR * came, f"{left} bytes for {came}"

    def idle(now: int, until: int) -> None:
        wakes = 0
        while (now := side.core.next_timeout(now + 1)) < until and not side.core.dead(now):
            wakes += 1
            look(now)
        assert wakes < 200, "it wakes for nothing"

    now = 0
    for at, segments in shape(dice):
        idle(now, at)
        now = at
        for datagram in attacker.encode([b"".join(segments)], now):
            came += len(datagram)
            try:
                side.arrive(datagram, now)
            except RemoteProtocolError:
                continue
        if now == 0 and size:
            side.write(dice.randbytes(size))
        if now == 0 and ends:
            side.core.finish()
        look(now)
    idle(now, now + LIFE)
    assert not side.core.proven
    assert left, "there is something to measure"


@pytest.mark.parametrize("hello", [1, 40, 300, 1700])
@pytest.mark.parametrize("size", [100, CHAIN, MUCH])
def test_whoever_is_there_waits_one_round_trip_more_at_most(hello: int, size: int) -> None:
    took = [handshake(hello, size, answering=answering) for answering in (False, True)]
    assert took[1] <= took[0] + 2 * 20 + 1, took


@pytest.mark.parametrize("loss", [0.05, 0.1, 0.2])
@pytest.mark.parametrize("hello", [100, 300, 1700])
def test_lost_datagrams_cost_no_conversation_and_little_time(loss: float, hello: int) -> None:
    """The bytes of an opening are soon used up where much gets lost; questions go on."""
    took = [
        sorted(handshake(hello, CHAIN, answering=answering, loss=loss, seed=seed) for seed in range(40))
        for answering in (False, True)
    ]
    middle, late = 20, 36
    assert took[1][middle] <= took[0][middle] + 100, took
    assert took[1][late] <= took[0][late] + 200, took
    assert took[1][-1] < 5_000, took


@pytest.mark.parametrize("delay", [(20, 20), (150, 150), (300, 300), (20, 400)], ids=str)
def test_the_proof_needs_no_data_and_no_short_path(delay: tuple[int, int]) -> None:
    """What has nothing to say (a pooled work connection) is proved by the time it has."""
    a, b = pair(answering=True)
    link = Link(a, b, delay=delay)
    a.write(b"hello")
    link.run(until=4 * delay[1])
    assert b.core.proven
    assert b.core._proof is None


def handshake(hello: int, size: int, *, answering: bool, loss: float = 0.0, seed: int = 1) -> int:
    """Milliseconds until a hello of some bytes is answered in full."""
    a, b = pair(answering=answering)
    link = Link(a, b, loss=loss, seed=seed)
    data = random.Random(seed).randbytes(size)
    a.write(bytes(hello))
    said = False
    while len(a.received) < size and link.now < NEVER:
        if not said and len(b.received) == hello:
            said = True
            b.write(data)
        link.run(until=link.now + 1)
    assert link.now == NEVER or a.received == data
    return link.now


def test_a_reader_that_is_there_is_asked_once() -> None:
    core = KcpCore(7, 0, clock=77, answering=True)
    core.receive_data(segment(PUSH, data=b"hello"), 0)
    core.count(37)
    (packet,) = core.data_to_send(0)
    assert packet == segment(ACK, una=1) + segment(PUSH, sn=0xFFFFFFFF, una=1, stamp=77)
    assert core.data_to_send(400) == []
    core.receive_data(segment(ACK, sn=0xFFFFFFFF, stamp=77), 401)
    assert core.proven


def test_who_dialled_is_not_limited() -> None:
    core = KcpCore(7, 0)
    core.send(bytes(MUCH))
    assert len(core.data_to_send(0)) == 128
    assert not core.proven


def test_times_that_prove_are_few() -> None:
    proof = Proof(0, limited=True)
    for time in range(1000):
        proof.sent(time, time)
    assert [time for time in range(2000) if proof.echoed(time)] == list(range(1000 - MOST_TIMES, 1000))


def test_data_leave_something_for_questions() -> None:
    core = KcpCore(7, 0, clock=9, answering=True)
    core.receive_data(segment(PUSH, data=b"hello"), 0)
    core.count(500)
    core.send(bytes(10 * MSS))
    core.data_to_send(0)
    asked = [now for now in range(1, 20_000) if core.data_to_send(now)]
    assert asked == [200, 400, 650, 962, 1352]
    core.receive_data(segment(ACK, sn=0, una=1, stamp=9), 20_000)
    assert len(core.data_to_send(20_000)) == 10
