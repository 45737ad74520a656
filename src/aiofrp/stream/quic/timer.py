"""The timer of a QUIC connection: for what the core asks for, and for a PING to a silent peer."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable

from aiofrp.stream.quic.core.connection import QuicCore

#: Seconds between two runs of the timer of a connection without keep-alive.
_IDLE_CHECK = 60.0
#: Seconds to wait at least when the loop ran a timer early, as it may: its clock counts milliseconds.
_LEAST = 0.001


class ConnectionTimer:
    """The only timer of one connection. ``expired`` is called when it is due; it calls :meth:`handle` and :meth:`set`.

    ``keepalive``: seconds without a packet of the peer after which a PING is sent, 0 or less for none.
    """

    __slots__ = (
        "_core",
        "_due",
        "_expired",
        "_handle",
        "_keepalive",
        "_loop",
        "_pings",
        "_silent_since",
        "received_at",
    )

    def __init__(self, core: QuicCore, keepalive: float, expired: Callable[[], None]) -> None:
        self._core = core
        self._keepalive = keepalive
        self._expired = expired
        self._loop = asyncio.get_running_loop()
        self._handle: asyncio.TimerHandle | None = None
        self._due = 0.0
        self.received_at = self._silent_since = time.monotonic()  #: when the peer's last packet came
        self._pings = 0  # since then

    def set(self, now: float) -> None:
        """Call ``expired`` when something is due, or earlier."""
        self._run_at(self._next(now), now)

    def cancel(self) -> None:
        """Run no more until :meth:`set` is called again."""
        if self._handle is not None:
            self._handle.cancel()

    def handle(self, now: float, *, keep_alive: bool) -> None:
        """Let the core do what is due, and queue a PING if one is.

        Raises :data:`~aiofrp.stream.quic.core.library.Refused` when the connection cannot go on.
        """
        wanted = self._core.get_timer()
        if wanted is not None and wanted <= now:
            self._core.handle_timer(now)
        if now >= self._ping_due():
            self._pings += 1
            if keep_alive:
                self._core.send_ping(self._pings)

    # Private

    def _ping_due(self) -> float:
        """When the next PING is due: each waits as long as the one before, and none is sent twice."""
        if self._keepalive <= 0:
            return math.inf
        if self._silent_since != self.received_at:
            self._silent_since, self._pings = self.received_at, 0
        return self.received_at + self._keepalive * (1 + self._pings)

    def _next(self, now: float) -> float:
        """When something is due, or earlier."""
        wanted = self._core.get_timer()
        due = min(self._ping_due(), now + _IDLE_CHECK)
        return due if wanted is None else min(due, wanted)

    def _run_at(self, due: float, now: float) -> None:
        if self._handle is not None:
            if self._due <= due and self._due > now:
                return  # it runs early enough, and sets the next
            self._handle.cancel()
        self._due = due
        self._handle = self._loop.call_later(max(0.0, due - now), self._run)

    def _run(self) -> None:
        self._handle = None
        now = time.monotonic()
        due = self._next(now)
        if due > now:  # it was put off meanwhile, or the loop runs this early
            self._run_at(max(due, now + _LEAST), now)
        else:
            self._expired()
