"""Health checks through a whole tunnel: a proxy comes and goes with its service."""

from __future__ import annotations

import asyncio

import pytest

from aiofrp.client.service import Client
from aiofrp.client.states import Phase
from tests.support.ends import until
from tests.support.ports import free_port
from tests.support.services import tcp_echo, web_server
from tests.support.tunnel import (
    client_config,
    exchange,
    local_service,
    running_client,
    running_server,
    server_config,
)


def entry(name: str, local: int, remote: int, extra: str) -> str:
    return f"""
[[proxies]]
name = "{name}"
type = "tcp"
localPort = {local}
remotePort = {remote}
healthCheck.intervalSeconds = 1
{extra}
"""


def phase(client: Client, name: str) -> Phase:
    return next(proxy.state.phase for proxy in client.proxies.running() if proxy.config.name == name)


async def test_a_proxy_follows_its_service(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    local, remote = free_port(), free_port()
    async with running_server(server_config()) as server:
        config = client_config(server.address[1], entry("p", local, remote, 'healthCheck.type = "tcp"'))
        async with running_client(config) as client:
            await until(lambda: "do one health check failed: dial tcp" in caplog.text)
            assert phase(client, "p") is Phase.NEW
            async with tcp_echo(local):
                await until(lambda: phase(client, "p") is Phase.RUNNING)
                assert await exchange(remote, b"hello") == b"hello"
            await until(lambda: phase(client, "p") is Phase.CHECK_FAILED)
            await until(lambda: "close proxy [p] success" in caplog.text)
            with pytest.raises(ConnectionError):
                await exchange(remote, b"nobody")
            async with tcp_echo(local):
                await until(lambda: phase(client, "p") is Phase.RUNNING)
                assert await exchange(remote, b"again") == b"again"
    assert "[p] health check status change to success" in caplog.text
    assert "[p] health check status change to failed" in caplog.text


async def test_the_members_of_a_group_whose_service_answers_serve() -> None:
    """Both members are checked by http; the one with a bad status leaves the group to the other."""
    remote = free_port()
    group = (
        'loadBalancer = { group = "g", groupKey = "k" }\nhealthCheck.type = "http"\nhealthCheck.path = "well"'
    )
    request = b"GET /who HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with web_server({"/well": b"", "/who": b"first"}) as first, web_server({"/who": b"second"}) as second:
        async with running_server(server_config()) as server:
            sides = entry("a", first.port, remote, group) + entry("b", second.port, remote, group)
            async with running_client(client_config(server.address[1], sides)) as client:
                await until(lambda: phase(client, "a") is Phase.RUNNING)
                assert phase(client, "b") is Phase.NEW
                for _ in range(3):
                    assert (await exchange(remote, request)).endswith(b"first")
                second.pages["/well"] = b""
                await until(lambda: phase(client, "b") is Phase.RUNNING)
                answers = [await exchange(remote, request) for _ in range(4)]
                assert {answer[-5:] for answer in answers} == {b"first", b"econd"}
                del first.pages["/well"]
                await until(lambda: phase(client, "a") is Phase.CHECK_FAILED)
                await until(lambda: len(server.tables.groups["tcp"]) == 1)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nX-Session: " + b"x" * 9_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type : text/html\r\n\r\nfine",
        b"HTTP/1.1 204 No Content\r\n\r\nbytes that should not be there",
    ],
    ids=["a long field", "a blank before the colon", "a body after 204"],
)
async def test_a_service_with_odd_answers_is_well(answer: bytes) -> None:
    async def service(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)

    extra = 'healthCheck.type = "http"\nhealthCheck.path = "/well"'
    async with local_service(service) as port, running_server(server_config()) as server:
        config = client_config(server.address[1], entry("p", port, free_port(), extra))
        async with running_client(config) as client:
            await until(lambda: phase(client, "p") is Phase.RUNNING)


async def test_a_closed_proxy_is_not_asked_any_more() -> None:
    with web_server({"/well": b""}) as web:
        async with running_server(server_config()) as server:
            extra = 'healthCheck.type = "http"\nhealthCheck.path = "/well"'
            config = client_config(server.address[1], entry("p", web.port, free_port(), extra))
            async with running_client(config) as client:
                await until(lambda: phase(client, "p") is Phase.RUNNING)
                (running,) = client.proxies.running()
                await client.proxies.update(())
                await until(lambda: running._monitor is not None and running._monitor.done())
