"""The one tunnel of a visitor: made when it is wanted, by one attempt at a time (docs/protocol/nat.md §7)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiofrp.aio import Scope, check_at
from aiofrp.errors import Closed, FrpError
from aiofrp.logs import Log
from aiofrp.nat.tunnel import DirectTunnel, Lost

#: Seconds from the begin of one attempt to the next, at least.
COOL_DOWN = 10.0


class TunnelSource:
    """Makes tunnels with ``attempt``, which gets what to call at a tunnel's end.

    ``settled`` is called after each attempt: :attr:`tunnel` is there then, or :attr:`error` says why not.
    """

    def __init__(
        self,
        name: str,
        attempt: Callable[[Lost], Awaitable[DirectTunnel]],
        settled: Callable[[], None],
        log: Log,
    ) -> None:
        self.tunnel: DirectTunnel | None = None
        self.error: FrpError | None = None  #: of the last attempt
        self._attempt = attempt
        self._settled = settled
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._began = float("-inf")
        self._running = False
        self._timer: asyncio.TimerHandle | None = None
        self._scope = Scope(name)

    @property
    def busy(self) -> bool:
        """Whether an attempt runs, or will begin when the time for it has come."""
        return self._running or self._timer is not None

    @property
    def earliest(self) -> float:
        """When a tunnel can be there at the earliest, in loop time."""
        now = self._loop.time()
        return now if self._running else max(now, self._began + COOL_DOWN)

    def request(self) -> None:
        """Begin an attempt as soon as it may be, unless there is one already."""
        if self.tunnel is None and not self.busy:
            self._timer = check_at(self.earliest, self._begin)

    def drop(self) -> None:
        """Close the tunnel, if there is one."""
        tunnel, self.tunnel = self.tunnel, None
        if tunnel is not None:
            tunnel.close()

    async def close(self) -> None:
        """End the attempt, if one runs, and begin none any more. The tunnel stays."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await self._scope.close()

    # Private

    def _begin(self, now: float) -> None:
        self._timer = None
        self._began = now
        task = self._scope.spawn(self._run(), "attempt")
        self._running = task is not None

    async def _run(self) -> None:
        ended: list[Exception | None] = []  # at most one

        def lost(exc: Exception | None) -> None:
            ended.append(exc)
            if tunnel is not None and self.tunnel is tunnel:
                self.tunnel = None
                self._log.info("the tunnel has ended: %s", exc or "closed")

        tunnel: DirectTunnel | None = None
        try:
            tunnel = await self._attempt(lost)
            if ended:
                raise Closed(f"the tunnel has ended: {ended[0] or 'closed'}")
        except FrpError as exc:
            self.error = exc
            self._log.warning("%s", exc)
        else:
            self.tunnel, self.error = tunnel, None
        finally:
            self._running = False
        self._settled()
