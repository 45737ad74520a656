"""Ours beside the real programs, in both directions: every mix of layers of the tcp proxy.

Needs ``FRP_GO_BIN``. ``AIOFRP_SOAK=1`` runs the full counts.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from pathlib import Path

import pytest

from tests.support.peers import GoPeers
from tests.support.ports import free_port
from tests.support.procs import Side, frpc, frps
from tests.support.tunnel import echo, exchange, local_service

SOAK = bool(os.environ.get("AIOFRP_SOAK"))
BULK, SHORT = (8_000_000, 500) if SOAK else (1_000_000, 50)

PAIRS: list[tuple[Side, Side]] = [("ours", "go"), ("go", "ours")]
MIXES = list(itertools.product((True, False), repeat=4))


def switch(on: bool) -> str:
    return str(on).lower()


@pytest.mark.parametrize(("server", "client"), PAIRS)
@pytest.mark.parametrize(("tls", "mux", "encryption", "compression"), MIXES)
async def test_bulk_and_short_connections(
    tmp_path: Path,
    go_peers: GoPeers,
    server: Side,
    client: Side,
    tls: bool,
    mux: bool,
    encryption: bool,
    compression: bool,
) -> None:
    bind, remote = free_port(), free_port()
    async with local_service(echo) as local:
        server_toml = f'bindAddr = "127.0.0.1"\nbindPort = {bind}\ntransport.tcpMux = {switch(mux)}\n'
        client_toml = f"""
serverAddr = "127.0.0.1"
serverPort = {bind}
transport.tcpMux = {switch(mux)}
transport.tls.enable = {switch(tls)}
[[proxies]]
name = "echo"
type = "tcp"
localPort = {local}
remotePort = {remote}
transport.useEncryption = {switch(encryption)}
transport.useCompression = {switch(compression)}
"""
        async with (
            frps(tmp_path, server_toml, side=server),
            frpc(tmp_path, client_toml, side=client),
        ):
            await bulk_both_ways(remote)
            for _ in range(SHORT // 25):
                answers = await asyncio.gather(*(exchange_open(remote, b"short") for _ in range(25)))
                assert answers == [b"short"] * 25


async def bulk_both_ways(port: int) -> None:
    """Random bytes there and back, without a half-close: Go would drop what is on its way."""
    data = os.urandom(BULK)
    assert await exchange_open(port, data) == data


async def exchange_open(port: int, data: bytes) -> bytes:
    """Send ``data`` and read as much back before the end."""
    async with asyncio.timeout(60):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        answer = asyncio.create_task(reader.readexactly(len(data)))
        writer.write(data)
        await writer.drain()
        try:
            return await answer
        finally:
            writer.close()
            await writer.wait_closed()


async def test_half_close_keeps_the_answer_between_ours(tmp_path: Path) -> None:
    """What the reference loses (its issue 4967)."""

    async def answer_at_eof(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.read(-1)
        writer.write(b"answer to " + request)

    bind, remote = free_port(), free_port()
    async with local_service(answer_at_eof) as local:
        client_toml = f"""
serverAddr = "127.0.0.1"
serverPort = {bind}
[[proxies]]
name = "echo"
type = "tcp"
localPort = {local}
remotePort = {remote}
"""
        async with (
            frps(tmp_path, f'bindAddr = "127.0.0.1"\nbindPort = {bind}\n'),
            frpc(tmp_path, client_toml),
        ):
            assert await exchange(remote, b"question") == b"answer to question"
