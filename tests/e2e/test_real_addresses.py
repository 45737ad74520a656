"""PROXY headers through whole tunnels: the local service reads who the user is."""

from __future__ import annotations

import asyncio
import socket

import pytest

from tests.e2e.test_stcp import layers, listening, meeting, proxy, visitor
from tests.e2e.test_udp import udp_echo
from tests.support.ports import free_port
from tests.support.tunnel import (
    PATIENCE,
    client_config,
    echo,
    exchange,
    local_service,
    running_client,
    running_server,
    server_config,
)

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"


def binary(kind: int, src: int, dst: int) -> bytes:
    """A version 2 header between two ports of 127.0.0.1; ``kind``: 1 stream, 2 datagram."""
    ports = src.to_bytes(2, "big") + dst.to_bytes(2, "big")
    return SIGNATURE + bytes((0x21, 0x10 | kind, 0, 12)) + socket.inet_aton("127.0.0.1") * 2 + ports


def text(src: int, dst: int) -> bytes:
    return f"PROXY TCP4 127.0.0.1 127.0.0.1 {src} {dst}\r\n".encode()


def entry(kind: str, local: int, version: str, extra: str = "") -> str:
    return (
        f'[[proxies]]\nname = "p"\ntype = "{kind}"\nlocalPort = {local}\n'
        f'transport.proxyProtocolVersion = "{version}"\n{extra}\n'
    )


async def ask_tcp(port: int, data: bytes) -> tuple[int, bytes]:
    """Send and finish; the local port and what came back."""
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        own: int = writer.get_extra_info("sockname")[1]
        writer.write(data)
        writer.write_eof()
        answer = await reader.read()
        writer.close()
        return own, answer


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("layered", [True, False])
async def test_tcp(version: str, layered: bool) -> None:
    remote = free_port()
    async with local_service(echo) as local, running_server(server_config()) as server:
        config = entry("tcp", local, version, f"remotePort = {remote}\n" + layers(layered, layered))
        async with running_client(client_config(server.address[1], config)):
            own, answer = await ask_tcp(remote, b"hello")
    header = text(own, remote) if version == "v1" else binary(1, own, remote)
    assert answer == header + b"hello"


async def test_http_knows_no_destination() -> None:
    vhost, heads = free_port(), []

    async def web(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"HTTP/1.1\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")

    async with (
        local_service(web) as local,
        running_server(server_config(f"vhostHTTPPort = {vhost}")) as server,
    ):
        config = entry("http", local, "v2", 'customDomains = ["a.example"]')
        async with running_client(client_config(server.address[1], config)):
            request = b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"
            own, answer = await ask_tcp(vhost, request)
    assert answer.endswith(b"ok")
    assert heads == [binary(1, own, 0) + b"GET / HTTP/1.1\r\n"]


async def test_stcp_tells_the_address_of_the_visitors_connection() -> None:
    port = free_port()
    async with local_service(echo) as local:
        proxy_side = proxy(local, 'transport.proxyProtocolVersion = "v1"')
        async with meeting(proxy_side, visitor(port)) as (server, client):
            await listening(client)
            answer = await exchange(port, b"hello")
            line, _, rest = answer.partition(b"\r\n")
            words = line.split()
            assert int(words[5]) == server.address[1]
    assert words[:4] == [b"PROXY", b"TCP4", b"127.0.0.1", b"127.0.0.1"]
    assert rest == b"hello"


async def datagrams(port: int) -> tuple[int, list[bytes]]:
    """Two datagrams of one user; its port and the answers."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as user:
        user.setblocking(False)
        user.connect(("127.0.0.1", port))
        answers = []
        async with asyncio.timeout(PATIENCE):
            for payload in (b"one", b"two"):
                await loop.sock_sendall(user, payload)
                answers.append(await loop.sock_recv(user, 65536))
        return user.getsockname()[1], answers


@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_udp_marks_the_first_datagram_of_each_user(version: str) -> None:
    remote = free_port()
    async with udp_echo() as (local, _), running_server(server_config()) as server:
        config = entry("udp", local, version, f"remotePort = {remote}")
        async with running_client(client_config(server.address[1], config)):
            for _ in range(2):
                own, answers = await datagrams(remote)
                header = b"PROXY UNKNOWN\r\n" if version == "v1" else binary(2, own, local)
                assert answers == [header + b"one", b"two"]


async def test_sudp() -> None:
    port = free_port()
    async with udp_echo() as (local, _):
        proxy_side = proxy(local, 'transport.proxyProtocolVersion = "v2"', kind="sudp")
        async with meeting(proxy_side, visitor(port, kind="sudp")) as (_, client):
            await listening(client)
            own, answers = await datagrams(port)
    assert answers == [binary(2, own, local) + b"one", b"two"]
