"""Datagrams of the size both files allow pass between our programs; towards Go's the limit is said, and what is lost is
counted and told."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest

from tests.support import procs
from tests.support.peers import needs_go
from tests.support.ports import free_port
from tests.support.procs import Side

LONG = 10_000
SIZE = "udpPacketSize = 10240\n"


class _Service(asyncio.DatagramProtocol):
    """Answers ``long`` with as many bytes as it is told, and anything else with itself."""

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]  # its kind
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.transport.sendto(bytes(LONG) if data == b"long" else data, addr)


class _User:
    """A socket of a user; datagrams may be lost while the tunnel is not there yet, so a first one is repeated."""

    def __init__(self, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.connect(("127.0.0.1", port))

    async def ask(self, data: bytes, expected: bytes | None = None) -> None:
        """Send until the ``expected`` answer (by default the same) comes."""
        loop = asyncio.get_running_loop()
        expected = data if expected is None else expected
        async with asyncio.timeout(procs.PATIENCE):
            while True:
                self.send(data)
                with suppress(TimeoutError, ConnectionRefusedError):
                    async with asyncio.timeout(1):
                        while await loop.sock_recv(self._socket, 65_536) != expected:
                            pass  # a late answer to a datagram before
                        return

    def send(self, data: bytes) -> None:
        self._socket.send(data)

    def close(self) -> None:
        self._socket.close()


class _Tunnel:
    def __init__(self, user: _User, server: procs.Program, client: procs.Program, web: int) -> None:
        self.user = user
        self.server = server
        self.client = client
        self.web = web


@asynccontextmanager
async def udp_tunnel(
    folder: Path, server: Side, client: Side, *, size: str = SIZE, more: str = "", service: bool = True
) -> AsyncIterator[_Tunnel]:
    bind, remote, web = free_port(), free_port(), free_port()
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        transport, _ = await loop.create_datagram_endpoint(_Service, local_addr=("127.0.0.1", 0))
        stack.callback(transport.close)
        local = transport.get_extra_info("sockname")[1] if service else free_port()
        extra = f"webServer.port = {web}\nenablePrometheus = true\n" if server == "ours" else ""
        frps = await stack.enter_async_context(
            procs.frps(folder, f'bindAddr = "127.0.0.1"\nbindPort = {bind}\n{size}{extra}', side=server)
        )
        extra = f"webServer.port = {web}\n" if server == "go" else ""
        file = f'serverAddr = "127.0.0.1"\nserverPort = {bind}\n{size}{more}{extra}'
        file += f'[[proxies]]\nname = "u"\ntype = "udp"\nlocalPort = {local}\nremotePort = {remote}\n'
        frpc = await stack.enter_async_context(procs.frpc(folder, file, side=client))
        user = _User(remote)
        stack.callback(user.close)
        yield _Tunnel(user, frps, frpc, web)


@pytest.mark.parametrize("more", ["", 'transport.wireProtocol = "v2"\n'], ids=["v1", "v2"])
async def test_between_our_programs_datagrams_of_any_size_pass(tmp_path: Path, more: str) -> None:
    async with udp_tunnel(tmp_path, "ours", "ours", size="udpPacketSize = 65507\n", more=more) as tunnel:
        for length in (1, 7_500, LONG, 50_000, 65_507):
            await tunnel.user.ask(bytes(length))
        assert "lost" not in tunnel.server.text


@needs_go
async def test_a_go_client_gets_no_message_beyond_its_limit(tmp_path: Path) -> None:
    async with udp_tunnel(tmp_path, "ours", "go") as tunnel:
        await tunnel.user.ask(b"short")
        await tunnel.server.line(
            r"\[u\] udpPacketSize is 10240, but datagrams are lost that are longer than 7617 bytes"
        )
        tunnel.user.send(bytes(LONG))
        line = await tunnel.server.line(r"\[u\] lost 1 datagrams: longer than 7617 bytes")
        assert 'transport.wireProtocol = "v2" carries more' in line
        await tunnel.user.ask(b"still there")
        await tunnel.user.ask(b"long", bytes(LONG))
        assert 'aiofrp_server_lost_total{cause="too_long",name="u",type="udp"} 1' in await _get(
            tunnel.web, "/metrics"
        )


@needs_go
async def test_a_go_server_gets_no_message_beyond_its_limit(tmp_path: Path) -> None:
    async with udp_tunnel(tmp_path, "go", "ours") as tunnel:
        assert "udpPacketSize = 10240: frp's frps takes datagrams of at most 7617" in tunnel.client.text
        await tunnel.user.ask(b"short")
        await tunnel.client.line(r"\[u\] udpPacketSize is 10240, but datagrams are lost")
        tunnel.user.send(b"long")
        await tunnel.client.line(r"\[u\] lost 1 datagrams: longer than 7617 bytes")
        await tunnel.user.ask(b"still there")
        status = json.loads(await _get(tunnel.web, "/api/status"))
        assert status["udp"][0]["lost"] == {"too_long": 1}


@needs_go
async def test_v2_carries_them_to_go(tmp_path: Path) -> None:
    async with udp_tunnel(tmp_path, "go", "ours", more='transport.wireProtocol = "v2"\n') as tunnel:
        await tunnel.user.ask(bytes(LONG))
        assert "lost" not in tunnel.client.text


async def test_a_service_that_is_not_there_is_named(tmp_path: Path) -> None:
    async with udp_tunnel(tmp_path, "ours", "ours", size="", service=False) as tunnel:
        async with asyncio.timeout(procs.PATIENCE):
            while "lost" not in tunnel.client.text:
                tunnel.user.send(b"anybody?")
                await asyncio.sleep(0.1)
        assert "datagrams: no program listens on the local UDP port" in tunnel.client.text


async def test_a_cut_datagram_is_named(tmp_path: Path) -> None:
    async with udp_tunnel(tmp_path, "ours", "ours", size="udpPacketSize = 1500\n") as tunnel:
        await tunnel.user.ask(bytes(1501), bytes(1500))
        await tunnel.server.line(
            r"lost \d+ ends of datagrams: they are longer than udpPacketSize, 1500 bytes"
        )


@pytest.mark.parametrize(
    ("server", "provider"),
    [
        ("ours", "ours"),
        pytest.param("ours", "go", marks=needs_go),
        pytest.param("go", "ours", marks=needs_go),
    ],
)
async def test_visitors_of_sudp(tmp_path: Path, server: Side, provider: Side) -> None:
    """A visitor of ours sends long datagrams where all between understand them, and says so where not."""
    bind, local_port = free_port(), free_port()
    common = f'serverAddr = "127.0.0.1"\nserverPort = {bind}\n{SIZE}'
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        transport, _ = await loop.create_datagram_endpoint(_Service, local_addr=("127.0.0.1", 0))
        stack.callback(transport.close)
        local = transport.get_extra_info("sockname")[1]
        enter = stack.enter_async_context
        await enter(procs.frps(tmp_path, f'bindAddr = "127.0.0.1"\nbindPort = {bind}\n{SIZE}', side=server))
        owner = f'{common}[[proxies]]\nname = "s"\ntype = "sudp"\nsecretKey = "k"\nlocalPort = {local}\n'
        await enter(procs.frpc(tmp_path, owner, side=provider))
        file = f'{common}[[visitors]]\nname = "v"\ntype = "sudp"\nserverName = "s"\nsecretKey = "k"\n'
        visitor = await enter(procs.frpc(tmp_path, f"{file}bindPort = {local_port}\n", proxies=0))
        await visitor.line("sudp start to work")
        user = _User(local_port)
        stack.callback(user.close)
        await user.ask(b"short")
        if (server, provider) == ("ours", "ours"):
            await user.ask(bytes(LONG))
            assert "lost" not in visitor.text
        else:
            user.send(bytes(LONG))
            await visitor.line(r"\[v\] lost 1 datagrams: longer than 7617 bytes")
            await user.ask(b"still there")


def test_verify_says_the_limit(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(SIZE)
    (tmp_path / "c.toml").write_text(f'{SIZE}[[proxies]]\nname = "u"\ntype = "udp"\nlocalPort = 1\n')
    for program, file, words in (
        ("frps", "s.toml", "udpPacketSize = 10240: clients of frp take datagrams of at most 7617"),
        ("frpc", "c.toml", "udpPacketSize = 10240: frp's frps takes datagrams of at most 7617"),
    ):
        command = [*procs.command(program), "verify", "-c", file]  # type: ignore[arg-type]  # one of two names
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0
        assert words in done.stdout
        assert 'transport.wireProtocol = "v2"' in done.stdout
        assert done.stdout.endswith("syntax is ok\n")


async def _get(port: int, path: str) -> str:
    """The body of an answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".encode())
    async with asyncio.timeout(procs.PATIENCE):
        text = await reader.read(-1)
    writer.close()
    return text.decode().partition("\r\n\r\n")[2]
