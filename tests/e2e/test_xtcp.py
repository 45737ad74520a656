"""xtcp on one machine: a proxy and a visitor meet directly, on 127.0.0.1 with a STUN server of the test.

Every attempt takes a second, which frps lets the sender wait (docs/protocol/nat.md §3). NATs are in test_natlab.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import re
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from aiofrp.client.service import Client
from aiofrp.config.models.client import ClientConfig
from aiofrp.proxy.direct.client import Tunnels
from tests.e2e.test_go_peers import exchange_open
from tests.support import peers, stunserver
from tests.support.ends import PATIENCE, until
from tests.support.ports import free_port
from tests.support.procs import Program, Side, frpc, frps
from tests.support.services import tcp_echo
from tests.support.tunnel import (
    client_config,
    echo,
    local_service,
    running_client,
    running_server,
    server_config,
)

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


# In one event loop: what belongs to the life of a tunnel


def host(server: int, stun: str, port: int, more: str = "") -> ClientConfig:
    """The proxy's frpc."""
    return client_config(server, f'natHoleStunServer = "{stun}"\n{proxy(port, more)}')


def guest(server: int, stun: str, more: str = "", port: int = -1) -> ClientConfig:
    """The visitor's frpc."""
    return client_config(server, f'natHoleStunServer = "{stun}"\n{visitor(port, more)}')


async def echoed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes) -> bool:
    """Whether ``data`` comes back."""
    writer.write(data)
    async with asyncio.timeout(PATIENCE):
        return await reader.readexactly(len(data)) == data


async def test_a_tunnel_outlives_the_server_and_ends_with_its_proxy(stun: str) -> None:
    """It is there before the first user, and the service gets no connection for that."""
    users = 0

    async def service(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal users
        users += 1
        await echo(reader, writer)

    port, bind = free_port(), free_port()
    keep = "keepTunnelOpen = true\nminRetryInterval = 1"
    async with local_service(service) as local, AsyncExitStack() as stack:
        first = await stack.enter_async_context(AsyncExitStack())
        await first.enter_async_context(running_server(server_config(port=bind)))
        owner = await stack.enter_async_context(running_client(host(bind, stun, local)))
        await stack.enter_async_context(running_client(guest(bind, stun, keep, port)))
        await until(lambda: tunnels(owner))
        await asyncio.sleep(1.2)  # a check whether the tunnel is alive
        assert users == 0
        streams = await asyncio.open_connection("127.0.0.1", port)
        assert await echoed(*streams, b"before")
        await first.aclose()
        await until(lambda: not owner.proxies.running())
        assert await echoed(*streams, b"without a server")
        await stack.enter_async_context(running_server(server_config(port=bind)))
        await until(lambda: any(one.half for one in owner.proxies.running()))
        assert await echoed(*streams, b"with another server")
        assert users == 1
        await owner.proxies.update([])
        async with asyncio.timeout(PATIENCE):
            with contextlib.suppress(ConnectionError):
                assert await streams[0].read() == b""
        streams[1].close()
        assert not tunnels(owner)


def tunnels(owner: Client) -> int:
    """The tunnels of the proxy ``p``."""
    kept = owner.proxies._lasting.get("p")
    return len(kept) if isinstance(kept, Tunnels) else 0


async def test_others_serve_users_for_whom_there_is_no_tunnel(stun: str) -> None:
    """The proxy is not there; the first user waits for the answer, the second one for nothing."""
    port, bind = free_port(), free_port()
    more = """
        fallbackTo = "o"
        fallbackTimeoutMs = 8000
        [[visitors]]
        name = "o"
        type = "stcp"
        serverName = "s"
        secretKey = "secret"
        bindPort = -1
    """
    async with tcp_echo() as local, running_server(server_config(port=bind)):
        stcp = f'[[proxies]]\nname = "s"\ntype = "stcp"\nsecretKey = "secret"\nlocalPort = {local}'
        async with running_client(client_config(bind, stcp)), running_client(guest(bind, stun, more, port)):
            await until(lambda: is_open(port))
            for data in (b"first", b"second"):
                assert await exchange_open(port, data) == data


def is_open(port: int) -> bool:
    """Whether somebody listens on ``port``."""
    with socket.socket() as probe:
        return not probe.connect_ex(("127.0.0.1", port))


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ('serverName = "nobody"', "xtcp server for \\[nobody\\] doesn't exist"),
        ('secretKey = "wrong"', "auth failed"),
        ('serverUser = "alice"', "xtcp server for \\[alice.p\\] doesn't exist"),
    ],
)
async def test_a_refusal_says_why(
    changed: str, says: str, stun: str, caplog: pytest.LogCaptureFixture
) -> None:
    bind = free_port()
    async with running_server(server_config(port=bind)):
        name, _, value = changed.partition(" = ")
        text = f'natHoleStunServer = "{stun}"\n{visitor(-1, "keepTunnelOpen = true")}'
        lines = [line for line in text.splitlines() if not line.strip().startswith(f"{name} ")]
        config = client_config(bind, "\n".join([*lines, f"{name} = {value}"]))
        async with running_client(host(bind, stun, 9)), running_client(config):
            await until(lambda: re.search(says, caplog.text))
