"""VirtualNet between machines: real devices, real processes, frps between them, and Go's programs on either side."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.namespaces import Namespace, cable, machines, needs_namespaces
from tests.support.peers import needs_go
from tests.support.procs import PATIENCE, Program, Side, command, running

HERE, PEER = "100.86.0.1", "100.86.0.2"
HERE6, PEER6 = "fd00:86::1", "fd00:86::2"

pytestmark = needs_namespaces


def config(server: str, address: str, rest: str) -> str:
    return (
        f'serverAddr = "{server}"\nserverPort = 7000\nauth.token = "t"\n'
        f'featureGates = {{ VirtualNet = true }}\nvirtualNet.address = "{address}"\n{rest}'
    )


PROXY = '[[proxies]]\nname = "net"\ntype = "stcp"\nsecretKey = "k"\n[proxies.plugin]\ntype = "virtual_net"\n'


def visitor(destination: str) -> str:
    return (
        '[[visitors]]\nname = "v"\ntype = "stcp"\nserverName = "net"\nsecretKey = "k"\nbindPort = -1\n'
        f'[visitors.plugin]\ntype = "virtual_net"\ndestinationIP = "{destination}"\n'
    )


@asynccontextmanager
async def program(
    machine: Namespace, folder: Path, name: str, toml: str, said: str, side: Side = "ours"
) -> AsyncIterator[Program]:
    """frps or frpc on a machine, once it has said something."""
    path = folder / f"{name}.toml"
    path.write_text(toml)
    kind = command("frps" if name == "frps" else "frpc", side)
    async with running([*machine.prefix, *kind, "-c", str(path)], folder / f"{name}.log") as started:
        await started.line(said)
        yield started


@asynccontextmanager
async def lab(folder: Path, side: Side = "ours") -> AsyncIterator[tuple[Namespace, Namespace]]:
    """The machine of the proxy, 10.1.1.2, and that of the visitor, 10.1.2.2, with frps on .1 between them."""
    with machines("s", "p", "v") as (server, here, there):
        cable(server, here, "10.1.1")
        cable(server, there, "10.1.2")
        toml = 'bindPort = 7000\nauth.token = "t"\n'
        async with program(server, folder, "frps", toml, "frps started successfully", side):
            yield here, there


async def ping(machine: Namespace, address: str) -> None:
    """Send echo requests until one is answered."""
    six = ":" in address
    family, protocol = (
        (socket.AF_INET6, socket.IPPROTO_ICMPV6) if six else (socket.AF_INET, socket.IPPROTO_ICMP)
    )
    loop = asyncio.get_running_loop()
    mark = os.urandom(8)
    with machine.socket(family, socket.SOCK_RAW, protocol) as sock:
        body = struct.pack(">HH", 1, 1) + mark
        kind, answer = (128, 129) if six else (8, 0)
        request = struct.pack(">BBH", kind, 0, checksum(bytes([kind, 0, 0, 0]) + body)) + body
        async with asyncio.timeout(PATIENCE):
            while True:
                with contextlib.suppress(OSError):  # there is no route before the device is there
                    sock.connect((address, 0))
                    await loop.sock_sendall(sock, request)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.2):
                        while True:
                            data = await loop.sock_recv(sock, 2048)
                            data = data if six else data[20:]
                            if data[0] == answer and data.endswith(mark):
                                return


def checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF


async def transfer(there: Namespace, here: Namespace, address: str, size: int) -> None:
    """A TCP connection through the network echoes ``size`` bytes."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    data = os.urandom(size)

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readexactly(size))
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    listening = here.socket(family, socket.SOCK_STREAM)
    listening.bind((address, 0))
    server = await asyncio.start_server(echo, sock=listening)
    port = listening.getsockname()[1]
    async with asyncio.timeout(PATIENCE * 2):
        sock = there.socket(family, socket.SOCK_STREAM)
        await asyncio.get_running_loop().sock_connect(sock, (address, port))
        reader, writer = await asyncio.open_connection(sock=sock)
        writer.write(data)
        assert await reader.readexactly(size) == data
        writer.close()
        await writer.wait_closed()
    server.close()
    await server.wait_closed()


def folder_of(path: Path, files: dict[str, str]) -> list[str]:
    """The arguments of a frpc that runs several files."""
    path.mkdir()
    for name, text in files.items():
        (path / f"{name}.toml").write_text(text)
    return [*command("frpc"), "--config-dir", str(path)]


async def test_both_versions_and_a_client_that_is_killed(tmp_path: Path) -> None:
    proxies = {
        "four": config("10.1.1.1", f"{HERE}/24", PROXY),
        "six": config("10.1.1.1", f"{HERE6}/64", PROXY.replace("net", "net6", 1)),
    }
    visitors = {
        "four": config("10.1.2.1", f"{PEER}/24", visitor(HERE)),
        "six": config("10.1.2.1", f"{PEER6}/64", visitor(HERE6).replace("net", "net6", 1)),
    }
    async with lab(tmp_path) as (here, there):
        first = [*here.prefix, *folder_of(tmp_path / "proxies", proxies)]
        second = [*there.prefix, *folder_of(tmp_path / "visitors", visitors)]
        async with running(first, tmp_path / "proxies.log") as proxy:
            await proxy.line("start proxy success", count=2)
            async with running(second, tmp_path / "visitors.log") as killed:
                await killed.line("start visitor success", count=2)
                await ping(there, HERE)
                await ping(here, PEER)
                await ping(there, HERE6)
                await transfer(there, here, HERE, 200_000)
                await transfer(there, here, HERE6, 200_000)
                killed.send(signal.SIGKILL)
                await killed.ended()
            async with asyncio.timeout(PATIENCE):
                while "utun" in there.ip("link"):
                    await asyncio.sleep(0.01)
            async with running(second, tmp_path / "again.log") as ended:
                await ended.line("start visitor success", count=2)
                await ping(there, HERE)
                await ping(there, HERE6)
                assert await ended.stop() == 0
            assert "utun" not in there.ip("link")


@needs_go
@pytest.mark.parametrize(
    ("server", "proxy", "user"),
    [("ours", "ours", "go"), ("ours", "go", "ours"), ("go", "ours", "ours")],
    ids=["Go visitor", "Go proxy", "Go frps"],
)
async def test_with_go(server: Side, proxy: Side, user: Side, tmp_path: Path) -> None:
    async with lab(tmp_path, server) as (here, there):
        first = config("10.1.1.1", f"{HERE}/24", PROXY)
        second = config("10.1.2.1", f"{PEER}/24", visitor(HERE))
        async with (
            program(here, tmp_path, "proxy", first, "start proxy success", proxy),
            program(there, tmp_path, "visitor", second, "start visitor success", user),
        ):
            await ping(there, HERE)
            await transfer(there, here, HERE, 200_000)
