"""Notices to hooks that are sent in the background: that proxies are closed."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from aiofrp import faults
from aiofrp.aio import Scope

#: Most notices that wait, those of all clients together; and most that are being sent at the same time.
MAX_WAITING, AT_ONCE = 20_000, 32

Notice: TypeAlias = Callable[[], Awaitable[None]]
"""Calls the hooks; handles their refusals itself."""


class Notices:
    """A queue of at most :data:`MAX_WAITING` notices, sent in order by up to :data:`AT_ONCE` tasks of ``scope``."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._waiting: deque[Notice] = deque()  # limited by MAX_WAITING
        self._sending = 0  # tasks; limited by AT_ONCE
        self._sent = asyncio.Event()  # set while no task runs
        self._sent.set()

    def __len__(self) -> int:
        """How many notices wait; those that are being sent do not count."""
        return len(self._waiting)

    def add(self, notice: Notice) -> bool:
        """Queue ``notice``. Returns false, and drops it, when too many wait or frps has stopped."""
        if len(self._waiting) >= MAX_WAITING:
            return False
        self._waiting.append(notice)
        if self._sending < AT_ONCE:
            if self._scope.spawn(self._send(), "notices") is None:
                self._waiting.clear()
                return False
            self._sending += 1
            self._sent.clear()
        return True

    async def drain(self, seconds: float) -> int:
        """Wait until all notices are sent, at most ``seconds``. Returns how many were not; those that wait are
        dropped."""
        try:
            async with asyncio.timeout(seconds):
                await self._sent.wait()
        except TimeoutError:
            left = len(self._waiting) + self._sending
            self._waiting.clear()
            return left
        return 0

    async def _send(self) -> None:
        try:
            while self._waiting:
                notice = self._waiting.popleft()
                try:
                    await notice()
                except Exception as exc:  # noqa: BLE001 - the guard around each notice
                    faults.report("a notice to hooks failed", exc)
        finally:
            self._sending -= 1
            if not self._sending:
                self._sent.set()
