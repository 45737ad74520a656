"""Spoofed users of a udp proxy, and users who take every file: the tcp proxies of the same programs, the udp users who
were there before, and logins go on.

frps and frpc may have few files here (``FILES``), as where a service manager allows 1,024.
"""

from __future__ import annotations

import asyncio
import os
import random
import resource
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import pytest

from aiofrp.proxy.datagrams.users import KNOWN_AFTER
from tests.support.flood import flood
from tests.support.ports import free_port
from tests.support.procs import Program, frpc, frps
from tests.support.services import udp_echo
from tests.support.tunnel import echo, exchange, local_service

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="sends under foreign addresses and sets limits"
)

#: Open files each program may have, of which udp users take a quarter.
FILES = 256
#: Datagrams of one flood, and a second.
COUNT, RATE = 3_000, 1_500
#: Seconds a good answer may take on a busy machine.
LATE = 10.0


@dataclass(slots=True)
class Rig:
    """Both programs with two udp proxies to one service and a tcp proxy."""

    server: Program
    client: Program
    bind: int
    udp: int
    other: int
    tcp: int


@asynccontextmanager
async def rig(folder: Path) -> AsyncIterator[Rig]:
    bind, udp, other, tcp = (free_port() for _ in range(4))
    async with (
        local_service(echo) as local,
        udp_echo() as echoes,
        frps(folder, f'bindAddr = "127.0.0.1"\nbindPort = {bind}\n') as server,
        frpc(
            folder,
            f'serverAddr = "127.0.0.1"\nserverPort = {bind}\n'
            + proxy("tcp", "tcp", local, tcp)
            + proxy("udp", "udp", echoes, udp)
            + proxy("other", "udp", echoes, other),
            proxies=3,
        ) as client,
    ):
        for program in (server, client):
            resource.prlimit(program.pid, resource.RLIMIT_NOFILE, (FILES, FILES))
        yield Rig(server, client, bind, udp, other, tcp)
        for program in (server, client):
            assert program.running
            assert "Traceback" not in program.text
        assert client.text.count("login to server success") == 1, "the session was lost"


def proxy(name: str, kind: str, local: int, remote: int) -> str:
    return f'[[proxies]]\nname = "{name}"\ntype = "{kind}"\nlocalPort = {local}\nremotePort = {remote}\n'


def files(program: Program) -> int:
    return len(os.listdir(f"/proc/{program.pid}/fd"))


@dataclass(slots=True)
class UdpUser:
    """Sends again and again and counts answers."""

    sock: socket.socket
    asked: int = 0
    answered: int = 0
    waited: list[float] = field(default_factory=list)

    async def ask(self, within: float = 1.0) -> bool:
        loop = asyncio.get_running_loop()
        self.asked += 1
        data, began = b"good %d" % self.asked, time.monotonic()
        self.sock.send(data)
        try:
            async with asyncio.timeout(within):
                while await loop.sock_recv(self.sock, 2048) != data:
                    pass
        except TimeoutError:
            return False
        self.answered += 1
        self.waited.append(time.monotonic() - began)
        return True


@asynccontextmanager
async def udp_user(port: int) -> AsyncIterator[UdpUser]:
    """A user who has been there for long enough to be known."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.bind(("127.0.0.1", 0))
        sock.connect(("127.0.0.1", port))
        user = UdpUser(sock)
        while not await user.ask():  # until a work connection is there
            assert user.asked < 30
        await asyncio.sleep(KNOWN_AFTER * 1.1)
        assert await user.ask()
        yield user


async def once(port: int) -> None:
    """Each datagram from another address."""
    await flood(port, [lambda dice: dice.randbytes(20)], count=COUNT, per_second=RATE, repeat=0.0)


async def twice(port: int) -> None:
    """Large datagrams, most sent again at once."""
    await flood(port, [lambda dice: dice.randbytes(1200)], count=COUNT, per_second=RATE, repeat=1.0)


async def in_turn(port: int) -> None:
    """Ports of one address, each again and again: more of them than there are files."""
    socks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(600)]
    try:
        for sock in socks:
            sock.setblocking(False)
            sock.bind(("127.66.0.1", 0))
            sock.connect(("127.0.0.1", port))
        for number in range(COUNT):
            socks[number % len(socks)].send(b"again")
            if number % 30 == 0:
                await asyncio.sleep(30 / RATE)
    finally:
        for sock in socks:
            sock.close()


@pytest.mark.parametrize("attack", [once, twice, in_turn])
async def test_a_flood_of_users_takes_its_share_of_files_and_no_more(attack: object, tmp_path: Path) -> None:
    async with rig(tmp_path) as rigged, udp_user(rigged.udp) as same, udp_user(rigged.other) as other:
        before = files(rigged.client)
        flooding = asyncio.create_task(attack(rigged.udp))  # type: ignore[operator]
        took: list[float] = []
        most, beats = 0, 0
        while not flooding.done() or beats < 10:
            beats += 1
            began = time.monotonic()
            async with asyncio.timeout(LATE):
                assert await exchange(rigged.tcp, b"hello") == b"hello"
            took.append(time.monotonic() - began)
            await asyncio.gather(same.ask(), other.ask())
            most = max(most, files(rigged.client))
            await asyncio.sleep(0.02)
        await flooding
        print(
            f"files {before} before, {most} at most; tcp {median(took):.3f} s, {max(took):.3f} at most; "
            f"udp {same.answered}/{same.asked}, other {other.answered}/{other.asked}"
        )
        assert most - before >= FILES // 8, "the flood did not arrive"
        assert most <= before + FILES // 4 + 4
        assert median(took) < 0.5
        assert files(rigged.server) < 40, "a udp user takes no file of frps"
        assert other.answered >= 0.8 * other.asked
        assert same.answered >= 0.5 * same.asked  # it shares the sockets' buffers with the flood
        assert "too many open files" not in rigged.client.text.lower()
        assert await same.ask(10.0)


async def test_the_service_sees_a_known_user_at_one_address_through_a_flood(tmp_path: Path) -> None:
    """A new local socket would be another user to the service, and end what it has with this one."""
    bind, remote = free_port(), free_port()
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as service:
        service.setblocking(False)
        service.bind(("127.0.0.1", 0))
        seen: set[object] = set()

        def serve() -> None:
            data, name = service.recvfrom(2048)
            if data.startswith(b"good"):
                seen.add(name)
            service.sendto(data, name)

        loop.add_reader(service.fileno(), serve)
        toml = f'serverAddr = "127.0.0.1"\nserverPort = {bind}\n'
        async with (
            frps(tmp_path, f'bindAddr = "127.0.0.1"\nbindPort = {bind}\n'),
            frpc(tmp_path, toml + proxy("u", "udp", service.getsockname()[1], remote)) as client,
        ):
            resource.prlimit(client.pid, resource.RLIMIT_NOFILE, (FILES, FILES))
            async with udp_user(remote) as good:
                await once(remote)
                assert await good.ask(10.0)
        loop.remove_reader(service.fileno())
    assert len(seen) == 1


@pytest.mark.parametrize("shape", ["idle", "talking", "gone at once"])
async def test_users_of_a_port_leave_files_for_logins(shape: str, tmp_path: Path) -> None:
    """Connections to a proxy's port take all files they get: a client still logs in at frps and serves others after
    they are gone, and the session of the attacked one stays."""
    async with rig(tmp_path) as rigged:
        crowd: list[asyncio.StreamWriter] = []
        dice = random.Random(1)
        most = 0
        for number in range(FILES + 50):
            most = max(most, files(rigged.server))  # of those who are gone at once, later ones may be refused
            try:
                async with asyncio.timeout(LATE):
                    _, writer = await asyncio.open_connection("127.0.0.1", rigged.tcp)
            except (OSError, TimeoutError):
                continue
            crowd.append(writer)
            if shape == "talking":
                writer.write(dice.randbytes(100))
            if shape == "gone at once" and number % 2:
                crowd.pop().transport.abort()
        toml = f'serverAddr = "127.0.0.1"\nserverPort = {rigged.bind}\n'
        late = free_port()
        (tmp_path / "late").mkdir()
        async with udp_echo() as local, frpc(tmp_path / "late", toml + proxy("late", "udp", local, late)):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.setblocking(False)
                sock.connect(("127.0.0.1", late))
                user = UdpUser(sock)
                while not await user.ask():
                    assert user.asked < 30
        most = max(most, files(rigged.server))
        for writer in crowd:
            writer.transport.abort()
        async with asyncio.timeout(20):
            while not await answers(rigged.tcp):
                await asyncio.sleep(0.05)
        print(f"frps {most} files of {FILES}")
        assert most >= FILES // 2, "the crowd did not arrive"


async def answers(port: int) -> bool:
    try:
        return await exchange(port, b"hello") == b"hello"
    except (OSError, AssertionError, asyncio.IncompleteReadError):
        return False
