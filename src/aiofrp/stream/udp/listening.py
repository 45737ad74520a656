"""What listeners over UDP have in common: sessions counted by source, limits per second, and how a listener ends.

Anybody can send anything under any address to a UDP port. So what a listener holds and answers has limits, in all and
for one source address, before a peer has proved its address.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection

from aiofrp.stream.udp.socket import Address


class Sources:
    """Sessions by the source address of their peers, without its port; at most ``most`` of one source."""

    __slots__ = ("_count", "_most")

    def __init__(self, most: int) -> None:
        self._most = most
        self._count: Counter[str] = Counter()  # limited by the sessions of the listener

    def __len__(self) -> int:
        """Sources that have a session."""
        return len(self._count)

    def full(self, address: Address) -> bool:
        """Whether the source of ``address`` may have no more sessions."""
        return self._count.get(address[0], 0) >= self._most

    def add(self, address: Address) -> None:
        """Count a session."""
        self._count[address[0]] += 1

    def remove(self, address: Address) -> None:
        """Count it no longer."""
        self._count[address[0]] -= 1
        if not self._count[address[0]]:
            del self._count[address[0]]


class PerSecond:
    """At most ``most`` times in each second of ``clock``."""

    __slots__ = ("_clock", "_count", "_most", "_second")

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._most = most
        self._second = self._count = 0

    def take(self) -> bool:
        """Whether it may be done now; it then counts."""
        second = int(self._clock())
        if second != self._second:
            self._second, self._count = second, 0
        self._count += 1
        return self._count <= self._most


class Drain:
    """The end of a listener: closed for new sessions first, over with the last of ``sessions``.

    ``over`` is called once, when it is closed and no session is left: it closes the socket.
    """

    __slots__ = ("_loop", "_over", "_sessions", "_waiting", "closed")

    def __init__(self, sessions: Collection[object], over: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._sessions = sessions
        self._over: Callable[[], None] | None = over
        self._waiting: list[asyncio.Future[None]] = []  # one per call of wait()
        self.closed = False  #: no new session may begin

    def close(self) -> None:
        """Begin no new sessions."""
        self.closed = True
        self.check()

    def check(self) -> None:
        """To be called after a session ended."""
        if not self.closed or self._sessions:
            return
        over, self._over = self._over, None
        if over is not None:
            over()
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def wait(self, seconds: float) -> None:
        """Close, and wait until no session is left, but at most ``seconds``."""
        ended: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append(ended)
        self.close()
        await asyncio.wait({ended}, timeout=seconds)
