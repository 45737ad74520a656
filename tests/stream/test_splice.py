"""Joining two streams."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from aiofrp.errors import FrpError
from aiofrp.stream import splice
from aiofrp.stream.base import Buffer, Pause, Stream
from aiofrp.stream.memory import memory_pair
from aiofrp.stream.splice import LINGER, Splice, join, let_finish
from tests.support.clock import ManualClock, Timer
from tests.support.ends import End, settle, until

#: Seconds of silence after which a half-closed splice of these tests ends.
SHORT = 0.05
#: More than a memory stream takes before its writer is told to pause.
MUCH = 300_000


@dataclass
class Middle:
    """Two memory pairs, the near ends still to be joined."""

    a: Stream
    b: Stream
    user: End
    service: End
    done: list[Splice] = field(default_factory=list)

    def join(self, from_a: Buffer = b"", from_b: Buffer = b"", *, linger: float = LINGER) -> Splice:
        return join(self.a, self.b, from_a, from_b, done=self.done.append, linger=linger)

    async def over(self) -> None:
        """Wait until both users and the splice have seen the end."""
        await until(lambda: self.done and self.user.lost and self.service.lost)


@pytest.fixture
async def middle() -> AsyncIterator[Middle]:
    (user, a), (b, service) = memory_pair(), memory_pair()
    made = Middle(a, b, End(user).attach(), End(service).attach())
    yield made
    for end in (made.user, made.service):
        end.stream.abort()
    await made.over()
    await settle(lambda: len(made.done))
    made.user.check()
    made.service.check()
    assert len(made.done) == 1


async def test_bytes_pass_both_ways_and_are_counted(middle: Middle) -> None:
    splice = middle.join()
    middle.user.write(b"request")
    middle.service.write(b"the answer")
    await until(lambda: middle.service.data and middle.user.data)
    assert middle.service.data == b"request"
    assert middle.user.data == b"the answer"
    assert splice.bytes_in == 7
    assert splice.bytes_out == 10
    assert not middle.done


async def test_bytes_read_before_go_first(middle: Middle) -> None:
    middle.user.write(b"later")
    middle.service.write(b"later")
    splice = middle.join(b"early ", memoryview(b"sooner "))
    await until(lambda: len(middle.service.data) == 11 and len(middle.user.data) == 12)
    assert middle.service.data == b"early later"
    assert middle.user.data == b"sooner later"
    assert (splice.bytes_in, splice.bytes_out) == (11, 12)


async def test_many_early_bytes_hold_the_other_side_back(middle: Middle) -> None:
    middle.service.pause()
    middle.join(bytes(MUCH))
    middle.user.write(bytes(MUCH))
    await settle(lambda: middle.user.writing_paused)
    assert middle.user.writing_paused
    middle.service.resume()
    await until(lambda: len(middle.service.data) == 2 * MUCH)


async def test_half_close_is_passed_on(middle: Middle) -> None:
    middle.join()
    middle.user.write(b"request")
    middle.user.write_eof()
    await until(lambda: middle.service.eofs)
    assert middle.service.data == b"request"
    middle.service.write(b"answer")
    await until(lambda: middle.user.data == b"answer")
    assert not middle.user.eofs
    middle.service.write_eof()
    await middle.over()
    assert (middle.user.error, middle.service.error) == (None, None)


async def test_half_close_the_other_way(middle: Middle) -> None:
    middle.join()
    middle.service.write(b"greeting")
    middle.service.write_eof()
    await until(lambda: middle.user.eofs)
    middle.user.write(b"late request")
    middle.user.write_eof()
    await middle.over()
    assert middle.service.data == b"late request"


class _Limit:
    """A :class:`~aiofrp.aio.TimeLimit` of one waiter."""

    def __init__(self, clock: ManualClock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._timer: Timer | None = None

    def start(self, waiter: Splice) -> None:
        self._timer = self._clock.call_later(self._seconds, waiter.time_out)

    def stop(self, waiter: Splice) -> None:
        assert self._timer is not None
        self._timer.cancel()


async def test_a_silent_second_direction_ends(middle: Middle) -> None:
    middle.join(linger=SHORT)
    middle.user.write_eof()
    await middle.over()
    assert middle.user.eofs == 1
    assert (middle.user.error, middle.service.error) == (None, None)


async def test_progress_keeps_the_second_direction_alive(
    middle: Middle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytes come a little more often than the linger time, for several times as long."""
    clock = ManualClock()
    monkeypatch.setattr("aiofrp.stream.splice.time_limit", lambda seconds: _Limit(clock, seconds))
    middle.join(linger=50)
    middle.user.write_eof()
    for sent in range(1, 7):
        middle.service.write(b"x")
        await until(lambda sent=sent: len(middle.user.data) == sent)  # type: ignore[misc]
        clock.advance(30)
    assert not middle.done
    middle.service.write_eof()
    await middle.over()
    assert middle.user.error is None


async def test_an_idle_splice_without_eof_does_not_end(middle: Middle) -> None:
    middle.join(linger=0.001)
    await settle(lambda: len(middle.done), turns=200)
    middle.user.write(b"still here")
    await until(lambda: middle.service.data)
    assert not middle.done


@pytest.mark.parametrize("side", ["user", "service"])
async def test_an_error_is_passed_on_as_abort(middle: Middle, side: str) -> None:
    middle.join()
    broken, other = (middle.user, middle.service) if side == "user" else (middle.service, middle.user)
    other.write(b"x")
    await until(lambda: broken.data)
    broken.abort()
    await middle.over()
    assert isinstance(other.error, FrpError)
    assert not other.eofs


async def test_a_close_from_inside_closes_the_other_side(middle: Middle) -> None:
    """A proxy that stops closes its users' streams; what they sent so far still arrives."""
    middle.join()
    middle.user.write(b"last")
    await until(lambda: middle.service.data)
    middle.a.close()
    await middle.over()
    assert middle.service.eofs == 1
    assert middle.service.error is None


async def test_abort_drops_both(middle: Middle) -> None:
    splice = middle.join()
    splice.abort()
    await middle.over()
    assert isinstance(middle.user.error, FrpError)
    assert isinstance(middle.service.error, FrpError)


async def test_back_pressure_passes_through(middle: Middle) -> None:
    middle.join()
    middle.service.pause()
    taken = 0
    while True:
        while not middle.user.writing_paused:
            middle.user.write(bytes(16_384))
            taken += 16_384
            assert taken <= MUCH
        await settle(lambda: middle.user.writing_paused)
        if middle.user.writing_paused:
            break
    middle.service.write(b"free")
    await until(lambda: middle.user.data == b"free")
    middle.service.resume()
    await until(lambda: len(middle.service.data) == taken)
    assert not middle.user.writing_paused


async def test_others_may_pause_as_well(middle: Middle) -> None:
    """A rate limit pauses the source; a full target that opens again does not lift that."""
    middle.join()
    middle.service.pause()
    middle.user.write(bytes(MUCH))
    await settle(lambda: middle.user.writing_paused)
    middle.a.pause_reading(Pause.RATE)
    middle.service.resume()
    await settle(lambda: len(middle.service.data))
    assert len(middle.service.data) < MUCH
    middle.a.resume_reading(Pause.RATE)
    await until(lambda: len(middle.service.data) == MUCH)


async def test_closing_while_the_target_is_full_loses_nothing(middle: Middle) -> None:
    middle.join()
    middle.service.pause()
    middle.user.write(bytes(MUCH))
    middle.user.close()
    await settle(lambda: None)
    middle.service.resume()
    await until(lambda: middle.service.eofs)
    assert len(middle.service.data) == MUCH
    middle.service.close()
    await middle.over()


async def test_the_service_vanishes_while_it_is_full(middle: Middle) -> None:
    middle.join()
    middle.service.pause()
    middle.user.write(bytes(MUCH))
    await settle(lambda: middle.user.writing_paused)
    middle.service.abort()
    await middle.over()
    assert isinstance(middle.user.error, FrpError)


async def test_streams_that_ended_before_the_join(middle: Middle) -> None:
    middle.user.write(b"all there is")
    middle.user.close()
    middle.service.write(b"unwanted")
    await settle(lambda: middle.user.lost)
    middle.join()
    await until(lambda: middle.service.eofs)
    assert middle.service.data == b"all there is"
    middle.service.close()
    await middle.over()


async def test_joining_what_is_already_lost_ends_at_once(middle: Middle) -> None:
    middle.user.abort()
    await settle(lambda: None)
    middle.join()
    await middle.over()
    assert isinstance(middle.service.error, FrpError)


async def test_the_end_leaves_nothing_for_the_garbage_collector() -> None:
    (user, a), (b, service) = memory_pair(), memory_pair()
    ends = End(user).attach(), End(service).attach()
    over: list[bool] = []
    gc.collect()
    gc.disable()
    try:
        join(a, b, done=lambda _: over.append(True))
        for end in ends:
            end.stream.close()
        await until(lambda: over and all(end.lost for end in ends))
        del a, b
        assert [thing for thing in gc.get_objects() if isinstance(thing, Splice)] == []
    finally:
        gc.enable()


# The end of a program


class Connection:
    """A connection that moves a byte at each look at it if it is ``busy``."""

    def __init__(self, busy: bool) -> None:
        self.busy = busy
        self.bytes_out = 0
        self.ended = asyncio.Event()
        self._moved = 0

    @property
    def bytes_in(self) -> int:
        self._moved += self.busy
        return self._moved

    def abort(self) -> None:
        self.ended.set()


@pytest.mark.parametrize("grace", [0.0, 0.2])
async def test_idle_connections_end_before_busy_ones(grace: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splice, "IDLE", 0.02)
    idle, busy = Connection(busy=False), Connection(busy=True)
    both = [idle, busy]
    finishing = asyncio.create_task(
        let_finish(lambda: [one for one in both if not one.ended.is_set()], asyncio.Event(), grace)
    )
    await idle.ended.wait()
    assert busy.ended.is_set() is (not grace)
    await finishing
    assert busy.ended.is_set()


async def test_nobody_is_waited_for_when_all_have_ended() -> None:
    finished = asyncio.Event()
    left = [Connection(busy=True)]
    finishing = asyncio.create_task(let_finish(lambda: left, finished, 3600))
    await asyncio.sleep(0)
    left.clear()
    finished.set()
    await finishing
    await let_finish(lambda: left, asyncio.Event(), 3600)
