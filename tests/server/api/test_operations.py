"""Kick, disable and enable by the API: what the client is told, what users notice, what is noted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aiofrp.client.service import Client
from aiofrp.client.states import Phase
from aiofrp.server.api.audited import MAX_BODY
from aiofrp.wire.frp.messages import CloseProxy
from tests.server.api.test_v1 import Answer, Api, serving, until
from tests.support.tunnel import PATIENCE, client_config, echo, exchange, local_service, running_client


def proxy(name: str, local: int, remote: int) -> str:
    return f'[[proxies]]\nname = "{name}"\ntype = "tcp"\nlocalPort = {local}\nremotePort = {remote}\n'


async def post(api: Api, path: str, reason: str = "", **headers: str) -> Answer:
    """POST with a reason; the answer."""
    body = json.dumps({"reason": reason}) if reason else ""
    return await api(f"/api/v2{path}", "POST", body=body, headers=headers)


async def phase(client: Client, name: str, wanted: Phase) -> str:
    """The error of a proxy, once it is in a phase."""
    async with asyncio.timeout(PATIENCE):
        while True:
            for running in client.proxies.running():
                if running.config.name == name and running.state.phase is wanted:
                    return running.state.error
            await asyncio.sleep(0.01)


async def audit(api: Api) -> list[Any]:
    items = (await api("/api/v2/audit")).json["data"]["items"]
    return [(item["action"], item["target"], item["detail"], item["result"]) for item in items]


async def test_a_disabled_proxy_serves_nobody_until_it_is_enabled(
    free_ports: Callable[[], int], tmp_path: Path
) -> None:
    one, two = free_ports(), free_ports()
    file = tmp_path / "audit.log"
    async with serving(f'auditFile = "{file}"') as (server, api), local_service(echo) as local:
        toml = 'clientID = "c"\n' + proxy("p", local, one) + proxy("other", local, two)
        config = client_config(server.address[1], toml)
        async with running_client(config) as client:
            reader, writer = await asyncio.open_connection("127.0.0.1", one)
            writer.write(b"?")
            assert await reader.readexactly(1) == b"?"
            answer = await post(api, "/proxies/p/disable", "abuse <b>")
            shown = {"phase": "offline", "disabled": True, "reason": "abuse <b>"}
            assert answer.json["data"]["status"].items() >= shown.items()
            assert "<b>" not in answer.body
            error = await phase(client, "p", Phase.START_ERROR)
            assert "disabled by u@127.0.0.1 since" in error
            assert error.endswith(": abuse <b>")
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await asyncio.wait_for(reader.readexactly(1), PATIENCE)
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", one)
            assert await exchange(two, b"on") == b"on"
            assert (await post(api, "/proxies/p/enable")).json["data"]["status"]["phase"] == "online"
            await phase(client, "p", Phase.RUNNING)
            assert await exchange(one, b"again") == b"again"
            await post(api, "/proxies/p/disable", "second")
            await phase(client, "p", Phase.START_ERROR)
        async with running_client(config) as client:  # it comes back, and is refused
            assert (await phase(client, "p", Phase.START_ERROR)).endswith(": second")
            assert await exchange(two, b"on") == b"on"
            (entry,) = (await api("/api/v2/disabled")).json["data"]["items"]
            assert (entry["name"], entry["by"], entry["reason"]) == ("p", "u@127.0.0.1", "second")
            assert (await post(api, "/proxies/p/enable")).json["data"]["status"]["phase"] == "offline"
        async with running_client(config) as client:
            await phase(client, "p", Phase.RUNNING)
            assert await exchange(one, b"back") == b"back"
        assert (await post(api, "/proxies/p/enable")).status == 409
        assert await audit(api) == [
            ("enable", "p", "", "proxy p is not disabled"),
            ("enable", "p", "", "ok"),
            ("disable", "p", "second", "ok"),
            ("enable", "p", "", "ok"),
            ("disable", "p", "abuse <b>", "ok"),
        ]
        assert len(file.read_text().splitlines()) == 5


async def test_a_kicked_client_is_told_why_and_may_come_back(free_ports: Callable[[], int]) -> None:
    remote = free_ports()
    async with serving() as (server, api), local_service(echo) as local:
        toml = 'clientID = "c"\n' + proxy("p", local, remote)
        async with running_client(client_config(server.address[1], toml)) as client:
            before = (await api("/api/v2/clients/c")).json["data"]
            answer = await post(api, "/clients/c/kick", "maintenance")
            assert answer.json["data"] == {"key": "c", "runID": before["runID"]}

            async def told() -> bool:
                return client.login.error.endswith("kicked by u@127.0.0.1: maintenance")

            async def back() -> bool:
                return client.login.state == "connected"

            await until(told)
            await until(back)
            await phase(client, "p", Phase.RUNNING)
            assert await exchange(remote, b"back") == b"back"
        assert (await post(api, "/clients/c/kick")).status == 409
        assert (await post(api, "/clients/nobody/kick")).status == 404
        assert [result for _, _, _, result in await audit(api)] == [
            *("client nobody not found", "client c is offline", "ok")
        ]


async def test_what_is_refused_changes_nothing(free_ports: Callable[[], int]) -> None:
    async with (
        serving() as (server, api),
        running_client(client_config(server.address[1], proxy("p", 1, free_ports()))),
    ):
        path = "/api/v2/proxies/p/disable"
        assert (await api(path, "POST", headers={"Origin": "http://evil.test"})).status == 403
        assert (await api(path, "POST", headers={"Sec-Fetch-Site": "cross-site"})).status == 403
        assert (await api(path, "POST", auth=None)).status == 401
        assert (await api(path)).status == 405
        for body in ("[]", "x", '{"reason": 1}', "[" * 5000, json.dumps({"reason": "r" * 501})):
            assert (await api(path, "POST", body=body)).status == 400, body
        assert (await api(path, "POST", body=" " * (MAX_BODY + 1))).status == 413
        assert (await api("/api/v2/proxies/nobody/disable", "POST")).status == 404
        assert (await api("/api/v2/disabled")).json["data"]["items"] == []
        assert (await api("/api/v2/proxies/p")).json["data"]["status"]["phase"] == "online"


async def test_a_request_that_is_cut_off_is_no_fault_of_the_program(caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as (server, api):
        _, writer = await asyncio.open_connection("127.0.0.1", server.config.web_server.port)
        head = b"POST /api/v2/clients/x/kick HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n"
        writer.write(head + b"Authorization: Basic dTpw\r\n\r\n{")
        await writer.drain()
        writer.transport.abort()

        async def refused() -> bool:
            return "the connection was lost before the end of the request" in caplog.text

        await until(refused)
        assert "internal error" not in caplog.text
        assert await audit(api) == []


async def test_a_client_closes_a_proxy_while_frps_stops_all(free_ports: Callable[[], int]) -> None:
    """It is stopped once, whoever is first, and that ends no loop over the others."""
    toml = "".join(proxy(f"p{number}", 1, free_ports()) for number in range(3))
    async with serving() as (server, _), running_client(client_config(server.address[1], toml)):
        (session,) = server.tables.sessions.all()
        message = CloseProxy(proxy_name="p2")
        close = session.messages.find(message)
        assert close is not None
        closing = close(message)
        assert closing is not None
        await asyncio.gather(session.stop_proxies(), closing)
        assert session.proxies_used == 0
        assert server.statistics is not None
        assert server.statistics.proxy_counts == {"tcp": 0}
