"""Blocking calls that users cause, in threads that nobody else waits for.

The threads of the event loop are few and serve the whole program: a user who makes each of them ask a name server that
is silent would hold up every other look-up. These end with the program and do not hold up its end.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

_T = TypeVar("_T")


class UserThreads:
    """Runs calls, at most ``most`` at once, each in a thread of its own; others wait in order of arrival.

    One event loop uses it. Who waits is limited by the caller; a call whose caller gave up keeps its thread until it
    ends.
    """

    def __init__(self, most: int) -> None:
        self._free = most
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def run(self, call: Callable[..., _T], *args: Any) -> _T:
        """``call(*args)`` in a thread; raises what it raises."""
        loop = asyncio.get_running_loop()
        if not self._free:
            turn: asyncio.Future[None] = loop.create_future()
            self._waiting.append(turn)
            await self._take_turn(turn)
        else:
            self._free -= 1
        result: asyncio.Future[_T] = loop.create_future()

        def work() -> None:
            value, error = None, None
            try:
                value = call(*args)
            except BaseException as exc:  # noqa: BLE001 - it is given to the caller
                error = exc
            with suppress(RuntimeError):  # the loop is closed, and with it everybody who waits
                loop.call_soon_threadsafe(self._done, result, value, error)

        threading.Thread(target=work, name="aiofrp-user", daemon=True).start()
        return await result

    async def _take_turn(self, turn: asyncio.Future[None]) -> None:
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._pass_on()
            raise

    def _done(self, result: asyncio.Future[Any], value: Any, error: BaseException | None) -> None:
        self._pass_on()
        if result.done():  # the caller gave up
            return
        if error is None:
            result.set_result(value)
        else:
            result.set_exception(error)

    def _pass_on(self) -> None:
        """A thread is free: the next one waiting gets its place."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
