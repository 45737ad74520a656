"""The timer of a QUIC connection: for what the core asks for, and for a PING to a silent peer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from aiofrp.stream.quic.core.connection import QuicCore

#: Seconds between two runs of the timer of a connection without keep-alive.
_IDLE_CHECK = 60.0


class ConnectionTimer:
    """The only timer of one connection. ``expired`` is called when it is due; it calls :meth:`handle` and :meth:`set`.

    ``keepalive``: seconds without a packet of the peer after which a PING is sent, 0 or less for none.
    """

    __slots__ = ("_core", "_due", "_expired", "_handle", "_keepalive", "_loop", "_pings", "received_at")

    def __init__(self, core: QuicCore, keepalive: float, expired: Callable[[], None]) -> None:
        self._core = core
        self._keepalive = keepalive
        self._expired = expired
        self._loop = asyncio.get_running_loop()
        self._handle: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._pings = 0  # without an answer
        self.received_at = time.monotonic()  #: when the peer's last packet came

    def set(self, now: float) -> None:
        """Call ``expired`` when something is due, or earlier."""
        due = self.received_at + self._keepalive if self._keepalive > 0 else now + _IDLE_CHECK
        wanted = self._core.get_timer()
        if wanted is not None and wanted < due:
            due = wanted
        if self._handle is not None:
            if self._due <= due and self._due > now:
                return  # it runs early enough, and sets the next
            self._handle.cancel()
        self._due = due
        self._handle = self._loop.call_later(max(0.0, due - now), self._run)

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
        silence = now - self.received_at
        if keep_alive and self._keepalive > 0 and silence >= self._keepalive * (1 + self._pings):
            self._pings += 1
            self._core.send_ping(self._pings)
        elif silence < self._keepalive:
            self._pings = 0

    def _run(self) -> None:
        self._handle = None
        self._expired()
