"""xtcp on one machine: a proxy and a visitor meet directly, on 127.0.0.1 with a STUN server of the test.

Every attempt takes a second, which frps lets the sender wait (docs/protocol/nat.md §3). NATs are in test_natlab.py.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.e2e.test_go_peers import exchange_open
from tests.support import peers, stunserver
from tests.support.ports import free_port
from tests.support.procs import Program, Side, frpc, frps
from tests.support.services import tcp_echo

SIDES: tuple[Side, Side] = ("ours", "go")
#: Server, the proxy's client, the visitor's client, and what carries the tunnel.
CASES = [
    pytest.param(trio, protocol, id="-".join([*trio, protocol]), marks=peers.needs_go if "go" in trio else ())
    for number, trio in enumerate(itertools.product(SIDES, repeat=3))
    for protocol in ("quic", "kcp")
    if set(trio) == {"ours"} or (set(trio) == {"ours", "go"} and protocol == ("quic", "kcp")[number % 2])
]
MIB = 1024 * 1024


@pytest.fixture
def stun() -> Iterator[str]:
    """The address of a STUN server."""
    with stunserver.running() as address:
        yield address


def proxy(port: int, more: str = "") -> str:
    """A proxy that leads to ``port``."""
    return f"""
        [[proxies]]
        name = "p"
        type = "xtcp"
        secretKey = "secret"
        localPort = {port}
        natTraversal.disableAssistedAddrs = true
        {more}
    """


def visitor(port: int, more: str = "") -> str:
    """Its visitor, at ``port``."""
    return f"""
        [[visitors]]
        name = "v"
        type = "xtcp"
        serverName = "p"
        secretKey = "secret"
        bindPort = {port}
        natTraversal.disableAssistedAddrs = true
        {more}
    """


@asynccontextmanager
async def trio(
    folder: Path, sides: tuple[Side, Side, Side], stun: str, proxy_side: str, visitor_side: str
) -> AsyncIterator[tuple[Program, Program, Program]]:
    """frps, the proxy's frpc and the visitor's, once the visitor listens."""
    bind = free_port()
    common = f"""
        serverAddr = "127.0.0.1"
        serverPort = {bind}
        natHoleStunServer = "{stun}"
        log.level = "debug"
    """
    async with (
        frps(folder, f'bindAddr = "127.0.0.1"\nbindPort = {bind}\n', side=sides[0]) as server,
        frpc(folder, common + proxy_side, side=sides[1]) as host,
        frpc(folder, common + visitor_side, side=sides[2], proxies=0) as guest,
    ):
        await guest.line("start visitor success")
        yield server, host, guest


@pytest.mark.parametrize(("sides", "protocol"), CASES)
async def test_bytes_go_through(
    sides: tuple[Side, Side, Side], protocol: str, tmp_path: Path, stun: str
) -> None:
    """With both layers, and many users at once."""
    port, layers = free_port(), "transport.useEncryption = true\ntransport.useCompression = true"
    async with tcp_echo() as local:
        visiting = visitor(port, f'protocol = "{protocol}"\n{layers}')
        async with trio(tmp_path, sides, stun, proxy(local, layers), visiting):
            data = os.urandom(MIB) + bytes(MIB)
            assert await exchange_open(port, data) == data
            answers = await asyncio.gather(*(exchange_open(port, b"%03d" % number) for number in range(20)))
            assert answers == [b"%03d" % number for number in range(20)]
