"""Tasks with an owner and a name, and timers that know the time.

A :class:`Scope` owns what it starts; closing it ends everything it owns. Scopes mirror ownership:
service ▸ control session ▸ proxy.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Iterable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Generic, Protocol, TypeVar
from weakref import WeakKeyDictionary

from aiofrp.faults import call, report

_T = TypeVar("_T")
_R = TypeVar("_R")
#: Items that :func:`mapped` makes between two turns of the event loop.
_BATCH = 50


async def mapped(make: Callable[[_T], _R], items: Iterable[_T]) -> list[_R]:
    """``make`` of each of many items, in batches between which others take their turn."""
    made = []
    for count, item in enumerate(items, 1):
        made.append(make(item))
        if count % _BATCH == 0:
            await asyncio.sleep(0)
    return made


async def unless(stopping: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Await ``work`` to its end, or cancel it when ``stopping`` is set before. Returns whether it came to its end; its
    exceptions are raised."""
    loop = asyncio.get_running_loop()
    task, stopped = loop.create_task(work), loop.create_task(stopping.wait())
    try:
        await asyncio.wait((task, stopped), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
            return True
        return False
    finally:
        task.cancel()
        stopped.cancel()
        await asyncio.gather(task, stopped, return_exceptions=True)


def check_at(due: float, check: Callable[..., object], *args: Any) -> asyncio.TimerHandle:
    """Call ``check(now, *args)`` at the loop time ``due``, in seconds; the handle cancels that.

    Use it where the callee compares times, to act or to call this again. The event loop may run a timer up to a
    millisecond early; ``now`` is never before ``due``, so the callee needs no tolerance of its own.
    """
    loop = asyncio.get_running_loop()
    return loop.call_at(due, _check, loop, due, check, args)


def check_after(seconds: float, check: Callable[..., object], *args: Any) -> asyncio.TimerHandle:
    """:func:`check_at`, ``seconds`` from now."""
    return check_at(asyncio.get_running_loop().time() + seconds, check, *args)


def _check(
    loop: asyncio.AbstractEventLoop, due: float, check: Callable[..., object], args: tuple[Any, ...]
) -> None:
    check(max(due, loop.time()), *args)


class CanTimeOut(Protocol):
    """Something that waits under a :class:`TimeLimit`."""

    def time_out(self) -> None:
        """The time is over; it waits no longer."""


class TimeLimit:
    """How long each of many may wait, with one timer for all: a timer of its own costs more than most waits are long.

    The timer runs until the oldest is due, whether or not it still waits then, so for at most ``seconds`` after all.
    """

    __slots__ = ("_due", "_loop", "_timer", "seconds")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._loop: asyncio.AbstractEventLoop | None = (
            None  # known at the first start: its owner may be made before
        )
        self._due: dict[CanTimeOut, float] = {}  # in the order of time; limited by the callers
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._due)

    def start(self, waiter: CanTimeOut) -> None:
        """``waiter.time_out()`` is called after ``seconds``, unless :meth:`stop` is called before."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        due = self._loop.time() + self.seconds
        self._due[waiter] = due
        if self._timer is None:
            self._timer = check_at(due, self._check)

    def stop(self, waiter: CanTimeOut) -> None:
        """``waiter`` waits no longer; it may have stopped already."""
        self._due.pop(waiter, None)

    def _check(self, now: float) -> None:
        self._timer = None
        overdue = []
        for waiter, due in self._due.items():
            if due > now:
                self._timer = check_at(due, self._check)
                break
            overdue.append(waiter)
        for waiter in overdue:
            if self._due.pop(waiter, None) is not None:  # an earlier one may have ended a later one
                call("what waited was not ended", waiter.time_out)


def time_limit(seconds: float) -> TimeLimit:
    """The limit of the running loop for all who wait ``seconds``; one of a few constants, as none is ever removed."""
    loop = asyncio.get_running_loop()
    limits = _limits.get(loop)
    if limits is None:
        limits = _limits[loop] = {}
    limit = limits.get(seconds)
    if limit is None:
        limit = limits[seconds] = TimeLimit(seconds)
    return limit


_limits: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[float, TimeLimit]] = WeakKeyDictionary()


def limited(seconds: float) -> AbstractAsyncContextManager[object]:
    """:func:`asyncio.timeout`, or nothing for :data:`math.inf`: the caller ends the work in time. Without a limit of
    its own, work can run by :class:`Steps`."""
    return asyncio.timeout(seconds) if seconds < math.inf else nullcontext()


class Steps(Generic[_R]):
    """Runs work from callback to callback, for where a task would cost more than the work.

    The work may await futures of the event loop, and nothing that asks for its task (:func:`asyncio.timeout`).
    """

    __slots__ = ("_done", "_failed", "_work")

    def __init__(
        self,
        work: Coroutine[Any, Any, _R],
        done: Callable[[_R], object],
        failed: Callable[[Exception], object],
    ) -> None:
        """Exactly one of ``done`` with the result of ``work`` and ``failed`` is called, once, by :meth:`go` or later;
        neither of them after :meth:`stop`."""
        self._work: Coroutine[Any, Any, _R] | None = work
        self._done = done
        self._failed = failed

    def go(self, waited: object = None) -> None:
        """Run the work until it waits for a future, or ends; ``waited`` is the future that it waited for."""
        work = self._work
        if work is None:
            return
        try:
            work.send(None).add_done_callback(self.go)
        except StopIteration as end:
            self._work = None
            self._done(end.value)
        except Exception as exc:  # noqa: BLE001 - it is handed on
            self._work = None
            self._failed(exc)

    def stop(self) -> None:
        """End the work where it waits; its ``finally`` clauses run."""
        work, self._work = self._work, None
        if work is not None:
            work.close()


class Scope:
    """A set of running tasks that end together."""

    __slots__ = ("_closed", "_tasks", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closed = False

    def __repr__(self) -> str:
        return f"<Scope {self.name} tasks={len(self._tasks)} closed={self._closed}>"

    def spawn(self, coro: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any] | None:
        """Start ``coro`` as a task of this scope; an exception that ends it is logged once. ``None`` once closed."""
        if self._closed:
            coro.close()
            return None
        task = asyncio.get_running_loop().create_task(coro, name=f"{self.name}/{name}")
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    async def close(self) -> None:
        """Cancel every task and wait for it; the caller's own task, if it is one of them, is left alone."""
        self._closed = True
        current = asyncio.current_task()
        tasks = [task for task in self._tasks if task is not current]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.gather(*tasks, return_exceptions=True)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (exc := task.exception()) is not None:
            report(f"task {task.get_name()} failed", exc)
