"""Samples: what moved since the one before, of running connections too, in turns."""

from __future__ import annotations

import asyncio
import time
from typing import cast

from aiofrp.server.api.statistics import Statistics
from aiofrp.server.live.history import Amounts, History
from aiofrp.server.live.sampler import Sampler, step_end
from aiofrp.server.publish.flow import Flow
from aiofrp.server.publish.proxies import Proxies
from aiofrp.server.publish.published import Traffic


class Moving:
    source = ("192.0.2.1", 9)

    def __init__(self) -> None:
        self.bytes_in = self.bytes_out = 0

    def abort(self) -> None:
        raise AssertionError("nothing is aborted in these tests")


class Published:
    """The proxies of a frps, with their connections."""

    def __init__(self, *traffic: Traffic) -> None:
        self._traffic = traffic

    def traffic(self) -> list[Traffic]:
        return list(self._traffic)


async def test_running_connections_count_as_they_go() -> None:
    flow, statistics, history = Flow(), Statistics(), History()
    taken: list[Amounts] = []
    proxy = Traffic(("p", "tcp"), [statistics], lambda traffic: None, flow)
    sampler = Sampler(
        cast("Proxies", Published(proxy)),
        flow,
        statistics,
        history,
        lambda now, amounts: taken.append(amounts),
    )
    moving, now = Moving(), time.time()
    proxy.opened(moving)
    moving.bytes_in = 100
    await sampler.sample(now)
    moving.bytes_out = 7
    await sampler.sample(now + 5)
    moving.bytes_out = 8
    proxy.closed(moving)
    proxy.count(10, 20)
    await sampler.sample(now + 10)
    assert taken == [Amounts(100, 0, 1, 1), Amounts(0, 7, 1, 0), Amounts(10, 21, 0, 0)]
    assert history.last_hour(now + 10)[1][-1] == Amounts(10, 21, 0, 0)


async def test_many_connections_are_sampled_in_turns() -> None:
    flow, statistics = Flow(), Statistics()
    proxies = [Traffic((f"p{i}", "tcp"), [], lambda traffic: None, flow) for i in range(50)]
    for proxy in proxies:
        for _ in range(20):
            proxy.opened(Moving())
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    sampler = Sampler(
        cast("Proxies", Published(*proxies)), flow, statistics, History(), lambda now, amounts: None
    )
    others = asyncio.create_task(count_turns())
    await asyncio.sleep(0)
    await sampler.sample(time.time())
    others.cancel()
    assert turns >= 5


def test_a_sleep_that_ends_early_is_not_a_step_of_its_own() -> None:
    assert [step_end(now) for now in (100.0, 100.01, 104.4, 104.999, 105.0)] == [105, 105, 105, 110, 110]
