"""Tasks with an owner and a name, and timers that know the time.

A :class:`Scope` owns what it starts; closing it ends everything it owns. Scopes mirror ownership:
service ▸ control session ▸ proxy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

from aiofrp.faults import report

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
