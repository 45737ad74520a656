"""What hooks are told in the background: that proxies are closed."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from aiofrp import faults
from aiofrp.aio import Scope

#: Notices that wait at most, those of all clients together; and how many are told at the same time.
MAX_WAITING, AT_ONCE = 20_000, 32

Notice: TypeAlias = Callable[[], Awaitable[None]]
"""Tells the hooks; handles their refusals itself."""


class Notices:
    """A bounded queue of notices, told in order, some at a time. ``scope`` owns the tasks."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._waiting: deque[Notice] = deque()  # limited by MAX_WAITING
        self._telling = 0  # tasks; limited by AT_ONCE
        self._told = asyncio.Event()
        self._told.set()

    def __len__(self) -> int:
        """How many wait, those that are being told not counted."""
        return len(self._waiting)

    def add(self, notice: Notice) -> bool:
        """Let ``notice`` be told; false when too many wait already, or frps has stopped."""
        if len(self._waiting) >= MAX_WAITING:
            return False
        self._waiting.append(notice)
        if self._telling < AT_ONCE:
            if self._scope.spawn(self._tell(), "notices") is None:
                self._waiting.clear()
                return False
            self._telling += 1
            self._told.clear()
        return True

    async def drain(self, seconds: float) -> int:
        """Wait until all are told, for ``seconds`` at most; returns how many are not, and forgets those that wait."""
        try:
            async with asyncio.timeout(seconds):
                await self._told.wait()
        except TimeoutError:
            left = len(self._waiting) + self._telling
            self._waiting.clear()
            return left
        return 0

    async def _tell(self) -> None:
        try:
            while self._waiting:
                notice = self._waiting.popleft()
                try:
                    await notice()
                except Exception as exc:  # noqa: BLE001 - the guard around each notice
                    faults.report("a notice to hooks failed", exc)
        finally:
            self._telling -= 1
            if not self._telling:
                self._told.set()
