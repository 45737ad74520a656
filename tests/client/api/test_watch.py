"""The log and the events of frpc, by HTTP."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.admin import calling, running_file
from tests.support.ports import free_port
from tests.support.tunnel import PATIENCE, running_server, server_config


async def event(response: aiohttp.ClientResponse, wanted: str, **fields: Any) -> Any:
    """The next event of the type ``wanted`` with these fields; others are skipped."""
    name = ""
    async with asyncio.timeout(PATIENCE):
        while True:
            key, _, value = (await response.content.readline()).decode().strip().partition(": ")
            if key == "event":
                name = value
            elif key == "data" and name == wanted:
                data = json.loads(value)
                if fields.items() <= data.items():
                    return data


async def test_events_as_states_change(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "aiofrp")
    web, bound, remote = free_port(), free_port(), free_port()
    path = tmp_path / "frpc.toml"
    server = free_port()
    path.write_text(f"""
        serverPort = {server}
        loginFailExit = false
        webServer.port = {web}
        [[proxies]]
        name = "p"
        type = "tcp"
        localPort = 1
        remotePort = {remote}
        healthCheck.type = "tcp"
        [[proxies]]
        name = "free"
        type = "tcp"
        localPort = 1
        [[visitors]]
        name = "v"
        type = "stcp"
        serverName = "s"
        bindPort = {bound}
    """)
    url = f"http://127.0.0.1:{web}/api/events?logs=1"
    async with running_file(path, online=False), calling(web) as call, aiohttp.ClientSession() as session:
        async with session.get(url) as stream:
            async with running_server(server_config(port=server)):
                connected = await event(stream, "connection", state="connected")
                assert connected["serverPort"] == server
                assert (await event(stream, "status", name="free", status="running"))["err"] == ""
            await event(stream, "status", name="free", status="closed")
        status, _, body = await call("GET", "/api/logs?q=login+to+server+success&limit=1")
        assert (status, len(json.loads(body)["lines"])) == (200, 1)


async def test_visitors_and_health_and_lines(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "aiofrp")
    web, server, bound = free_port(), free_port(), free_port()
    path = tmp_path / "frpc.toml"
    path.write_text(f"""
        serverPort = {server}
        webServer.port = {web}
        [[proxies]]
        name = "p"
        type = "tcp"
        localPort = {free_port()}
        healthCheck.type = "tcp"
    """)
    url = f"http://127.0.0.1:{web}/api/events?logs=1"
    async with (
        running_server(server_config(port=server)),
        running_file(path, online=False),
        calling(web) as call,
        aiohttp.ClientSession() as session,
        session.get(url) as stream,
    ):
        visitor = f'\n[[visitors]]\nname = "v"\ntype = "stcp"\nserverName = "s"\nbindPort = {bound}\n'
        path.write_text(path.read_text() + visitor + visitor.replace('"v"', '"w"'))
        assert (await call("GET", "/api/reload"))[0] == 200
        assert (await event(stream, "visitor", name="v", state="running"))["bindPort"] == bound
        refused = await event(stream, "visitor", name="w", state="start error")
        assert "another program has the tcp port" in refused["hint"], refused
        assert (await event(stream, "log", level="info"))["text"]
        shown = json.loads((await call("GET", "/api/status"))[2])
        assert shown["tcp"][0]["health"] == "down"
