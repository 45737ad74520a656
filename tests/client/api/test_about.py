"""What frpc's pages show of the program, by HTTP; the check of a configuration and guards, too."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.admin import Caller, basic, calling, running_file
from tests.support.ports import free_port
from tests.support.tunnel import PATIENCE, running_server, server_config


@dataclass
class Page:
    """The API of a frpc with one visitor, and the server it is to log in at."""

    call: Caller
    server_port: int

    async def get(self, path: str) -> Any:
        status, _, body = await self.call("GET", path)
        assert status == 200, body
        return json.loads(body)

    async def until(self, path: str, key: str, value: Any) -> Any:
        """What ``path`` answers once its ``key`` is ``value``."""
        async with asyncio.timeout(PATIENCE):
            while (answer := await self.get(path))[key] != value:
                await asyncio.sleep(0.02)
        return answer


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[Page]:
    server, web, bound = free_port(), free_port(), free_port()
    path = tmp_path / "frpc.toml"
    path.write_text(f"""
        serverPort = {server}
        loginFailExit = false
        webServer.port = {web}
        webServer.user = "u"
        webServer.password = "p"
        [[visitors]]
        name = "v"
        type = "stcp"
        serverName = "s"
        bindPort = {bound}
    """)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(running_file(path, online=False))
        yield Page(await stack.enter_async_context(calling(web, basic("u", "p"))), server)


async def test_the_login_and_the_visitors(page: Page) -> None:
    async with asyncio.timeout(PATIENCE):
        while not (info := await page.get("/api/info"))["error"]:
            await asyncio.sleep(0.02)
    assert (info["state"], info["store"], info["configFile"]) == ("connecting", False, True)
    assert (await page.get("/api/visitors"))["visitors"][0]["state"] == "waiting"
    async with running_server(server_config(port=page.server_port)):
        info = await page.until("/api/info", "state", "connected")
        assert (info["error"], info["serverPort"]) == ("", page.server_port)
        async with asyncio.timeout(PATIENCE):
            while (visitor := (await page.get("/api/visitors"))["visitors"][0])["state"] != "running":
                await asyncio.sleep(0.02)
        assert (visitor["name"], visitor["serverName"], visitor["source"]) == ("v", "s", "file")
    info = await page.until("/api/info", "state", "connecting")
    assert info["error"]


async def test_schema_check_and_guards(page: Page) -> None:
    schema = await page.get("/api/schema")
    assert schema["visitors"]["stcp"]["properties"]["type"]["const"] == "stcp"
    status, _, body = await page.call("POST", "/api/config/check", body="serverPort = 1\n")
    found = json.loads(body)
    assert (status, found["problems"]) == (200, [])
    assert found["changes"]["removed"] == [{"kind": "visitor", "name": "v", "type": "stcp"}]
    foreign = {"Origin": "http://evil.test"}
    status, _, body = await page.call("POST", "/api/config/check", body="x", headers=foreign)
    assert (status, json.loads(body)["Code"]) == (403, 403)
