"""Bandwidth limits through whole tunnels: no faster than told, on either side, for every type.

Lower bounds only: what a limit of ``rate`` lets through takes at least (bytes - rate) / rate seconds, as a second's
worth may pass at once (docs/protocol/server.md §4.3).
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.e2e.test_stcp import listening, meeting, proxy, visitor
from tests.e2e.test_udp import ask, udp_echo
from tests.support.ends import until
from tests.support.ports import free_port
from tests.support.services import web_server
from tests.support.tunnel import (
    client_config,
    echo,
    exchange,
    local_service,
    running_client,
    running_server,
    server_config,
)

MB, KB = 1024 * 1024, 1024
MODES = ["client", "server"]


def limit(rate: str, mode: str) -> str:
    return f'transport.bandwidthLimit = "{rate}"\ntransport.bandwidthLimitMode = "{mode}"'


@asynccontextmanager
async def at_least(seconds: float) -> AsyncIterator[None]:
    clock = asyncio.get_running_loop().time
    began = clock()
    yield
    assert clock() - began >= seconds * 0.98


def listed(kind: str, local: int, extra: str) -> str:
    return f'[[proxies]]\nname = "p"\ntype = "{kind}"\nlocalPort = {local}\n{extra}\n'


@pytest.mark.parametrize("mode", MODES)
async def test_tcp_both_directions_and_all_users_share_it(mode: str) -> None:
    remote = free_port()
    data = bytes(range(256)) * (3 * KB // 4)
    async with local_service(echo) as local, running_server(server_config()) as server:
        entry = listed("tcp", local, f"remotePort = {remote}\n" + limit("1MB", mode))
        config = client_config(server.address[1], entry)
        async with running_client(config), at_least((8 * len(data) - MB) / MB):
            assert await asyncio.gather(*(exchange(remote, data) for _ in range(4))) == [data] * 4


@pytest.mark.parametrize("mode", MODES)
async def test_layers_do_not_change_the_bytes(mode: str) -> None:
    remote = free_port()
    data = b"tunnel" * 100_000
    layers = "transport.useEncryption = true\ntransport.useCompression = true\n"
    async with local_service(echo) as local, running_server(server_config()) as server:
        entry = listed("tcp", local, f"remotePort = {remote}\n" + layers + limit("1MB", mode))
        async with running_client(client_config(server.address[1], entry)):
            assert await exchange(remote, data) == data


@pytest.mark.parametrize("mode", MODES)
async def test_stcp(mode: str) -> None:
    port = free_port()
    data = bytes(3 * MB // 4)
    async with (
        local_service(echo) as local,
        meeting(proxy(local, limit("1MB", mode)), visitor(port)) as (_, client),
    ):
        await listening(client)
        async with at_least((2 * len(data) - MB) / MB):
            assert await exchange(port, data) == data


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", ["http", "tcpmux"])
async def test_vhosts(kind: str, mode: str) -> None:
    port = free_port()
    key = {"http": "vhostHTTPPort", "tcpmux": "tcpmuxHTTPConnectPort"}[kind]
    request = b"GET /page HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"
    if kind == "tcpmux":
        request = b"CONNECT a.example HTTP/1.1\r\n\r\n" + request
    with web_server({"/page": bytes(3 * MB // 2)}) as web:
        async with running_server(server_config(f"{key} = {port}")) as server:
            extra = 'customDomains = ["a.example"]\n' + limit("1MB", mode)
            extra += '\nmultiplexer = "httpconnect"' if kind == "tcpmux" else ""
            async with running_client(client_config(server.address[1], listed(kind, web.port, extra))):
                async with at_least(0.5):
                    answer = await exchange(port, request)
                assert len(answer) > 3 * MB // 2


@pytest.mark.parametrize("mode", MODES)
async def test_udp(mode: str) -> None:
    remote = free_port()
    async with udp_echo() as (local, _), running_server(server_config()) as server:
        entry = listed("udp", local, f"remotePort = {remote}\n" + limit("3KB", mode))
        config = client_config(server.address[1], entry)
        async with running_client(config), at_least((4 * 1300 - 3 * KB) / (3 * KB)):
            assert await ask(remote, bytes(1000), bytes(1000)) == [bytes(1000)] * 2


@pytest.mark.parametrize("mode", MODES)
async def test_sudp(mode: str) -> None:
    port = free_port()
    async with udp_echo() as (local, _):
        proxy_side = proxy(local, limit("3KB", mode), kind="sudp")
        async with meeting(proxy_side, visitor(port, kind="sudp")) as (_, client):
            await listening(client)
            async with at_least((4 * 1300 - 3 * KB) / (3 * KB)):
                assert await ask(port, bytes(1000), bytes(1000)) == [bytes(1000)] * 2


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("reset", [True, False])
async def test_nothing_is_left_of_a_user_who_leaves(mode: str, reset: bool) -> None:
    """The service hears of it although bytes of the user still wait for the limit."""
    remote = free_port()
    living: set[asyncio.StreamWriter] = set()

    async def sink(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        living.add(writer)
        try:
            while await reader.read(KB):
                pass
        finally:
            living.discard(writer)

    async with local_service(sink) as local, running_server(server_config()) as server:
        entry = listed("tcp", local, f"remotePort = {remote}\n" + limit("200KB", mode))
        async with running_client(client_config(server.address[1], entry)):
            _, writer = await asyncio.open_connection("127.0.0.1", remote)
            writer.write(bytes(400 * KB))
            await until(lambda: living)
            if reset:
                sock = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            await until(lambda: not living)
