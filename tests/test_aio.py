"""Tasks with an owner."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import pytest

from aiofrp.aio import Scope, Steps, TimeLimit, check_after, check_at, time_limit, unless


async def test_closing_ends_every_task() -> None:
    scope = Scope("service")
    tasks = [scope.spawn(asyncio.sleep(60), f"sleep {n}") for n in range(3)]
    assert [task.get_name() for task in tasks if task] == [f"service/sleep {n}" for n in range(3)]
    assert "tasks=3" in repr(scope)
    await scope.close()
    assert all(task and task.cancelled() for task in tasks)
    assert "tasks=0 closed=True" in repr(scope)


async def test_a_finished_task_is_forgotten() -> None:
    scope = Scope("service")
    task = scope.spawn(asyncio.sleep(0, "result"), "quick")
    assert task is not None
    assert await task == "result"
    await asyncio.sleep(0)
    assert "tasks=0" in repr(scope)


async def test_a_closed_scope_starts_nothing() -> None:
    scope = Scope("service")
    await scope.close()
    started: list[bool] = []

    async def work() -> None:
        started.append(True)

    assert scope.spawn(work(), "late") is None
    await asyncio.sleep(0)
    assert not started
    await scope.close()


async def test_closing_waits_for_what_tasks_do_at_their_end() -> None:
    scope = Scope("service")
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            ended.append("cleanly")

    scope.spawn(work(), "work")
    await asyncio.sleep(0)
    await scope.close()
    assert ended == ["cleanly"]


async def test_a_task_may_close_its_own_scope() -> None:
    scope = Scope("session")
    other = scope.spawn(asyncio.sleep(60), "other")

    async def work() -> str:
        await scope.close()
        return "went on"

    task = scope.spawn(work(), "work")
    assert task is not None
    assert other is not None
    assert await task == "went on"
    assert other.cancelled()


async def test_two_tasks_may_close_at_once() -> None:
    scope = Scope("session")
    tasks = [scope.spawn(scope.close(), f"closer {n}") for n in range(2)]
    await asyncio.wait([task for task in tasks if task])
    assert "tasks=0" in repr(scope)


async def test_an_error_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    scope = Scope("service")

    async def work() -> None:
        raise ValueError("broken")

    with caplog.at_level(logging.ERROR):
        scope.spawn(work(), "work")
        await asyncio.sleep(0)
        await scope.close()
        await asyncio.sleep(0)
    (record,) = caplog.records
    assert record.getMessage().startswith("internal error: task service/work failed\n")


@pytest.mark.both_loops
async def test_a_check_is_never_early() -> None:
    loop = asyncio.get_running_loop()
    asked = [loop.time() + step * 0.0007 for step in range(40)]
    calls: list[tuple[float, float]] = []
    for due in asked:
        check_at(due, lambda now, due: calls.append((now, due)), due)
    cancelled = check_after(0.01, calls.append)
    cancelled.cancel()
    async with asyncio.timeout(30):
        while len(calls) < len(asked):
            await asyncio.sleep(0.001)
    assert {due for _, due in calls} == set(asked)
    assert all(now >= due for now, due in calls)


class EarlyLoop:
    """A loop that runs every timer at once."""

    def __init__(self) -> None:
        self.time = asyncio.get_running_loop().time
        self.call_soon = asyncio.get_running_loop().call_soon

    def call_at(self, _when: float, callback: Callable[..., object], *args: object) -> asyncio.Handle:
        return self.call_soon(callback, *args)


async def test_an_early_timer_gets_the_time_it_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[float] = []
    early = EarlyLoop()
    due = early.time() + 1000
    with monkeypatch.context() as patch:
        patch.setattr(asyncio, "get_running_loop", lambda: early)
        check_at(due, called.append)
    await asyncio.sleep(0)
    assert called == [due]


async def test_work_goes_on_unless_it_is_stopped() -> None:
    stopping, begun, ended = asyncio.Event(), asyncio.Event(), []

    async def work(seconds: float) -> None:
        begun.set()
        try:
            await asyncio.sleep(seconds)
        finally:
            ended.append(seconds)

    assert await unless(stopping, work(0))
    begun.clear()
    waiting = asyncio.create_task(unless(stopping, work(60)))
    await begun.wait()
    stopping.set()
    assert not await waiting
    assert ended == [0, 60]


async def test_work_that_fails_or_is_given_up_is_over() -> None:
    async def failing() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await unless(asyncio.Event(), failing())
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    waiting = asyncio.create_task(unless(asyncio.Event(), work()))
    for _ in range(3):
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert ended.is_set()


@pytest.mark.parametrize("error", [None, ValueError("broken")])
async def test_work_goes_on_from_callback_to_callback_without_a_task(error: Exception | None) -> None:
    futures: list[asyncio.Future[int]] = [asyncio.get_running_loop().create_future() for _ in range(2)]
    done: list[int] = []
    failed: list[Exception] = []

    async def work() -> int:
        return await futures[0] + await futures[1]

    tasks = asyncio.all_tasks()
    Steps(work(), done.append, failed.append).go()
    futures[0].set_result(40)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == tasks
    assert not done
    assert not failed
    if error is None:
        futures[1].set_result(2)
    else:
        futures[1].set_exception(error)
    await asyncio.sleep(0)
    assert (done, failed) == (([], [error]) if error else ([42], []))


async def test_work_that_waits_for_nothing_is_done_at_once() -> None:
    done: list[str] = []

    async def work() -> str:
        return "done"

    Steps(work(), done.append, done.append).go()  # type: ignore[arg-type]
    assert done == ["done"]


async def test_work_that_is_stopped_ends_where_it_waits_and_nobody_is_called() -> None:
    future = asyncio.get_running_loop().create_future()
    called: list[object] = []

    async def work() -> None:
        try:
            await future
        finally:
            called.append("ended")

    steps = Steps(work(), called.append, called.append)
    steps.go()
    steps.stop()
    assert called == ["ended"]
    future.set_result(None)
    await asyncio.sleep(0)
    steps.stop()
    assert called == ["ended"]


class Waiter:
    """Something that waits; at its time-out it stops the waiting of ``other``."""

    def __init__(self, limit: TimeLimit, other: Waiter | None = None) -> None:
        self.limit = limit
        self.over = False
        self._other = other
        limit.start(self)

    def time_out(self) -> None:
        self.over = True
        if self._other is not None:
            self.limit.stop(self._other)
            raise ValueError("broken")


async def test_many_wait_under_one_limit(caplog: pytest.LogCaptureFixture) -> None:
    limit = TimeLimit(0.01)
    stopped, last = Waiter(limit), Waiter(limit)
    limit.stop(last)
    first = Waiter(limit, stopped)
    limit.stop(stopped)
    limit.start(stopped)  # behind the first now, which ends its waiting
    limit.start(last)
    async with asyncio.timeout(30):
        while not last.over:
            await asyncio.sleep(0.001)
    assert first.over
    assert not stopped.over
    assert not limit
    (record,) = caplog.records
    assert "broken" in record.getMessage()
    again = Waiter(limit)
    async with asyncio.timeout(30):
        while not again.over:
            await asyncio.sleep(0.001)


async def test_one_limit_for_all_of_a_loop_that_wait_as_long() -> None:
    limit = time_limit(0.25)
    assert time_limit(0.25) is limit
    assert time_limit(0.5) is not limit
    other = asyncio.new_event_loop()
    try:
        assert await asyncio.to_thread(_limit_of, other, 0.25) is not limit
    finally:
        other.close()


def _limit_of(loop: asyncio.AbstractEventLoop, seconds: float) -> TimeLimit:
    async def ask() -> TimeLimit:
        return time_limit(seconds)

    return loop.run_until_complete(ask())
