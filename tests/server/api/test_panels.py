"""The calls of panels and collectors that people run beside frps, and of the pages of frp itself, with the fields that
each reads.

Panels are programs, not pages: they send basic credentials at once, the User-Agent of their HTTP library and no field
of a browser. The calls of frp's pages were recorded in a browser, with its fields.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.server.api.test_v1 import serving
from tests.support.tunnel import client_config, running_client

GO = {"User-Agent": "Go-http-client/1.1", "Accept-Encoding": "gzip"}
NODE = {"User-Agent": "axios/1.7.2", "Accept": "application/json, text/plain, */*"}
PYTHON = {"User-Agent": "python-requests/2.32.3", "Accept": "*/*", "Connection": "keep-alive"}

SERVER = (
    "version",
    "bindPort",
    "curConns",
    "clientCounts",
    "totalTrafficIn",
    "totalTrafficOut",
    "proxyTypeCount",
)
PROXY = ("name", "conf", "curConns", "todayTrafficIn", "todayTrafficOut", "lastStartTime", "status")
CLIENT = ("key", "user", "clientID", "runID", "hostname", "online")
TYPES = ("tcp", "udp", "http", "https", "stcp", "sudp", "xtcp", "tcpmux")


@dataclass(frozen=True)
class Panel:
    """A program, and what it asks for."""

    name: str
    headers: dict[str, str]
    server: tuple[str, ...]  #: fields of ``/api/serverinfo``
    types: tuple[str, ...]  #: each asked for by ``/api/proxy/{type}``
    clients: bool = False  #: it reads ``/api/clients``
    one: str = ""  #: how it asks for one proxy
    traffic: bool = False  #: it reads ``/api/traffic/{name}``


PANELS = [
    Panel("frps-panel", GO, SERVER, ("tcp", "udp", "http", "https", "stcp", "sudp"), traffic=True),
    Panel("frps-manager", GO, SERVER, TYPES, clients=True, one="/api/proxies/{name}"),
    Panel("a watcher in JavaScript", NODE, (), ("tcp", "http"), one="/api/proxy/tcp/{name}"),
    Panel("a watcher in Python", PYTHON, ("curConns",), ("tcp",), clients=True, traffic=True),
]


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.name)
async def test_panels_get_what_they_read(panel: Panel, free_ports: Callable[[], int]) -> None:
    remote = free_ports()
    toml = f'user = "u"\n[[proxies]]\nname = "p"\ntype = "tcp"\nlocalPort = 1\nremotePort = {remote}\n'
    async with serving() as (server, api):

        async def get(path: str) -> Any:
            answer = await api(path, headers=panel.headers)
            assert answer.status == 200, answer.body
            assert answer.headers["content-type"].startswith("application/json")
            return answer.json

        async with running_client(client_config(server.address[1], toml)):
            if panel.server:
                assert set(panel.server) <= set(await get("/api/serverinfo"))
            found = [proxy for kind in panel.types for proxy in (await get(f"/api/proxy/{kind}"))["proxies"]]
            assert [proxy["name"] for proxy in found] == ["u.p"]
            assert set(PROXY) <= set(found[0])
            assert found[0]["conf"]["remotePort"] == remote
            assert found[0]["status"] == "online"
            if panel.one:
                assert (await get(panel.one.format(name="u.p")))["name"] == "u.p"
            if panel.traffic:
                traffic = await get("/api/traffic/u.p")
                assert [len(traffic[key]) for key in ("trafficIn", "trafficOut")] == [7, 7]
            if panel.clients:
                (client,) = await get("/api/clients")
                assert set(CLIENT) <= set(client)
        assert (await get("/api/proxy/tcp"))["proxies"][0]["status"] == "offline"
        assert (await api("/api/proxies/nobody", headers=panel.headers)).status == 404
        assert (await api("/api/serverinfo", headers=panel.headers, auth=("u", "x"))).status == 401


BROWSER = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36",
    "Sec-Fetch-Site": "same-origin",
    "Sec-Fetch-Mode": "cors",
    "Accept": "*/*",
}
#: What frp's own pages of frps ask for, one after the other, and the fields that they read of each answer.
PAGES = {
    "/api/v2/system/info": ("version", "config", "status"),
    "/api/v2/clients?page=1&pageSize=10": ("total", "page", "pageSize", "items"),
    "/api/v2/clients?page=1&pageSize=10&status=online&q=lap": ("total", "items"),
    "/api/v2/clients/laptop": (
        "key",
        "runID",
        "wireProtocol",
        "firstConnectedAt",
        "lastConnectedAt",
        "status",
    ),
    "/api/v2/proxies?page=1&pageSize=10": ("total", "page", "pageSize", "items"),
    "/api/v2/proxies?page=1&pageSize=10&type=tcp&q=ssh": ("total", "items"),
    "/api/v2/proxies?page=1&pageSize=10&user=&clientID=laptop": ("total", "items"),
    "/api/v2/proxies/ssh": ("name", "user", "clientID", "spec", "status"),
    "/api/v2/proxies/ssh/traffic": ("name", "unit", "granularity", "history"),
}


async def test_the_pages_of_frp_get_what_they_read(free_ports: Callable[[], int], tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<!doctype html><title>frps</title>")
    (tmp_path / "index-abc.js").write_text("export {}")
    remote = free_ports()
    toml = f'clientID = "laptop"\n[[proxies]]\nname = "ssh"\ntype = "tcp"\nlocalPort = 1\nremotePort = {remote}\n'
    async with serving(f'webServer.assetsDir = "{tmp_path}"\n') as (server, api):
        assert (await api("/")).headers["location"] == "/static/"
        assert "<title>frps" in (await api("/static/", headers=BROWSER)).body
        script = await api("/static/index-abc.js", headers=BROWSER)
        assert (script.status, "javascript" in script.headers["content-type"]) == (200, True)
        async with running_client(client_config(server.address[1], toml)):
            for path, fields in PAGES.items():
                answer = await api(path, headers=BROWSER)
                assert answer.status == 200, path
                assert set(fields) <= set(answer.json["data"]), path
                assert answer.json["data"].get("total", 1) == 1, path
        prune = await api("/api/v2/system/prune?type=offline_proxies", "POST", headers=BROWSER)
        assert prune.json["data"]["cleared"] == 1
