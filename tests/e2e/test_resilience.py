"""What must not hurt: killed peers, garbage, slow readers, many connections. Real processes, ours on both sides.

``AIOFRP_SOAK=1`` runs the full counts (minutes); without it every case runs in a small form.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from tests.support.ports import free_port
from tests.support.procs import Program, frpc, frps
from tests.support.tunnel import PATIENCE, echo, exchange, local_service

SOAK = bool(os.environ.get("AIOFRP_SOAK"))


def scaled(full: int, small: int) -> int:
    return full if SOAK else small


class Tunnel:
    """Addresses and configurations of one tunnel to an echo service."""

    def __init__(self, local: int) -> None:
        self.bind, self.remote = free_port(), free_port()
        self.server = (
            f'bindAddr = "127.0.0.1"\nbindPort = {self.bind}\nauth.token = "t"\nlog.level = "info"\n'
        )
        self.client = f"""
serverAddr = "127.0.0.1"
serverPort = {self.bind}
auth.token = "t"
[[proxies]]
name = "echo"
type = "tcp"
localPort = {local}
remotePort = {self.remote}
"""

    async def works(self) -> None:
        """Wait until the tunnel carries bytes."""
        async with asyncio.timeout(PATIENCE):
            while True:
                with suppress(OSError):
                    if await exchange(self.remote, b"are you there") == b"are you there":
                        return
                await asyncio.sleep(0.02)


@asynccontextmanager
async def load(port: int, users: int = 8) -> AsyncIterator[None]:
    """Users that send and receive all the time and come back after every failure."""

    async def user() -> None:
        data = os.urandom(200_000)
        while True:
            with suppress(OSError, TimeoutError):
                await exchange(port, data)
            await asyncio.sleep(0)

    tasks = [asyncio.create_task(user()) for _ in range(users)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def open_files(program: Program) -> int:
    return len(os.listdir(f"/proc/{program.pid}/fd"))


def resident(program: Program) -> int:
    """Bytes of memory the process has now."""
    return int(Path(f"/proc/{program.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def settles(program: Program, files: int) -> None:
    """Wait until the process has no more descriptors than ``files``."""
    async with asyncio.timeout(PATIENCE):
        while open_files(program) > files:
            await asyncio.sleep(0.02)


async def test_frps_killed_under_load_and_restarted(tmp_path: Path) -> None:
    async with local_service(echo) as local:
        tunnel = Tunnel(local)
        async with frps(tmp_path, tunnel.server) as server, frpc(tmp_path, tunnel.client) as client:
            await tunnel.works()
            files = open_files(client)
            async with load(tunnel.remote):
                for _ in range(scaled(50, 3)):
                    await server.kill()
                    async with frps(tmp_path, tunnel.server) as server:
                        await tunnel.works()
                        await server.kill()
            async with frps(tmp_path, tunnel.server):
                await tunnel.works()
                await settles(client, files)


async def test_frpc_killed_and_restarted_has_its_port_at_once(tmp_path: Path) -> None:
    async with local_service(echo) as local:
        tunnel = Tunnel(local)
        async with frps(tmp_path, tunnel.server) as server:
            files = open_files(server)
            for _ in range(scaled(50, 4)):
                async with frpc(tmp_path, tunnel.client) as client:
                    await tunnel.works()
                    await client.kill()
            await settles(server, files)


def garbage(rng: random.Random) -> bytes:
    """What strangers send to an open port."""
    return rng.choice(
        [
            rng.randbytes(rng.randrange(1, 400)),
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + rng.randbytes(20),  # half a client hello
            b"o" + (2**62).to_bytes(8, "big") + b"{}",
            b"o" + (-5).to_bytes(8, "big", signed=True) + b"{}",
            b"o" + (9000).to_bytes(8, "big") + b"{" * 100,
            struct.pack(">BBHII", 0, 0, 1, 1, 2**32 - 1) + rng.randbytes(50),
            struct.pack(">BBHII", 0, 1, 1, 1, 0) * 50,
            struct.pack(">BBHII", 0, 3, 0, 0, 7),
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"\x17" + rng.randbytes(100),
            login('{"privilege_key":"wrong","timestamp":1,"pool_count":-100}'),
            login('{"pool_count":99999999999999999999}'),
        ]
    )


def login(body: str) -> bytes:
    """A Login on the first stream of a yamux session."""
    message = b"o" + len(body).to_bytes(8, "big") + body.encode()
    return struct.pack(">BBHII", 0, 1, 1, 1, 0) + struct.pack(">BBHII", 0, 0, 0, 1, len(message)) + message


async def send_garbage(port: int, data: bytes, *, linger: bool) -> None:
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(data)
            await writer.drain()
            if linger:
                async with asyncio.timeout(0.5):
                    await reader.read(1)
        finally:
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()


async def test_garbage_harms_nobody(tmp_path: Path) -> None:
    rng = random.Random(1)
    async with local_service(echo) as local:
        tunnel = Tunnel(local)
        async with frps(tmp_path, tunnel.server) as server, frpc(tmp_path, tunnel.client):
            await tunnel.works()
            files, memory = open_files(server), resident(server)
            async with load(tunnel.remote, users=2):
                for _ in range(scaled(200, 6)):
                    batch = [
                        send_garbage(tunnel.bind, garbage(rng), linger=rng.random() < 0.1) for _ in range(50)
                    ]
                    await asyncio.gather(*batch)
            await tunnel.works()
            await settles(server, files + 2)
            assert resident(server) - memory < 32 * 2**20
            assert "Traceback" not in server.text


async def test_a_stalled_visitor_is_bounded_and_disturbs_nobody(tmp_path: Path) -> None:
    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.read(1) == b"f":
            while True:
                writer.write(bytes(65536))
                await writer.drain()
        await echo(reader, writer)

    async with local_service(flood) as local:
        tunnel = Tunnel(local)
        async with frps(tmp_path, tunnel.server) as server, frpc(tmp_path, tunnel.client) as client:
            assert await exchange(tunnel.remote, b"x" + bytes(2_000_000)) == bytes(2_000_000)
            before = resident(server), resident(client)
            with socket.create_connection(("127.0.0.1", tunnel.remote)) as stalled:
                stalled.sendall(b"f")
                for _ in range(3):
                    answers = await asyncio.gather(
                        *(exchange(tunnel.remote, b"x" + bytes(500_000)) for _ in range(8))
                    )
                    assert all(answer == bytes(500_000) for answer in answers)
                grown = resident(server) - before[0], resident(client) - before[1]
            assert max(grown) < 24 * 2**20, "a stalled visitor holds a window and socket buffers, no more"


async def test_many_idle_and_many_short_connections_leave_nothing(tmp_path: Path) -> None:
    async with local_service(echo) as local:
        tunnel = Tunnel(local)
        async with frps(tmp_path, tunnel.server) as server, frpc(tmp_path, tunnel.client) as client:
            await tunnel.works()
            files = open_files(server), open_files(client)
            idle = [
                await asyncio.open_connection("127.0.0.1", tunnel.remote) for _ in range(scaled(2000, 200))
            ]
            for _, writer in idle:
                writer.write(b"i")
            for reader, _ in idle:
                assert await reader.readexactly(1) == b"i"
            for _, writer in idle:
                writer.close()
            for _ in range(scaled(500, 10)):
                answers = await asyncio.gather(*(exchange(tunnel.remote, b"short") for _ in range(100)))
                assert answers == [b"short"] * 100
            await settles(server, files[0] + 2)
            await settles(client, files[1] + 2)


@pytest.mark.parametrize("side", ["frps", "frpc"])
async def test_sigterm_lets_a_running_connection_finish(tmp_path: Path, side: str) -> None:
    async with local_service(echo) as local:
        tunnel = Tunnel(local)
        async with frps(tmp_path, tunnel.server) as server, frpc(tmp_path, tunnel.client) as client:
            await tunnel.works()
            reader, writer = await asyncio.open_connection("127.0.0.1", tunnel.remote)
            writer.write(b"first")
            assert await reader.readexactly(5) == b"first"
            program = server if side == "frps" else client
            program.send(signal.SIGTERM)
            async with asyncio.timeout(PATIENCE):
                while True:  # until the proxy takes no new users
                    try:
                        _, probe = await asyncio.open_connection("127.0.0.1", tunnel.remote)
                    except ConnectionError:
                        break
                    probe.transport.abort()
                    await asyncio.sleep(0.01)
            writer.write(b"last")
            assert await reader.readexactly(4) == b"last"
            writer.close()
            assert await program.ended() == 0


@pytest.mark.parametrize("side", ["frps", "frpc"])
async def test_sigterm_ends_a_program_with_status_zero(tmp_path: Path, side: str) -> None:
    async with local_service(echo) as local:
        tunnel = Tunnel(local)
        async with frps(tmp_path, tunnel.server) as server, frpc(tmp_path, tunnel.client) as client:
            await tunnel.works()
            assert await (server if side == "frps" else client).stop() == 0
