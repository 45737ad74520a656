"""Open connections of users, listed and closed by the API: of a port, of a domain and of visitors."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from typing import Any

from aiofrp.client.service import Client
from tests.server.api.test_v1 import Api, serving, until
from tests.support.tunnel import PATIENCE, client_config, echo, local_service, running_client
from tests.support.web import saying


async def listed(api: Api, name: str) -> list[Any]:
    """The open connections of a proxy."""
    answer = await api(f"/api/v2/proxies/{name}/connections")
    assert answer.status == 200, answer.body
    items: list[Any] = answer.json["data"]["items"]
    return items


async def test_connections_are_listed_and_closed(free_ports: Callable[[], int]) -> None:
    remote = free_ports()
    async with serving() as (server, api), local_service(echo) as local:
        toml = f'[[proxies]]\nname = "t"\ntype = "tcp"\nlocalPort = {local}\nremotePort = {remote}\n'
        async with running_client(client_config(server.address[1], toml)):
            assert await listed(api, "t") == []
            users = [await asyncio.open_connection("127.0.0.1", remote) for _ in range(3)]
            for reader, writer in users:
                writer.write(b"12345")
                assert await reader.readexactly(5) == b"12345"
            shown = await listed(api, "t")
            addresses = [writer.get_extra_info("sockname") for _, writer in users]
            assert [item["userAddr"] for item in shown] == [f"127.0.0.1:{port}" for _, port in addresses]
            assert all((item["bytesIn"], item["bytesOut"]) == (5, 5) for item in shown)
            assert all(abs(item["startAt"] - time.time()) < 60 for item in shown)
            page = (await api("/api/v2/proxies/t/connections?page=2&pageSize=2")).json["data"]
            assert (page["total"], [item["id"] for item in page["items"]]) == (3, [shown[2]["id"]])

            path = f"/api/v2/proxies/t/connections/{shown[1]['id']}"
            foreign = await api(path, "DELETE", headers={"Origin": "http://evil.test"})
            assert foreign.status == 403
            assert (await api(path, "DELETE")).json["data"] == {"closed": 1}
            assert await asyncio.wait_for(asyncio.gather(users[1][0].read(), return_exceptions=True), 20)
            await until(lambda: has(api, "t", [shown[0]["id"], shown[2]["id"]]))
            assert (await api(path, "DELETE")).status == 404
            assert (await api("/api/v2/proxies/nobody/connections")).status == 404
            assert (await api("/api/v2/proxies/t/connections?pageSize=999")).status == 400
            users[0][1].write(b"on")
            assert await users[0][0].readexactly(2) == b"on"
            for _, writer in users:
                writer.close()
            await until(lambda: has(api, "t", []))


async def test_connections_of_domains_and_visitors(free_ports: Callable[[], int]) -> None:
    http, mux, door = free_ports(), free_ports(), free_ports()
    ports = f"vhostHTTPPort = {http}\ntcpmuxHTTPConnectPort = {mux}"
    async with (
        serving(ports) as (server, api),
        local_service(echo) as local,
        local_service(saying("ok")) as web,
    ):
        toml = f"""
            [[proxies]]
            name = "h"
            type = "http"
            localPort = {web}
            customDomains = ["h.test"]
            [[proxies]]
            name = "m"
            type = "tcpmux"
            multiplexer = "httpconnect"
            localPort = {local}
            customDomains = ["m.test"]
            [[proxies]]
            name = "s"
            type = "stcp"
            secretKey = "k"
            localPort = {local}
            [[visitors]]
            name = "v"
            type = "stcp"
            secretKey = "k"
            serverName = "s"
            bindPort = {door}
        """
        async with running_client(client_config(server.address[1], toml)) as client:
            await until(lambda: runs(client, "v"))
            users = [await asyncio.open_connection("127.0.0.1", port) for port in (http, mux, door)]
            greetings = [
                b"GET / HTTP/1.1\r\nHost: h.test\r\n\r\n",
                b"CONNECT m.test:80 HTTP/1.1\r\nHost: m.test:80\r\n\r\n",
                b"hi",
            ]
            for (reader, writer), greeting in zip(users, greetings, strict=True):
                writer.write(greeting)
                assert await asyncio.wait_for(reader.read(100), PATIENCE)
            for name, (_, writer) in zip("hm", users, strict=False):
                (shown,) = await listed(api, name)
                assert shown["userAddr"] == "127.0.0.1:{}".format(writer.get_extra_info("sockname")[1])
                assert shown["bytesOut"] > 0 or name == "m"
            (visitor,) = await listed(api, "s")
            assert visitor["userAddr"].startswith("127.0.0.1:")
            assert (await api(f"/api/v2/proxies/s/connections/{visitor['id']}", "DELETE")).status == 200
            await until(lambda: has(api, "s", []))
            for _, writer in users:
                writer.close()


async def test_users_of_a_udp_proxy(free_ports: Callable[[], int]) -> None:
    remote = free_ports()
    service = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    service.bind(("127.0.0.1", 0))
    user = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    user.bind(("127.0.0.1", 0))
    with service, user:
        for sock in (service, user):
            sock.settimeout(PATIENCE)
        local = service.getsockname()[1]
        toml = f'[[proxies]]\nname = "d"\ntype = "udp"\nlocalPort = {local}\nremotePort = {remote}\n'
        async with serving() as (server, api), running_client(client_config(server.address[1], toml)):
            assert await listed(api, "d") == []

            async def ping() -> None:
                user.sendto(b"hello", ("127.0.0.1", remote))
                _, sender = await asyncio.to_thread(service.recvfrom, 100)
                service.sendto(b"yes", sender)
                assert await asyncio.to_thread(user.recv, 100) == b"yes"

            await ping()
            (shown,) = await listed(api, "d")
            address = f"127.0.0.1:{user.getsockname()[1]}"
            assert (shown["id"], shown["userAddr"], shown["bytesIn"], shown["bytesOut"]) == (
                address,
                address,
                5,
                3,
            )
            assert (await api(f"/api/v2/proxies/d/connections/{address}", "DELETE")).json["data"] == {
                "closed": 1
            }
            assert await listed(api, "d") == []
            assert (await api(f"/api/v2/proxies/d/connections/{address}", "DELETE")).status == 404
            await ping()
            assert [item["bytesIn"] for item in await listed(api, "d")] == [5]


async def runs(client: Client, visitor: str) -> bool:
    return client.visitors.find(visitor) is not None


async def has(api: Api, name: str, ids: list[str]) -> bool:
    return [item["id"] for item in await listed(api, name)] == ids
