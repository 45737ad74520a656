"""A neighbour: whatever the user of one stream does, another stream of the session goes on.

Its bytes arrive whole and in time. A user that raises loses its own stream, hears of that, and the log says so once.
"""

from __future__ import annotations

import asyncio
import logging
import random
import statistics
from collections.abc import Callable, Iterator

import pytest

from aiofrp import faults
from aiofrp.stream.base import Buffer, Stream
from tests.contract.stacks import Pair
from tests.support.ends import PATIENCE, End, until
from tests.support.ownclock import own_time

pytestmark = pytest.mark.both_loops

#: Seconds an echo of the neighbour may take, and of how many the one in the middle counts.
PROMPT, ECHOES = 0.1, 5
#: Bytes that fill any stack when they are written in one loop turn.
FLOOD = 8 * 1024 * 1024
NOISE = random.Random(2).randbytes(65536)  # that no layer can compress


class Rude:
    """A user that misbehaves in the call named ``where``, by ``deed``, once."""

    def __init__(self, stream: Stream, where: str, deed: Callable[[Stream], None]) -> None:
        self.stream = stream
        self.paused = False
        self.done = False
        self.losses: list[Exception | None] = []
        self._where = where
        self._deed = deed

    def data_received(self, data: Buffer, /) -> None:
        self._misbehave("data_received")

    def eof_received(self) -> None:
        self._misbehave("eof_received")

    def connection_lost(self, exc: Exception | None, /) -> None:
        self.losses.append(exc)
        self._misbehave("connection_lost")

    def pause_writing(self) -> None:
        self.paused = True
        self._misbehave("pause_writing")

    def resume_writing(self) -> None:
        self._misbehave("resume_writing")

    def _misbehave(self, where: str) -> None:
        if where == self._where and not self.done:
            self.done = True
            self._deed(self.stream)


# Deeds


def fail(stream: Stream) -> None:
    raise ValueError("Exceeds the limit (4300 digits) for integer string conversion")


def fail_like_the_network(stream: Stream) -> None:
    raise ConnectionResetError("a file of the user, not the socket")


def cancel(stream: Stream) -> None:
    raise asyncio.CancelledError


def recurse(stream: Stream) -> None:
    recurse(stream)


def run_out_of_memory(stream: Stream) -> None:
    raise MemoryError


def leave_and_fail(stream: Stream) -> None:
    stream.detach()
    raise ValueError("after the stream was handed back")


def hand_over_and_fail(stream: Stream) -> None:
    stream.attach(Rude(stream, "data_received", fail))
    raise ValueError("after the stream was handed on")


def abort_and_fail(stream: Stream) -> None:
    stream.abort()
    raise ValueError("after the stream was aborted")


def abort(stream: Stream) -> None:
    stream.abort()


def close(stream: Stream) -> None:
    stream.close()


def stop_reading(stream: Stream) -> None:
    stream.pause_reading()


FAILING: list[tuple[str, Callable[[Stream], None]]] = [
    ("data_received", fail),
    ("data_received", fail_like_the_network),
    ("data_received", cancel),
    ("data_received", recurse),
    ("data_received", run_out_of_memory),
    ("data_received", leave_and_fail),
    ("data_received", hand_over_and_fail),
    ("data_received", abort_and_fail),
    ("eof_received", fail),
    ("connection_lost", fail),
    ("pause_writing", fail),
    ("resume_writing", fail),
]
RUDE: list[tuple[str, Callable[[Stream], None]]] = [
    ("data_received", abort),
    ("data_received", close),
    ("data_received", stop_reading),
    ("eof_received", abort),
    ("pause_writing", abort),
    ("resume_writing", close),
]


class Neighbour:
    """A pair whose far end sends back what it gets."""

    def __init__(self, pair: Pair) -> None:
        self._near, far = pair.user(pair.a), pair.user(pair.b)
        far.on_data = far.write
        self._dice = random.Random(1)

    async def echoes_promptly(self) -> None:
        """Fail unless bytes come back whole, most of them within PROMPT seconds; a busy machine gets three tries."""
        medians = []
        for _ in range(3):
            medians.append(statistics.median([await self._echo() for _ in range(ECHOES)]))
            if medians[-1] <= PROMPT:
                return
        raise AssertionError(f"echoes took {medians} s")

    async def _echo(self) -> float:
        """Seconds one takes."""
        sent = self._dice.randbytes(48)
        self._near.data.clear()
        begun = own_time()
        self._near.write(sent)
        await until(lambda: len(self._near.data) >= len(sent))
        assert bytes(self._near.data) == sent
        return own_time() - begun


@pytest.fixture
def records(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], list[str]]]:
    """Gives what was logged about faults since the last call; the loop's handler is the programs'."""

    def taken() -> list[str]:
        texts = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
        caplog.clear()
        faults._shared._kinds.clear()
        return texts

    with caplog.at_level(logging.ERROR):
        taken()
        yield taken


async def provoke(rude: Rude, peer: End, where: str, volume: int) -> None:
    """Bring the rude user into the call named ``where``."""
    if where in ("data_received", "eof_received"):
        peer.write(b"x" * 100)
        if where == "eof_received":
            peer.write_eof()
    elif where == "connection_lost":
        peer.abort()
    else:
        for _ in range(0, FLOOD, 65536):
            if rude.paused:
                break
            rude.stream.write(NOISE)
    await until(lambda: rude.done)


async def test_a_failing_user_ends_his_own_stream(pair: Pair, records: Callable[[], list[str]]) -> None:
    asyncio.get_running_loop().set_exception_handler(faults.handle_loop_error)
    neighbour = Neighbour(pair)
    for where, deed in FAILING:
        other = await pair.neighbour()
        rude, peer = Rude(other.b, where, deed), other.user(other.a)
        other.b.attach(rude)
        await provoke(rude, peer, where, other.volume)
        await neighbour.echoes_promptly()
        async with asyncio.timeout(PATIENCE):
            await until(lambda peer=peer: peer.lost)  # type: ignore[misc]
        log = records()
        assert len(log) == 1, (where, deed, log)
        assert log[0].startswith("internal error: "), log
        if deed not in (leave_and_fail, hand_over_and_fail, abort_and_fail) and where != "connection_lost":
            assert len(rude.losses) == 1
            assert rude.losses[0] is not None, "a cut stream looked like one that ended in order"
        other.dispose()
    await neighbour.echoes_promptly()


async def test_a_rude_user_troubles_nobody(pair: Pair, records: Callable[[], list[str]]) -> None:
    asyncio.get_running_loop().set_exception_handler(faults.handle_loop_error)
    neighbour = Neighbour(pair)
    others: list[Pair] = []
    for where, deed in RUDE:
        other = await pair.neighbour()
        others.append(other)
        rude, peer = Rude(other.b, where, deed), other.user(other.a)
        other.b.attach(rude)
        await provoke(rude, peer, where, other.volume)
        if deed is stop_reading:
            taken = 0
            while not peer.writing_paused and taken < other.volume:
                peer.write(NOISE[:16384])
                taken += 16384
        await neighbour.echoes_promptly()
    for other in others:
        other.dispose()
    await neighbour.echoes_promptly()
    assert not records()
