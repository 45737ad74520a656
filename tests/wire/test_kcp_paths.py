"""Two KCP cores over good and bad paths."""

from __future__ import annotations

import random

import pytest

from aiofrp.wire.kcp.pace import MAX_WINDOW, MIN_WINDOW, WIDE_WINDOW
from aiofrp.wire.kcp.segment import MSS
from tests.wire.kcplink import Link, Side, pair


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def test_the_window_opens_while_nothing_is_lost() -> None:
    a, b = pair()
    link = Link(a, b)
    a.write(noise(9_000_000))
    link.run()
    assert a.core._pace.window == MAX_WINDOW
    assert not a.core.lossy


def test_the_window_closes_when_much_is_lost() -> None:
    a, b = pair()
    link = Link(a, b)
    a.write(noise(9_000_000))
    link.run(link.now + 300)
    link.loss = 0.6
    link.run(link.now + 10_000)
    assert a.core._pace.window == MIN_WINDOW
    assert a.core.lossy


def test_a_short_queue_on_the_path_is_not_overrun() -> None:
    """A whole window at once would lose a third of itself there, again and again."""
    a, b = pair()
    link = Link(a, b, loss=0.02, rate=60, queue=180)
    data = noise(12_000_000)
    a.write(data)
    link.run()
    assert bytes(b.received) == data
    assert link.overrun < a.datagrams // 200
    assert link.now < 1000  # 1024 segments in 40 ms, and a begin: 33 MB/s, and less before that


def test_losses_hardly_slow_a_transfer() -> None:
    """2 % lost, 20 ms each way: parity fills the gaps before their round trip is over."""
    a, b = pair(send_window=WIDE_WINDOW, receive_window=WIDE_WINDOW)
    link = Link(a, b, loss=0.02)
    data = noise(8_000_000)
    a.write(data)
    link.run()
    assert bytes(b.received) == data
    assert link.now < 600, link.now  # about ten round trips to open the window, then 60 MB/s
    assert a.datagrams < 1.4 * len(data) / MSS


def test_a_reader_who_stops_stops_the_sender() -> None:
    a, b = pair(receive_window=64)
    link = Link(a, b)
    b.reading = False
    data = noise(1_000_000)
    a.write(data)
    link.run(link.now + 60_000)
    assert 64 * MSS <= len(b.received) <= 2 * 64 * MSS
    b.read_on()
    link.run()
    assert bytes(b.received) == data


@pytest.mark.parametrize("lost", [1, 2])
def test_the_news_of_an_open_window_may_get_lost(lost: int) -> None:
    """It is told three times, so the sender need not wait for its own question."""
    a, b = pair(receive_window=64)
    link = Link(a, b)
    b.reading = False
    a.write(noise(1_000_000))
    link.run(link.now + 1000)
    b.read_on()
    link.loss = 1.0
    link.run(link.now + 100 * lost - 50)
    link.loss = 0.0
    link.run(limit=5000)
    assert len(b.received) == 1_000_000


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("loss", [0.0, 0.05, 0.2])
@pytest.mark.parametrize("delay", [(20, 20), (5, 60)], ids=["steady", "swapping"])
def test_everything_arrives_in_order(seed: int, loss: float, delay: tuple[int, int]) -> None:
    dice = random.Random(seed)
    a, b = pair(start=seed * 1000)
    link = Link(a, b, seed=seed, loss=loss, twice=0.05, delay=delay, start=seed * 1000)
    to_b, to_a = noise(400_000, seed), noise(150_000, seed + 100)
    at_a = at_b = 0
    while at_a < len(to_b) or at_b < len(to_a):
        step = dice.choice((1, 100, 5000, 60_000))
        a.write(to_b[at_a : at_a + step])
        b.write(to_a[at_b : at_b + step // 3])
        at_a, at_b = at_a + step, at_b + step // 3
        link.run(link.now + dice.randint(0, 30))
    a.core.finish()
    b.core.finish()
    link.run()
    assert bytes(b.received) == to_b
    assert bytes(a.received) == to_a
    assert a.core.eof
    assert b.core.eof
    assert a.core.finished
    assert b.core.finished


def test_a_clean_path_carries_nothing_twice() -> None:
    a, b = pair()
    a.write(noise(5_000_000))
    Link(a, b).run()
    least = -(-5_000_000 // MSS)
    assert len(b.received) == 5_000_000
    assert a.datagrams == least


def test_a_path_that_swaps_datagrams_is_learnt() -> None:
    a, b = pair()
    link = Link(a, b, delay=(10, 12))
    a.write(noise(5_000_000))
    link.run()
    before = a.datagrams
    a.write(noise(5_000_000))
    link.run()
    assert a.datagrams - before < 1.2 * 5_000_000 / MSS
    assert not a.core.lossy


def test_losses_cost_their_share_and_parity() -> None:
    a, b = pair()
    a.write(noise(5_000_000))
    Link(a, b, loss=0.05).run()
    assert len(b.received) == 5_000_000
    assert a.encoder.parity
    assert a.datagrams < 1.6 * 5_000_000 / MSS


def test_sequence_numbers_wrap() -> None:
    a, b = pair()
    for side in (a, b):
        side.core._flight.una = side.core._flight.sn = 0xFFFFFFF0
        side.core._receiver.next = 0xFFFFFFF0
    to_b, to_a = noise(200_000), noise(200_000, 2)
    a.write(to_b)
    b.write(to_a)
    Link(a, b, loss=0.1, twice=0.1, delay=(5, 60)).run()
    assert bytes(b.received) == to_b
    assert bytes(a.received) == to_a


def test_a_path_that_is_cut_and_heals() -> None:
    a, b = pair()
    link = Link(a, b)
    data = noise(2_000_000)
    a.write(data)
    link.run(link.now + 200)
    link.loss = 1.0
    link.run(link.now + 15_000)
    assert not a.core.dead(link.now)
    link.loss = 0.0
    link.run()
    assert bytes(b.received) == data


def test_a_round_trip_takes_what_the_path_takes() -> None:
    a, b = pair()
    link = Link(a, b, delay=(20, 20))
    a.write(b"ping")
    link.run(link.now + 20)
    assert bytes(b.received) == b"ping"
    b.write(b"pong")
    link.run(link.now + 20)
    assert bytes(a.received) == b"pong"
    link.run()
    assert (a.datagrams, b.datagrams) == (2, 2)  # the data, and an acknowledgement each


def test_two_sides_show_what_they_are() -> None:
    side: Side = pair()[0]
    assert "queued=0" in repr(side.core)
