"""The tcp proxy over KCP: every mix of layers, ours alone and with reference programs on either side."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
import socket
from pathlib import Path

import pytest

from aiofrp.errors import FrpError
from aiofrp.server.service import Server
from tests.support import peers, procs
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

MIXES = list(itertools.product((True, False), repeat=2))
PAIRS: list[tuple[procs.Side, procs.Side]] = [("ours", "go"), ("go", "ours"), ("ours", "ours")]


def layers(tls: bool, mux: bool) -> str:
    """What both sides must know, and what the client alone."""
    return f"transport.tcpMux = {str(mux).lower()}\n" + ("" if tls else "transport.tls.enable = false\n")


def proxy(local: int, remote: int) -> str:
    return f'[[proxies]]\nname = "echo"\ntype = "tcp"\nlocalPort = {local}\nremotePort = {remote}\n'


async def echoed(remote: int, data: bytes) -> bytes:
    """What comes back for ``data``; without a half-close, which the reference takes for a close."""
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection("127.0.0.1", remote)
        writer.write(data)
        try:
            return await reader.readexactly(len(data))
        finally:
            writer.close()
            await writer.wait_closed()


async def carries(remote: int, *, size: int = 1_000_000, connections: int = 20) -> None:
    """One large exchange, then many short ones at once."""
    data = os.urandom(size)
    assert hashlib.sha256(await echoed(remote, data)).digest() == hashlib.sha256(data).digest()
    answers = await asyncio.gather(*(echoed(remote, b"%d" % i) for i in range(connections)))
    assert answers == [b"%d" % i for i in range(connections)]


@pytest.mark.parametrize(("tls", "mux"), MIXES)
async def test_every_mix_of_layers(tls: bool, mux: bool) -> None:
    remote, port = free_port(), free_port()
    server = server_config(f"kcpBindPort = {port}\ntransport.tcpMux = {str(mux).lower()}\n")
    async with local_service(echo) as local, running_server(server):
        toml = 'transport.protocol = "kcp"\n' + layers(tls, mux) + proxy(local, remote)
        async with running_client(client_config(port, toml)):
            await carries(remote)


async def test_the_port_may_have_the_number_of_the_tcp_port() -> None:
    remote, port = free_port(), free_port()
    server = server_config(f"kcpBindPort = {port}\n", port=port)
    async with local_service(echo) as local, running_server(server):
        toml = 'transport.protocol = "kcp"\n' + proxy(local, remote)
        async with running_client(client_config(port, toml)):
            assert await exchange(remote, b"hello") == b"hello"


async def test_a_server_that_forces_tls_drops_a_plain_client() -> None:
    port = free_port()
    server = server_config(f"kcpBindPort = {port}\ntransport.tls.force = true\n")
    async with running_server(server):
        toml = 'transport.protocol = "kcp"\ntransport.tls.enable = false\n'
        with pytest.raises(FrpError, match="login to the server failed"):
            async with running_client(client_config(port, toml)):
                pass


async def test_a_port_that_is_taken_is_told_by_its_name() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        server = Server(server_config(f"kcpBindPort = {port}\n"))
        with pytest.raises(FrpError) as caught:
            await server.start()
    assert caught.value.text == (
        f"listen on kcp udp address 127.0.0.1:{port} error: "
        f"listen udp 127.0.0.1:{port}: bind: address already in use"
    )


async def test_a_client_whose_server_is_not_there_hears_so_at_once() -> None:
    toml = 'transport.protocol = "kcp"\n'
    with pytest.raises(FrpError, match="TLS handshake"):
        async with running_client(client_config(free_port(), toml)):
            pass


async def test_a_server_that_began_anew_is_found_again() -> None:
    remote, port = free_port(), free_port()
    toml = 'transport.protocol = "kcp"\n'
    config = server_config(f"kcpBindPort = {port}\n")
    async with local_service(echo) as local:
        client = client_config(port, toml + proxy(local, remote))
        async with running_server(config):
            running = running_client(client)
            await running.__aenter__()
            assert await exchange(remote, b"before") == b"before"
        async with running_server(config):
            async with asyncio.timeout(20):
                while await attempt(remote) != b"after":
                    await asyncio.sleep(0.05)
            await running.__aexit__(None, None, None)


async def attempt(remote: int) -> bytes:
    try:
        return await exchange(remote, b"after")
    except OSError:
        return b""


@peers.needs_go
@pytest.mark.parametrize(("server_side", "client_side"), PAIRS, ids=lambda side: str(side))
@pytest.mark.parametrize(("tls", "mux"), MIXES)
async def test_programs(
    tmp_path: Path, server_side: procs.Side, client_side: procs.Side, tls: bool, mux: bool
) -> None:
    remote, port = free_port(), free_port()
    server = (
        f'bindAddr = "127.0.0.1"\nbindPort = {free_port()}\nkcpBindPort = {port}\n'
        f"transport.tcpMux = {str(mux).lower()}\n"
    )
    async with local_service(echo) as local, procs.frps(tmp_path, server, side=server_side) as frps:
        assert f"frps kcp listen on udp 127.0.0.1:{port}" in frps.text
        client = (
            f'serverAddr = "127.0.0.1"\nserverPort = {port}\ntransport.protocol = "kcp"\n'
            + layers(tls, mux)
            + proxy(local, remote)
        )
        async with procs.frpc(tmp_path, client, side=client_side):
            await carries(remote)


@peers.needs_go
@pytest.mark.parametrize("client_side", ["ours", "go"])
async def test_a_client_that_ends_takes_its_port_with_it(tmp_path: Path, client_side: procs.Side) -> None:
    """KCP has no end: the client says so itself, for each proxy, before it goes."""
    remote, port = free_port(), free_port()
    server = f'bindAddr = "127.0.0.1"\nbindPort = {free_port()}\nkcpBindPort = {port}\n'
    async with local_service(echo) as local, procs.frps(tmp_path, server, side="go"):
        client = f'serverAddr = "127.0.0.1"\nserverPort = {port}\ntransport.protocol = "kcp"\n'
        for _ in range(2):
            async with procs.frpc(tmp_path, client + proxy(local, remote), side=client_side) as frpc:
                assert await echoed(remote, b"hello") == b"hello"
                assert await frpc.stop() == 0


@peers.needs_go
@pytest.mark.parametrize("tls", [True, False])
async def test_short_connections_one_after_the_other_at_their_server(tmp_path: Path, tls: bool) -> None:
    """It closes without a word, takes what then still comes for a new conversation, and lets nobody else in for 10 s
    unless that says something."""
    remote, port = free_port(), free_port()
    server = (
        f'bindAddr = "127.0.0.1"\nbindPort = {free_port()}\nkcpBindPort = {port}\ntransport.tcpMux = false\n'
    )
    async with local_service(echo) as local, procs.frps(tmp_path, server, side="go") as frps:
        client = f'serverAddr = "127.0.0.1"\nserverPort = {port}\ntransport.protocol = "kcp"\n'
        async with procs.frpc(tmp_path, client + layers(tls, False) + proxy(local, remote)):
            for _ in range(10):
                assert await echoed(remote, b"hello") == b"hello"
                await asyncio.sleep(0.05)  # until what comes late has come
            assert "checkAndEnableTLSServerConnWithTimeout" not in frps.text
