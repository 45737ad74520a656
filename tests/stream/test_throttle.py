"""Bandwidth limits: the arithmetic with time passed in, and streams that wait for each other."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.stream.memory import memory_pair
from aiofrp.stream.throttle import HIGH_WATER, Limit, TokenBucket
from tests.support.ends import End, until

KIB = 1024


# The arithmetic


def test_a_bucket_is_full_in_the_beginning_and_holds_one_second() -> None:
    bucket = TokenBucket(1000, now=5.0)
    assert bucket.take(4000, 5.0) == 1000
    assert bucket.take(1, 5.0) == 0
    assert bucket.wait(500) == pytest.approx(0.5)
    assert bucket.take(4000, 5.25) == 250
    assert bucket.take(4000, 99.0) == 1000


def test_nobody_waits_for_more_than_a_bucket_holds() -> None:
    bucket = TokenBucket(1000, now=0.0)
    assert bucket.take(1000, 0.0) == 1000
    assert bucket.wait(5_000) == pytest.approx(1.0)


@given(
    rate=st.integers(1, 10**9),
    steps=st.lists(st.tuples(st.floats(0, 10), st.integers(0, 10**7)), max_size=50),
)
def test_never_more_passes_than_a_burst_and_the_rate(rate: int, steps: list[tuple[float, int]]) -> None:
    bucket, now, passed = TokenBucket(rate, now=0.0), 0.0, 0
    for pause, wanted in steps:
        now += pause
        taken = bucket.take(wanted, now)
        assert 0 <= taken <= wanted
        passed += taken
        assert passed <= rate + rate * now + 1


@given(st.integers(1, 10**7), st.integers(1, 10**8))
def test_after_the_wait_the_bytes_may_pass(rate: int, wanted: int) -> None:
    bucket = TokenBucket(rate, now=0.0)
    bucket.take(rate, 0.0)
    assert bucket.take(wanted, bucket.wait(wanted) + 1e-6) >= min(rate, wanted) - 1


# Streams


def throttled(limit: Limit, chunk: int = 64 * KIB) -> tuple[End, End]:
    """A user of a throttled stream, and its peer."""
    near, far = memory_pair(chunk=chunk)
    return End(limit.throttle(near)).attach(), End(far).attach()


async def test_both_directions_and_all_streams_share_one_rate() -> None:
    limit = Limit(200 * KIB)
    began = asyncio.get_running_loop().time()
    pairs = [throttled(limit) for _ in range(3)]
    for a, b in pairs:
        a.write(bytes(40 * KIB))
        b.write(bytes(40 * KIB))
    await until(lambda: all(len(end.data) == 40 * KIB for pair in pairs for end in pair))
    # The loop counts milliseconds, and a difference of such numbers is not exact.
    assert round(asyncio.get_running_loop().time() - began, 3) >= (240 - 200) / 200
    for a, b in pairs:
        a.close()
        await until(lambda a=a, b=b: a.lost and b.lost)  # type: ignore[misc]  # mypy reads no defaults


async def test_a_large_stream_leaves_room_for_a_small_one() -> None:
    limit = Limit(100 * KIB)
    (a, b), (c, d) = throttled(limit), throttled(limit)
    a.write(bytes(160 * KIB))
    c.write(b"small")
    await until(lambda: d.data == b"small")
    assert len(b.data) < 160 * KIB
    for end in (a, c):
        end.abort()
    await until(lambda: all(end.lost for end in (a, b, c, d)))
    assert "waiting=0" in repr(limit)


async def test_bytes_keep_their_order_and_the_end_comes_last() -> None:
    limit = Limit(256 * KIB)
    data = bytes(range(256)) * KIB
    a, b = throttled(limit, chunk=1000)
    for start in range(0, len(data), 7000):
        a.write(data[start : start + 7000])
        b.write(data[start : start + 7000])
    a.write_eof()
    b.write_eof()
    await until(lambda: a.lost and b.lost)
    assert a.data == b.data == data
    assert a.error is None
    assert b.error is None
    a.check()
    b.check()


async def test_a_closed_stream_still_sends_what_waited() -> None:
    a, b = throttled(Limit(64 * KIB))
    a.write(bytes(80 * KIB))
    a.close()
    await until(lambda: a.lost)
    await until(lambda: b.lost)
    assert len(b.data) == 80 * KIB


async def test_a_writer_beyond_the_limit_is_paused() -> None:
    a, b = throttled(Limit(KIB))
    a.write(bytes(HIGH_WATER))
    assert not a.writing_paused
    a.write(bytes(2 * KIB))
    assert a.writing_paused
    a.abort()
    await until(lambda: a.lost and b.lost)


async def test_a_sender_beyond_the_limit_is_paused() -> None:
    a, b = throttled(Limit(KIB), chunk=KIB)
    for _ in range(200):
        b.write(bytes(KIB))
    assert b.writing_paused
    await until(lambda: len(a.data) == KIB)
    a.abort()
    await until(lambda: a.lost and b.lost)


async def test_whoever_leaves_waits_no_longer() -> None:
    limit = Limit(KIB)
    gone, stays = throttled(limit), throttled(limit)
    for a, b in (gone, stays):
        a.write(bytes(4 * KIB))
        b.write(bytes(4 * KIB))
    await until(lambda: "waiting=4" in repr(limit))
    gone[1].abort()
    await until(lambda: gone[0].lost)
    assert gone[0].error is not None
    assert "waiting=2" in repr(limit)
    stays[0].abort()
    await until(lambda: stays[1].lost)
    assert "waiting=0" in repr(limit)


async def test_what_it_is_shows_in_its_layers() -> None:
    a, b = throttled(Limit(1))
    assert a.stream.info("layers") == ("throttle", "memory")
    a.abort()
    await until(lambda: b.lost)


def test_a_clock_that_goes_back_takes_nothing_away() -> None:
    bucket = TokenBucket(1000, 10.0)
    assert bucket.take(400, 10.0) == 400
    assert bucket.take(100, 9.0) == 100
    assert bucket.take(1000, 10.5) == 1000
