"""Threads for blocking calls of users: so many at once, in order, and callers that give up."""

from __future__ import annotations

import asyncio
import threading

import pytest

from aiofrp.transport.threads import UserThreads
from tests.support.ends import PATIENCE, until


class Calls:
    """Blocking calls that a test lets end."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.may_end = {number: threading.Event() for number in range(10)}

    def __call__(self, number: int) -> int:
        self.begun.append(number)
        assert self.may_end[number].wait(PATIENCE)
        return number

    def end(self, *numbers: int) -> None:
        for number in numbers:
            self.may_end[number].set()


async def test_so_many_at_once_and_the_others_in_order() -> None:
    threads, calls = UserThreads(2), Calls()
    tasks = [asyncio.create_task(threads.run(calls, number)) for number in range(5)]
    await until(lambda: len(calls.begun) == 2)
    await asyncio.sleep(0)
    assert sorted(calls.begun) == [0, 1]
    calls.end(1)
    await until(lambda: len(calls.begun) == 3)
    assert calls.begun[2] == 2
    calls.end(0, 2, 3, 4)
    async with asyncio.timeout(PATIENCE):
        assert await asyncio.gather(*tasks) == [0, 1, 2, 3, 4]
        assert await asyncio.gather(*(threads.run(calls, number) for number in (0, 1))) == [0, 1]


async def test_an_error_is_the_callers() -> None:
    def fail() -> None:
        raise OSError("no")

    threads = UserThreads(1)
    for _ in range(3):
        with pytest.raises(OSError, match="no"):
            await threads.run(fail)


async def test_who_gives_up_keeps_nobody_from_a_thread() -> None:
    threads, calls = UserThreads(1), Calls()
    running, waiting, last = (asyncio.create_task(threads.run(calls, number)) for number in range(3))
    await until(lambda: calls.begun == [0])
    running.cancel()
    waiting.cancel()
    await until(lambda: running.cancelled() and waiting.cancelled())
    assert calls.begun == [0]  # the call goes on, and so nobody gets its place
    calls.end(0, 2)
    async with asyncio.timeout(PATIENCE):
        assert await last == 2
        assert await threads.run(calls, 0) == 0


async def test_a_turn_that_comes_too_late_is_passed_on() -> None:
    """The place was given to a caller in the same turn of the loop in which he gave up."""
    threads, calls = UserThreads(1), Calls()
    first, late, last = (asyncio.create_task(threads.run(calls, number)) for number in range(3))
    await until(lambda: calls.begun == [0])
    threads._pass_on()  # as when a call has ended
    late.cancel()
    calls.end(0, 2)
    async with asyncio.timeout(PATIENCE):
        assert await last == 2
        assert await first == 0
    assert late.cancelled()
    assert sorted(calls.begun) == [0, 2]
