"""stcp and sudp with the real programs: each of the three roles taken by either side, each wire protocol.

Needs ``FRP_GO_BIN``.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.e2e.test_go_peers import exchange_open
from tests.e2e.test_stcp import layers, proxy, visitor
from tests.e2e.test_udp import ask, udp_echo
from tests.support.peers import GoPeers
from tests.support.ports import free_port
from tests.support.procs import Side, frpc, frps
from tests.support.tunnel import echo, local_service

SIDES: tuple[Side, Side] = ("ours", "go")
#: Server, the proxy's client, the visitor's client; not all ours.
TRIOS = [trio for trio in itertools.product(SIDES, repeat=3) if "go" in trio and "ours" in trio]


@asynccontextmanager
async def trio(
    folder: Path, sides: tuple[Side, Side, Side], proxy_side: str, visitor_side: str
) -> AsyncIterator[None]:
    """Three processes; the visitor has started when it is entered."""
    bind = free_port()
    common = f'serverAddr = "127.0.0.1"\nserverPort = {bind}\n'
    async with (
        frps(folder, f'bindAddr = "127.0.0.1"\nbindPort = {bind}\n', side=sides[0]),
        frpc(folder, common + proxy_side, side=sides[1]),
        frpc(folder, common + visitor_side, side=sides[2], proxies=0) as guest,
    ):
        await guest.line("start visitor success")
        yield


@pytest.mark.parametrize("sides", TRIOS, ids="-".join)
@pytest.mark.parametrize("wires", [("v1", "v1"), ("v2", "v1")], ids="-".join)
async def test_stcp(
    tmp_path: Path, go_peers: GoPeers, sides: tuple[Side, Side, Side], wires: tuple[str, str]
) -> None:
    port = free_port()
    data = os.urandom(400_000) + bytes(400_000)
    async with local_service(echo) as local:
        proxy_side = f'user = "alice"\ntransport.wireProtocol = "{wires[0]}"\n'
        proxy_side += proxy(local, layers(True, True) + '\nallowUsers = ["bob"]')
        visitor_side = f'user = "bob"\ntransport.wireProtocol = "{wires[1]}"\n'
        visitor_side += visitor(port, layers(True, True) + '\nserverUser = "alice"')
        async with trio(tmp_path, sides, proxy_side, visitor_side):
            assert await exchange_open(port, data) == data
            answers = await asyncio.gather(*(exchange_open(port, b"%03d" % i) for i in range(20)))
            assert answers == [b"%03d" % i for i in range(20)]


@pytest.mark.parametrize("sides", TRIOS, ids="-".join)
@pytest.mark.parametrize("wires", [("v1", "v1"), ("v2", "v1"), ("v1", "v2")], ids="-".join)
async def test_sudp(
    tmp_path: Path, go_peers: GoPeers, sides: tuple[Side, Side, Side], wires: tuple[str, str]
) -> None:
    port = free_port()
    async with udp_echo() as (local, _):
        proxy_side = f'transport.wireProtocol = "{wires[0]}"\n'
        proxy_side += proxy(
            local, layers(True, False) + '\ntransport.proxyProtocolVersion = "v1"', kind="sudp"
        )
        visitor_side = f'transport.wireProtocol = "{wires[1]}"\n'
        visitor_side += visitor(port, layers(False, True), kind="sudp")
        async with trio(tmp_path, sides, proxy_side, visitor_side):
            for _ in range(2):
                answers = await ask(port, b"one", b"two", bytes(1400))
                assert answers == [b"PROXY UNKNOWN\r\none", b"two", bytes(1400)]


@pytest.mark.parametrize("sides", TRIOS, ids="-".join)
async def test_a_wrong_key_is_refused(
    tmp_path: Path, go_peers: GoPeers, sides: tuple[Side, Side, Side]
) -> None:
    port = free_port()
    async with local_service(echo) as local, trio(tmp_path, sides, proxy(local), visitor(port, key="wrong")):
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await exchange_open(port, b"hello")
        guest = (tmp_path / "frpc-2.log").read_text(encoding="utf-8")
    assert "start new visitor connection error: visitor connection of [secret] auth failed" in guest
