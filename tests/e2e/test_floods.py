"""Strangers' datagrams by the thousand at frps's KCP and QUIC ports: those who are in notice nothing, others still get
in, and frps neither grows nor keeps anything.

``AIOFRP_SOAK=1`` floods for ten seconds and prints what was measured.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from aiofrp.server.service import Server
from aiofrp.server.session import accept
from aiofrp.stream.kcp import stream as kcp_stream
from aiofrp.stream.kcp.listener import KcpListener
from aiofrp.stream.quic.core import limits as quic_limits
from aiofrp.stream.quic.core.limits import QuicListenLimits
from aiofrp.stream.quic.listener import QuicListener
from aiofrp.wire.kcp import core as kcp_wire
from tests.e2e.test_resilience import resident
from tests.support.flood import KINDS, flood
from tests.support.ports import free_port
from tests.support.procs import Program, frpc, frps
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

SOAK = bool(os.environ.get("AIOFRP_SOAK"))
#: Datagrams a second, and in all.
RATE = 10_000
COUNT = 100_000 if SOAK else 2_000
#: Bytes frps may have more after a flood than before.
GROWTH = 64 * 2**20
#: Seconds between a user's pings.
BEAT = 0.02

protocols = pytest.mark.parametrize("protocol", ["kcp", "quic"])


def server_toml(protocol: str, bind: int) -> str:
    return f"{protocol}BindPort = {bind}\n"


def client_toml(protocol: str, local: int, remote: int, name: str = "echo") -> str:
    return (
        f'transport.protocol = "{protocol}"\n[[proxies]]\nname = "{name}"\ntype = "tcp"\nlocalPort = {local}\n'
        f"remotePort = {remote}\n"
    )


@asynccontextmanager
async def pinging(port: int, clock: Callable[[], float] = time.monotonic) -> AsyncIterator[list[float]]:
    """A user who says something and waits for the answer, again and again; gives the seconds each took by ``clock``.
    Fails if one stays away."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    took: list[float] = []
    over = asyncio.Event()

    async def ping() -> None:
        while not over.is_set():
            began = clock()
            writer.write(b"are you there?")
            async with asyncio.timeout(PATIENCE):
                assert await reader.readexactly(14) == b"are you there?"
            took.append(clock() - began)
            await asyncio.sleep(BEAT)

    task = asyncio.create_task(ping())
    try:
        yield took
    finally:
        over.set()
        await task
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def watching(program: Program) -> AsyncIterator[list[int]]:
    """The process's memory from time to time, bytes."""
    seen = [resident(program)]

    async def look() -> None:
        while True:
            await asyncio.sleep(0.05)
            seen.append(resident(program))

    task = asyncio.create_task(look())
    try:
        yield seen
    finally:
        task.cancel()
        seen.append(resident(program))


@protocols
async def test_who_is_in_notices_nothing_and_memory_is_bounded(protocol: str, tmp_path: Path) -> None:
    bind, remote, late = free_port(), free_port(), free_port()
    address = f'serverAddr = "127.0.0.1"\nserverPort = {bind}\n'
    toml = f'bindAddr = "127.0.0.1"\nbindPort = {free_port()}\n' + server_toml(protocol, bind)
    async with (
        local_service(echo) as local,
        frps(tmp_path, toml) as server,
        frpc(tmp_path, address + client_toml(protocol, local, remote)) as client,
    ):
        kinds = KINDS[protocol]()
        assert await exchange(remote, b"hello") == b"hello"
        async with pinging(remote) as took, watching(server) as memory:
            began = time.monotonic()
            sent = await flood(bind, kinds, count=COUNT, per_second=RATE)
            lasted = time.monotonic() - began
        assert client.text.count("login to server success") == 1, "the session was lost"
        grown = max(memory) - memory[0]
        took.sort()
        print(
            f"{protocol}: {sent} datagrams in {lasted:.1f} s; memory +{grown / 2**20:.1f} MiB at most, "
            f"+{(memory[-1] - memory[0]) / 2**20:.1f} at the end; {len(took)} pings, all answered, the middle one in "
            f"{took[len(took) // 2] * 1e3:.1f} ms, the last in {took[-1] * 1e3:.0f} ms"
        )
        assert grown < GROWTH
        async with frpc(tmp_path, address + client_toml(protocol, local, late, "late")):
            assert await exchange(late, b"hello") == b"hello"
        assert "Traceback" not in server.text


def tables(server: Server) -> Counter[str]:
    """What frps has for its datagram ports, entry by entry."""
    assert server._acceptor is not None
    found: Counter[str] = Counter(
        not_logged_in=len(server._acceptor.not_logged_in),
        mux=len(server._acceptor.sessions),
        tasks=len(server.tables.scope._tasks),
    )
    for listener in server._login_ports.over_datagrams:
        found += _listener_tables(listener)
    return +found


def _listener_tables(listener: Any) -> Counter[str]:
    found = Counter(sessions=len(listener._sessions), sources=len(listener._by_source))
    if isinstance(listener, KcpListener):
        found["unproven"] = len(listener._unproven)
    else:
        assert isinstance(listener, QuicListener)
        found["handshakes"] = len(listener._handshakes)
        found["ids"] = len(listener._by_cid)
    return found


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What strangers hold ends after some seconds and not after ten or more. The limit of KCP is also that of the
    user's session, whose answers come late where all is busy."""
    for name in ("TLS_SNIFF", "FIRST_MESSAGE"):
        monkeypatch.setattr(accept, name, 1.0)
    monkeypatch.setattr(kcp_wire, "DEAD_AFTER", 3_000)
    monkeypatch.setattr(kcp_stream, "LINGER", 1.0)
    monkeypatch.setattr(quic_limits, "QuicListenLimits", partial(QuicListenLimits, handshake_seconds=1.0))


@protocols
async def test_nothing_is_left_of_it(protocol: str, soon: None) -> None:
    bind, remote = free_port(), free_port()
    async with (
        local_service(echo) as local,
        running_server(server_config(server_toml(protocol, bind))) as server,
        running_client(client_config(bind, client_toml(protocol, local, remote))),
        pinging(remote) as took,
    ):
        await _until(lambda: took)
        before = tables(server)
        await flood(bind, KINDS[protocol](), count=COUNT, per_second=RATE)
        assert tables(server)["sources"] > before["sources"] + 10, "they came from everywhere"
        await _until(lambda: not tables(server) - before)


async def _until(condition: Any) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.02)
