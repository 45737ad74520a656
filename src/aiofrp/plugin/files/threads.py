"""Threads for work that may wait for a disk; a disk that never answers holds up only who asks for its files."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from aiofrp.errors import Closed, FrpError
from aiofrp.faults import FAULTS, call, report

_T = TypeVar("_T")

#: Threads of one folder that is served.
MAX_THREADS = 4


class FileThreads:
    """Runs functions in at most :data:`MAX_THREADS` threads, in the order in which they came.

    The threads are started when they are needed. They do not keep the program from ending, so that no hung disk does.
    """

    __slots__ = ("_closed", "_jobs", "_pending", "_threads")

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = (
            queue.SimpleQueue()
        )  # one for each request at most
        self._pending = 0  # jobs whose results have not come
        self._threads = 0
        self._closed = False

    def run(
        self, work: Callable[[], _T], done: Callable[[_T], None], failed: Callable[[Exception], None]
    ) -> None:
        """Call ``work`` in a thread, then ``done`` with its result in the event loop.

        ``failed`` gets an OSError or FrpError that it raised, or :class:`~aiofrp.errors.Closed` after a fault.
        """
        self._pending += 1
        if self._threads < min(self._pending, MAX_THREADS):
            self._threads += 1
            threading.Thread(target=_serve, args=(self._jobs,), name="static_file", daemon=True).start()
        self._jobs.put(partial(self._work, asyncio.get_running_loop(), work, done, failed))

    def close(self) -> None:
        """End the threads once nothing is to do; what still comes gets new ones. Waits for none."""
        self._closed = True
        self._end_idle()

    def _work(
        self,
        loop: asyncio.AbstractEventLoop,
        work: Callable[[], Any],
        done: Callable[[Any], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """Called in a thread."""
        try:
            result = work()
        except (OSError, FrpError) as exc:
            self._pass(loop, failed, exc)
        except FAULTS as exc:
            report("a file could not be served", exc)
            self._pass(loop, failed, Closed("an internal error, see the log"))
        else:
            self._pass(loop, done, result)

    def _pass(self, loop: asyncio.AbstractEventLoop, receiver: Callable[[Any], None], value: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(self._deliver, receiver, value)

    def _deliver(self, receiver: Callable[[Any], None], value: object) -> None:
        self._pending -= 1
        call("a file could not be served", receiver, value)
        self._end_idle()

    def _end_idle(self) -> None:
        if self._closed and not self._pending:
            for _ in range(self._threads):
                self._jobs.put(None)
            self._threads = 0


def _serve(jobs: queue.SimpleQueue[Callable[[], None] | None]) -> None:
    """One thread."""
    while (job := jobs.get()) is not None:
        job()
