"""Who handles packets when: a connection with many small packets keeps the others waiting for a millisecond only."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, Protocol

#: Packets that one connection has handled at once; what is more waits for its turn, and meanwhile nothing is read from
#: the connection. 256 KiB of full packets are fewer.
SHARE: Final = 256
#: Packets of all waiting connections in one turn of the event loop, at some 4 µs each.
MOST: Final = 512


class TakesTurns(Protocol):
    """A connection whose packets wait."""

    def turn(self) -> tuple[int, bool]:
        """Handle :data:`SHARE` packets at most: how many were handled, and whether more wait."""


class PacketTurns:
    """The connections of one network that wait, in the order of their turns."""

    __slots__ = ("_queue", "_scheduled")

    def __init__(self) -> None:
        self._queue: deque[TakesTurns] = deque()  # each connection once; limited by open connections
        self._scheduled = False

    def add(self, connection: TakesTurns) -> None:
        """Give ``connection`` turns until nothing of it waits."""
        self._queue.append(connection)
        self._schedule()

    def remove(self, connection: TakesTurns) -> None:
        """``connection`` has ended while it waited."""
        self._queue.remove(connection)

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        self._scheduled = False
        left = MOST
        while self._queue and left > 0:
            connection = self._queue.popleft()
            handled, more = connection.turn()
            left -= handled + 1
            if more:
                self._queue.append(connection)
        if self._queue:
            self._schedule()
