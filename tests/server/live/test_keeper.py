"""Traffic figures survive a restart of frps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from aiofrp.server.api.statistics import DAYS, Statistics
from aiofrp.server.live.history import Amounts, History
from aiofrp.server.live.keeper import Keeper
from tests.server.api.test_v1 import Api, serving, until
from tests.support.localclock import Clock
from tests.support.tunnel import client_config, echo, exchange, local_service, running_client


async def test_a_restart_keeps_the_figures(free_ports: Callable[[], int], tmp_path: Path) -> None:
    remote = free_ports()
    keys = f'historyFile = "{tmp_path / "history.db"}"'
    async with local_service(echo) as local:
        toml = f'[[proxies]]\nname = "t"\ntype = "tcp"\nlocalPort = {local}\nremotePort = {remote}\n'
        for run in (1, 2):
            async with (
                serving(keys) as (server, api),
                running_client(client_config(server.address[1], toml)),
            ):
                assert await exchange(remote, b"x" * 1000) == b"x" * 1000

                async def counted(api: Api = api, total: int = run * 1000) -> bool:
                    return bool((await api("/api/serverinfo")).json["totalTrafficIn"] == total)

                await until(counted)
                assert (await api("/api/traffic/t")).json["trafficIn"][0] == run * 1000
        async with serving(keys) as (_, api):
            week = (await api("/api/v2/history?range=week")).json["data"]
            assert (week["trafficIn"][-1], week["newConnections"][-1]) == (2000, 2)
            shown = (await api("/api/v2/proxies/t")).json["data"]["status"]
            assert (shown["phase"], shown["todayTrafficOut"]) == ("offline", 2000)
        async with serving() as (_, api):
            assert (await api("/api/traffic/t")).status == 404


async def test_days_move_on_between_runs(tmp_path: Path) -> None:
    clock = Clock()
    path = str(tmp_path / "history.db")
    before = Statistics(clock)
    before.proxy_opened("p", "tcp", "u", "c")
    before.proxy_opened("idle", "tcp", "u", "c")
    before.traffic("p", "tcp", 5, 6)
    await Keeper(path, History(), before).save()
    clock.pass_(days=2)
    after = Statistics(clock)
    await Keeper(path, History(), after).restore()
    (record,) = after.proxies()
    assert (record.name, record.user, record.client_id, record.open) == ("p", "u", "c", False)
    assert record.last_close == record.last_start > 0
    assert record.traffic_in.days(after.today) == [0, 0, 5, 0, 0, 0, 0]
    assert after.traffic_out.days(after.today) == [0, 0, 6, 0, 0, 0, 0]
    after.proxy_opened("p", "tcp", "u", "c")
    after.traffic("p", "tcp", 1, 0)
    assert record.traffic_in.today(after.today) == 1
    clock.pass_(days=DAYS)
    late = Statistics(clock)
    await Keeper(path, History(), late).restore()
    assert not any(late.traffic_in.days(late.today))


async def test_the_history_is_kept(tmp_path: Path) -> None:
    path = str(tmp_path / "history.db")
    history, again = History(), History()
    history.hour.add(1000, Amounts(1, 2, 3, 4))
    history.week.add(700_000, Amounts(5))
    await Keeper(path, history, Statistics()).save()
    await Keeper(path, again, Statistics()).restore()
    assert again.hour.known() == [(1000, Amounts(1, 2, 3, 4))]
    assert again.week.known() == [(700_000, Amounts(5))]


async def test_no_more_proxies_are_restored_than_are_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "history.db")
    before, after = Statistics(), Statistics()
    for name in ("a", "b", "c"):
        before.proxy_opened(name, "tcp", "", "")
        before.traffic(name, "tcp", 1, 1)
    await Keeper(path, History(), before).save()
    monkeypatch.setattr("aiofrp.server.api.statistics.CLOSED_LIMIT", 2)
    await Keeper(path, History(), after).restore()
    assert [record.name for record in after.proxies()] == ["a", "b"]
    assert after.traffic_in.today(after.today) == 3
