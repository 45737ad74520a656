"""Samples of what the users of a frps move: for the history, for the rates of connections, and for who watches."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from aiofrp.server.api.statistics import Statistics
from aiofrp.server.live.history import STEP, Amounts, History
from aiofrp.server.publish.flow import Flow
from aiofrp.server.publish.proxies import Proxies

#: Connections, or proxies, that are sampled between two turns of the event loop.
_BATCH: Final = 200


#: Seconds by which a sleep may end early, measured by the clock of the day.
_EARLY: Final = 0.5


def step_end(now: float) -> float:
    """When the step ends that runs at ``now``; one that is about to end counts as ended, so none is sampled twice."""
    return (now + _EARLY) // STEP * STEP + STEP


class Sampler:
    """Samples once in :data:`~aiofrp.server.live.history.STEP` seconds. ``sampled`` is called after each with its time,
    in seconds since 1970, and what was moved since the one before."""

    def __init__(
        self,
        proxies: Proxies,
        flow: Flow,
        statistics: Statistics,
        history: History,
        sampled: Callable[[float, Amounts], None],
    ) -> None:
        self._proxies = proxies
        self._flow = flow
        self._statistics = statistics
        self._history = history
        self._sampled = sampled
        self._before = Amounts(flow.bytes_in, flow.bytes_out, 0, flow.connections)

    async def run(self) -> None:
        """Sample for ever, at the whole steps of the clock."""
        while True:
            now = time.time()
            end = step_end(now)
            await asyncio.sleep(end - now)
            await self.sample(end)

    async def sample(self, now: float) -> None:
        """Take one sample at ``now``, in seconds since 1970. Others take their turn meanwhile."""
        count = 0
        for traffic in self._proxies.traffic():
            for live in traffic.live():
                live.sample(now, self._flow)
                if (count := count + 1) % _BATCH == 0:
                    await asyncio.sleep(0)
            if (count := count + 1) % _BATCH == 0:
                await asyncio.sleep(0)
        flow, before = self._flow, self._before
        amounts = Amounts(
            flow.bytes_in - before.traffic_in,
            flow.bytes_out - before.traffic_out,
            self._statistics.connections,
            flow.connections - before.opened,
        )
        self._before = Amounts(flow.bytes_in, flow.bytes_out, 0, flow.connections)
        self._history.add(now, amounts)
        self._sampled(now, amounts)
