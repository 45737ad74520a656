"""Bytes: order, cuts, early arrival, back-pressure."""

from __future__ import annotations

import asyncio
import random

import pytest

from aiofrp.stream.base import Buffer, Pause
from tests.contract.stacks import Pair
from tests.support.ends import End, settle, until

pytestmark = pytest.mark.both_loops

MESSAGE = bytes(range(48))


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


async def pour(end: End, data: bytes, dice: random.Random, largest: int = 70_000) -> None:
    """Write ``data`` in random pieces, some as views, waiting whenever the stream says pause."""
    at = 0
    while at < len(data):
        await until(lambda: not end.writing_paused)
        piece: Buffer = data[at : at + dice.choice((1, 7, 100, 4096, largest))]
        at += len(piece)
        end.write(memoryview(piece) if dice.random() < 0.3 else piece)


@pytest.mark.parametrize("seed", [1, 2])
async def test_random_writes_both_ways_arrive_whole_and_in_order(
    pair: Pair, a: End, b: End, seed: int
) -> None:
    dice = random.Random(seed)
    to_b, to_a = noise(pair.volume, seed), noise(pair.volume // 2, seed + 10)
    paused: set[End] = set()

    def stumble(end: End) -> None:
        if dice.random() < 0.2:
            end.pause()
            paused.add(end)

    def all_arrived() -> bool:
        while paused:
            paused.pop().resume()
        return len(b.data) >= len(to_b) and len(a.data) >= len(to_a)

    a.on_data = lambda data: stumble(a)
    b.on_data = lambda data: stumble(b)
    async with asyncio.TaskGroup() as group:
        group.create_task(pour(a, to_b, dice))
        group.create_task(pour(b, to_a, dice))
        group.create_task(until(all_arrived))
    assert bytes(b.data) == to_b
    assert bytes(a.data) == to_a


async def test_every_cut_of_a_message(a: End, b: End) -> None:
    for cut in range(len(MESSAGE) + 1):
        a.write(MESSAGE[:cut])
        a.write(MESSAGE[cut:])
        await until(lambda cut=cut: len(b.data) == (cut + 1) * len(MESSAGE))  # type: ignore[misc]
    assert bytes(b.data) == MESSAGE * (len(MESSAGE) + 1)


async def test_writing_nothing_is_nothing(a: End, b: End) -> None:
    a.write(b"")
    a.write(b"x")
    a.write(memoryview(b""))
    a.write(b"y")
    await until(lambda: len(b.data) == 2)
    assert bytes(b.data) == b"xy"


async def test_early_bytes_wait_for_a_receiver(pair: Pair, a: End) -> None:
    a.write(MESSAGE)
    a.write(MESSAGE)
    a.write_eof()
    await settle(lambda: None)
    b = pair.user(pair.b)
    await until(lambda: b.eofs)
    assert bytes(b.data) == MESSAGE * 2


async def test_a_pause_before_attach_holds(pair: Pair, a: End) -> None:
    pair.b.pause_reading(Pause.WAIT)
    b = pair.user(pair.b)
    a.write(MESSAGE)
    await settle(lambda: b.data)
    assert not b.data
    b.resume(Pause.WAIT)
    await until(lambda: len(b.data) == len(MESSAGE))


async def fill(end: End, bound: int) -> int:
    """Write until the stream stays paused; returns the bytes it took."""
    taken = 0
    block = noise(16 * 1024)  # that no layer can compress
    while True:
        while not end.writing_paused:
            end.write(block)
            taken += len(block)
            assert taken <= bound + len(block), "the writer was not paused"
        await settle(lambda: end.writing_paused)
        if end.writing_paused:
            return taken


async def test_a_slow_reader_stops_the_writer(pair: Pair, a: End, b: End) -> None:
    b.pause()
    taken = await fill(a, pair.bound)
    assert not b.data
    b.resume()
    await until(lambda: len(b.data) == taken)
    await until(lambda: not a.writing_paused)


async def test_a_stream_nobody_reads_stops_the_writer(pair: Pair, a: End) -> None:
    taken = await fill(a, pair.bound)
    b = pair.user(pair.b)
    await until(lambda: len(b.data) == taken)
    await until(lambda: not a.writing_paused)


async def test_a_detached_stream_stops_the_writer(pair: Pair, a: End, b: End) -> None:
    """Also one that has held bytes before."""
    b.pause()
    a.write(MESSAGE)
    await settle(lambda: None)
    b.resume()
    await until(lambda: b.data)
    pair.b.detach()
    taken = await fill(a, pair.bound)
    b.attach()
    await until(lambda: len(b.data) == taken + len(MESSAGE))


async def test_back_pressure_is_by_direction(pair: Pair, a: End, b: End) -> None:
    """With both readers stopped both writers stop; opening one direction opens that one only."""
    a.pause()
    b.pause()
    to_b = await fill(a, pair.bound)
    to_a = await fill(b, pair.bound)
    a.resume()
    await until(lambda: len(a.data) == to_a)
    await until(lambda: not b.writing_paused)
    assert a.writing_paused or pair.trickles
    assert not b.data
    b.resume()
    await until(lambda: len(b.data) == to_b)


async def test_every_party_must_agree_to_go_on(a: End, b: End) -> None:
    for why in (Pause.PEER, Pause.RATE, Pause.WAIT, Pause.RATE):
        b.pause(why)
    a.write(MESSAGE)
    for why in (Pause.RATE, Pause.PEER):
        b.resume(why)
        await settle(lambda: b.data)
        assert not b.data
    b.resume(Pause.WAIT)
    await until(lambda: len(b.data) == len(MESSAGE))
    b.pause(Pause.RATE)
    a.write(MESSAGE)
    await settle(lambda: b.data)
    assert len(b.data) == len(MESSAGE)
    b.resume(Pause.RATE)
    await until(lambda: len(b.data) == 2 * len(MESSAGE))


async def test_a_pause_within_a_delivery_stops_the_next(pair: Pair, a: End, b: End) -> None:
    b.on_data = lambda data: b.pause()
    sent = noise(min(pair.volume, 200_000))
    a.write(sent[:5000])
    a.write(sent[5000:])
    while len(b.data) < len(sent):
        before = b.chunks
        b.resume()
        await until(lambda before=before: b.chunks > before)  # type: ignore[misc]
        await settle(lambda: b.chunks, turns=3)
        assert b.chunks == before + 1
    assert bytes(b.data) == sent


async def test_answering_within_a_delivery(pair: Pair, a: End, b: End) -> None:
    """An echo writes from ``data_received``; what it writes comes back on later turns."""
    b.on_data = lambda data: b.write(data)
    sent = noise(min(pair.volume, 100_000))
    a.write(sent)
    await until(lambda: len(a.data) == len(sent))
    assert bytes(a.data) == sent
