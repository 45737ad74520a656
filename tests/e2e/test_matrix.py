"""Every combination of transports and layers, ours and the reference's programs: large and short connections.

A sample by default; ``scripts/matrix`` runs all of them. Combinations with the reference need ``FRP_GO_BIN``.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from tests.e2e.matrix import TRANSPORTS, Mix, sample, whole
from tests.support import peers
from tests.support.certs import authority
from tests.support.ports import free_port
from tests.support.procs import frpc, frps
from tests.support.tlsrelay import tls_relay
from tests.support.tunnel import echo, local_service

MIXES = whole() if os.environ.get("AIOFRP_MATRIX") == "whole" else sample()
SIZE, SHORT = 1_000_000, 50


def switch(on: bool) -> str:
    return str(on).lower()


@asynccontextmanager
async def tunnel(folder: Path, mix: Mix) -> AsyncIterator[int]:
    """Both programs with an echo service behind a tcp proxy; gives the port for users."""
    bind, remote = free_port(), free_port()
    transport = TRANSPORTS[mix.transport]
    common = f'auth.token = "matrix"\ntransport.tcpMux = {switch(mix.mux)}\n'
    server = f'bindAddr = "127.0.0.1"\nbindPort = {bind}\n{common}{transport.server.format(bind=bind)}'
    async with (
        local_service(echo) as local,
        frps(folder, server, side=mix.sides[0]),
        _front(mix, bind) as port,
    ):
        client = f"""
serverAddr = "127.0.0.1"
serverPort = {port}
{common}
transport.protocol = "{mix.transport}"
transport.wireProtocol = "{mix.wire}"
transport.tls.enable = {switch(mix.tls)}
[[proxies]]
name = "echo"
type = "tcp"
localPort = {local}
remotePort = {remote}
transport.useEncryption = {switch(mix.encryption)}
transport.useCompression = {switch(mix.compression)}
"""
        async with frpc(folder, client, side=mix.sides[1]):
            yield remote


@asynccontextmanager
async def _front(mix: Mix, bind: int) -> AsyncIterator[int]:
    """Where frpc connects: frps itself, or what has to stand before it."""
    if TRANSPORTS[mix.transport].tls_relay and mix.sides[0] == "go":
        async with tls_relay(bind, authority().server_context()) as port:
            yield port
    else:
        yield bind


async def echoed(port: int, data: bytes) -> bytes:
    """What comes back for ``data``; the reference takes a half-close for a close, so there is none."""
    async with asyncio.timeout(60):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        answer = asyncio.create_task(reader.readexactly(len(data)))
        try:
            writer.write(data)
            await writer.drain()
            return await answer
        finally:
            answer.cancel()
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


@pytest.mark.parametrize("mix", MIXES, ids=str)
async def test_large_and_short_connections(mix: Mix, tmp_path: Path) -> None:
    if "go" in mix.sides:
        peers.require()
    data = os.urandom(SIZE)
    async with tunnel(tmp_path, mix) as port:
        assert hashlib.sha256(await echoed(port, data)).digest() == hashlib.sha256(data).digest()
        short = [b"%d" % number for number in range(SHORT)]
        assert await asyncio.gather(*(echoed(port, data) for data in short)) == short


def test_the_sample_holds_every_pair() -> None:
    columns = list(Mix.__slots__)

    def pairs(mixes: list[Mix]) -> set[tuple[object, ...]]:
        return {
            (one, getattr(mix, one), other, getattr(mix, other))
            for mix in mixes
            for one in columns
            for other in columns
        }

    assert pairs(sample()) == pairs(whole())
    assert len(sample()) < len(whole()) / 10
