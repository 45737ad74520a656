"""The history, the log and the events of frps, by HTTP."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from aiofrp.server.api.clients import Clients
from aiofrp.server.api.statistics import Statistics
from aiofrp.server.api.watch import WatchApi
from aiofrp.server.live.history import History
from aiofrp.wire.frp.messages import Login
from tests.server.api.test_v1 import serving, until
from tests.support.tunnel import PATIENCE, client_config, echo, exchange, local_service, running_client

AUTH = "Basic " + base64.b64encode(b"u:p").decode()


async def events(response: aiohttp.ClientResponse, wanted: dict[str, Any]) -> None:
    """Read events until each of ``wanted`` (type → fields) has come."""
    name = ""
    async with asyncio.timeout(PATIENCE):
        while wanted:
            key, _, value = (await response.content.readline()).decode().strip().partition(": ")
            if key == "event":
                name = value
            elif key == "data" and name in wanted and wanted[name].items() <= json.loads(value).items():
                del wanted[name]


async def test_events_history_and_log(
    free_ports: Callable[[], int], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "aiofrp")
    remote = free_ports()
    async with serving() as (server, api), local_service(echo) as local, aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{server.config.web_server.port}/api/v2/events?logs=1"
        toml = f'clientID = "c"\n[[proxies]]\nname = "<b>t"\ntype = "tcp"\nlocalPort = {local}\nremotePort = {remote}\n'
        async with session.get(url, headers={"Authorization": AUTH}) as stream:
            assert stream.status == 200
            async with running_client(client_config(server.address[1], toml)):
                assert await exchange(remote, b"x" * 1000) == b"x" * 1000
                came = {
                    "client": {"key": "c", "phase": "online"},
                    "proxy": {"name": "<b>t", "phase": "online"},
                }
                await events(stream, {**came, "log": {"level": "info"}})

                async def counted() -> bool:
                    assert server.statistics is not None
                    return server.statistics.connections == 0

                await until(counted)
                await sample(server)
                await events(
                    stream, {"sample": {"newConnections": 1, "clientCounts": 1, "proxyTypeCount": {"tcp": 1}}}
                )
            await events(stream, {"client": {"key": "c", "phase": "offline"}, "proxy": {"phase": "offline"}})
        hour = (await api("/api/v2/history?range=hour")).json["data"]
        assert (hour["step"], len(hour["trafficIn"]), sum(hour["trafficIn"])) == (5, 720, 1000)
        assert sum(hour["newConnections"]) == 1
        week = (await api("/api/v2/history?range=week")).json["data"]
        assert (week["step"], len(week["trafficOut"]), week["trafficOut"][-1]) == (86_400, 7, 1000)
        assert (await api("/api/v2/history?range=year")).status == 400
        lines = (await api("/api/v2/logs?q=client%20exit&level=info&limit=1")).json["data"]["lines"]
        assert [line["level"] for line in lines] == ["info"]
        assert (await api("/api/v2/logs?level=loud")).json["code"] == 400
        assert (await api("/api/v2/logs", auth=None)).status == 401


async def sample(server: Any) -> None:
    """Take a sample now, whatever the clock says."""
    await server._api._sampler.sample(time.time())


async def test_the_key_of_a_client_without_an_id_has_no_whole_run_id() -> None:
    clients, watch = Clients(), WatchApi(Statistics(), History(), lambda run_id: run_id[:3])
    clients.changed = watch.client_changed
    published: list[Any] = []
    watch.streams.publish = lambda event, data, key="": published.append((event, data))  # type: ignore[method-assign]
    login = Login(user="alice")
    clients.entered(login, "0123456789", "v1", "192.0.2.1")
    clients.left(login, "0123456789")
    assert published == [
        ("client", {"key": "alice.012", "phase": "online"}),
        ("client", {"key": "alice.012", "phase": "offline"}),
    ]
