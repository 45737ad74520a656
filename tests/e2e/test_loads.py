"""What must hold under load: reloads amid requests, bodies of any length, crowds of UDP visitors, users that never
finish their request. Real processes, ours on both sides.

``AIOFRP_SOAK=1`` runs the full counts with the programs' own limits (minutes) and prints what was measured; without
it every case runs in a small form, with the limits that take their time shortened.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import socket
import sys
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import pytest

from bench.figures import Figures, percentiles
from bench.pairs import ROOT
from bench.server import echo_datagrams
from bench.web import request, response_length
from bench.webload import Slow
from tests.e2e.test_resilience import SOAK, open_files, resident, scaled, settles
from tests.support import procs
from tests.support.ports import free_port
from tests.support.procs import Name, Program, Side, frpc, frps
from tests.support.tunnel import PATIENCE, exchange, local_service
from tests.support.web import http_proxy, ok, saying

#: Seconds between two requests of one user, and the users of a kind: those of two ports ask 500 times a second.
PACE, USERS = 0.04, 5
GET = b"GET / HTTP/1.1\r\nHost: web.test\r\n\r\n"
#: Bytes of memory either program may need for one body under way, however long it is: what is read at once and what
#: waits at the marks of a stream, on each leg.
STREAMING = 12 * 2**20
#: What large bodies are made of.
BLOCK = os.urandom(1 << 18)


@dataclass(slots=True)
class Site:
    """Configurations of a tunnel with a vhost port."""

    bind: int = field(default_factory=free_port)
    vhost: int = field(default_factory=free_port)

    @property
    def server(self) -> str:
        return f'bindAddr = "127.0.0.1"\nbindPort = {self.bind}\nvhostHTTPPort = {self.vhost}\n'

    @property
    def client(self) -> str:
        return f'serverAddr = "127.0.0.1"\nserverPort = {self.bind}\n'


def port_proxy(name: str, kind: str, local: int, remote: int) -> str:
    return f'[[proxies]]\nname = "{name}"\ntype = "{kind}"\nlocalPort = {local}\nremotePort = {remote}\n'


def shorten(monkeypatch: pytest.MonkeyPatch, program: Name, module: str, setting: str) -> None:
    """Run ``program`` with another value of a module's constant, in the small form."""
    if SOAK:
        return
    known = procs.command
    code = (
        f"import sys, {module}\n{module}.{setting}\nfrom aiofrp.cli.{program} import main\nsys.exit(main())"
    )

    def command(name: Name, side: Side = "ours") -> list[str]:
        return [sys.executable, "-c", code] if name == program else known(name, side)

    monkeypatch.setattr(procs, "command", command)


def tell(what: str, figures: Figures) -> None:
    """Print what was measured."""
    print(f"\n{what}: " + ", ".join(f"{name} {value:,.1f}" for name, value in figures.items()))


# Requests


@dataclass(slots=True)
class Asked:
    """What became of requests."""

    times: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


@asynccontextmanager
async def asking(*ports: int) -> AsyncIterator[Asked]:
    """Users that ask for ``web.test`` again and again, on kept connections and on new ones; all are heard out."""
    asked = Asked()
    over = asyncio.Event()
    kinds = itertools.product(ports, (True, False), range(USERS))
    users = [asyncio.create_task(_user(port, kept, asked, over)) for port, kept, _ in kinds]
    try:
        yield asked
    finally:
        over.set()
        await asyncio.gather(*users)


async def _user(port: int, kept: bool, asked: Asked, over: asyncio.Event) -> None:
    connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    while not over.is_set():
        start, failed = perf_counter(), False
        try:
            async with asyncio.timeout(PATIENCE):
                if connection is None:
                    connection = await asyncio.open_connection("127.0.0.1", port)
                await _get(*connection)
            asked.times.append(perf_counter() - start)
        except (OSError, EOFError, AssertionError) as error:  # a timeout is an OSError
            asked.failures.append(repr(error))
            failed = True
        if connection is not None and (failed or not kept):
            await _close(connection[1])
            connection = None
        await asyncio.sleep(max(0.0, start + PACE - perf_counter()))
    if connection is not None:
        await _close(connection[1])


async def _get(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(GET)
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), head
    body = await reader.readexactly(response_length(head) - len(head))
    assert body == b"hello", body


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


async def web(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A service that says hello."""
    while True:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ok(b"hello"))


# Reloads


async def test_reloads_disturb_no_request_of_untouched_proxies(tmp_path: Path) -> None:
    site, raw = Site(), free_port()
    admin, moved = free_port(), [free_port(), free_port()]
    async with local_service(web) as local, local_service(saying("other")) as other:

        def config(turn: int) -> str:
            """Two proxies stay as they are, two become others."""
            return (
                f"{site.client}webServer.port = {admin}\n{http_proxy('web', local)}"
                f"{port_proxy('raw', 'tcp', local, raw)}{port_proxy('moved', 'tcp', other, moved[turn % 2])}"
                + http_proxy("other", other, f"locations = ['/{turn}']")
            )

        async with (
            frps(tmp_path, site.server) as server,
            frpc(tmp_path, config(0), proxies=4) as client,
            asking(site.vhost, raw) as asked,
        ):
            files = open_files(server), open_files(client)
            start = asyncio.get_running_loop().time()
            for turn in range(1, scaled(100, 4) + 1):
                (tmp_path / "frpc.toml").write_text(config(turn))
                assert await reload(tmp_path / "frpc.toml") == (0, "reload success\n")
                await client.line("start proxy success", count=4 + 2 * turn)
            elapsed = asyncio.get_running_loop().time() - start
            assert await exchange(moved[turn % 2], GET) == ok(b"other")
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", moved[(turn + 1) % 2])
            await settles(server, files[0] + 4 * USERS)
            await settles(client, files[1] + 4 * USERS)
        assert not asked.failures
        assert len(asked.times) > turn
        tell(
            f"{turn} reloads",
            {"requests per s": len(asked.times) / elapsed, **percentiles(asked.times)},
        )


async def reload(path: Path) -> tuple[int | None, str]:
    """``frpc reload``: exit code and output."""
    process = await asyncio.create_subprocess_exec(
        *procs.command("frpc"),
        *("reload", "-c", str(path)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(PATIENCE):
        output, _ = await process.communicate()
    return process.returncode, output.decode()


# Large bodies


async def bodies(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A service that answers a POST with the checksum of its body, and a GET with as many bytes as its path says."""
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        size = int(head.split()[1][1:])
        if head.startswith(b"POST"):
            writer.write(ok(b"%d" % await checksum(reader, size)))
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
            await send(writer, size)


async def send(writer: asyncio.StreamWriter, size: int) -> None:
    """Write ``size`` bytes of a body."""
    for _ in range(size // len(BLOCK)):
        writer.write(BLOCK)
        await writer.drain()


async def checksum(reader: asyncio.StreamReader, size: int) -> int:
    """Read ``size`` bytes and add them up."""
    found = 0
    while size:
        data = await reader.read(min(size, len(BLOCK)))
        assert data
        size -= len(data)
        found = zlib.crc32(data, found)
    return found


def expected(size: int) -> int:
    """The checksum of a body."""
    found = 0
    for _ in range(size // len(BLOCK)):
        found = zlib.crc32(BLOCK, found)
    return found


async def both_ways(port: int, size: int) -> None:
    """A POST and a download of ``size`` bytes, one after the other on one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request("POST", size))
    await send(writer, size)
    head = await reader.readuntil(b"\r\n\r\n")
    assert int(await reader.readexactly(response_length(head) - len(head))) == expected(size)
    writer.write(request("GET", size))
    head = await reader.readuntil(b"\r\n\r\n")
    assert response_length(head) - len(head) == size
    assert await checksum(reader, size) == expected(size)
    await _close(writer)


@asynccontextmanager
async def watched(*programs: Program) -> AsyncIterator[list[int]]:
    """Gives the most bytes of memory each program has had since, beyond what it has now."""
    before = [resident(program) for program in programs]
    grown = [0 for _ in programs]

    async def watch() -> None:
        while True:
            for place, program in enumerate(programs):
                grown[place] = max(grown[place], resident(program) - before[place])
            await asyncio.sleep(0.01)

    task = asyncio.create_task(watch())
    try:
        yield grown
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_memory_is_flat_while_a_body_passes(tmp_path: Path) -> None:
    site, size = Site(), scaled(1 << 30, 64 << 20)
    async with (
        local_service(bodies) as local,
        frps(tmp_path, site.server) as server,
        frpc(tmp_path, site.client + http_proxy("bench", local, 'customDomains = ["bench.test"]')) as client,
    ):
        await both_ways(site.vhost, 1 << 20)
        start = asyncio.get_running_loop().time()
        async with watched(server, client) as grown:
            await both_ways(site.vhost, size)
        elapsed = asyncio.get_running_loop().time() - start
        megabytes = [size / 2**20 for size in grown]
        tell(
            f"{size >> 20} MiB each way",
            {"MB/s": 2e-6 * size / elapsed, "MiB more in frps": megabytes[0], "in frpc": megabytes[1]},
        )
        assert max(grown) < STREAMING


# UDP visitors


@asynccontextmanager
async def udp_echo() -> AsyncIterator[int]:
    """A UDP echo service that can keep a burst."""
    loop = asyncio.get_running_loop()
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        sock.bind(("127.0.0.1", 0))
        loop.add_reader(sock, echo_datagrams, sock)
        try:
            yield sock.getsockname()[1]
        finally:
            loop.remove_reader(sock)


async def crowd(port: int, visitors: int, seconds: int) -> Figures:
    """What became of the datagrams of many visitors, who live in a process of their own."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.loadgen", "crowd", f"127.0.0.1:{port}"),
        *("--connections", str(visitors), "--seconds", str(seconds)),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    async with asyncio.timeout(seconds + PATIENCE):
        output, _ = await process.communicate()
    figures: Figures = json.loads(output)
    return {name: figures[name] for name in ("sent", "lost", "per_s")}


async def test_a_crowd_of_udp_visitors_is_served_and_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shorten(monkeypatch, "frpc", "aiofrp.proxy.datagrams.forwarder", "SESSION_IDLE = 1.0")
    site, remote = Site(), free_port()
    visitors = scaled(1000, 50)
    async with (
        udp_echo() as local,
        frps(tmp_path, site.server) as server,
        frpc(tmp_path, site.client + port_proxy("u", "udp", local, remote)) as client,
    ):
        files = open_files(server), open_files(client)
        assert (await crowd(remote, 1, 1))["lost"] == 0
        async with watched(server, client) as grown:
            running = asyncio.create_task(crowd(remote, visitors, scaled(30, 1)))
            async with asyncio.timeout(PATIENCE):
                while open_files(client) < files[1] + visitors:
                    await asyncio.sleep(0.01)
            figures = await running
        tell(
            f"{visitors} visitors",
            {**figures, "% lost": 100 * figures["lost"] / figures["sent"], "MiB more": max(grown) / 2**20},
        )
        assert SOAK or figures["lost"] == 0, figures
        assert max(grown) < 32 * 2**20
        await settles(server, files[0] + 1)  # the work connection
        await forgotten(client, files[1] + 1)


async def forgotten(program: Program, files: int) -> None:
    """Wait until the sessions are over: they may be idle for 30 s, and are looked at every 15 s."""
    async with asyncio.timeout(scaled(30 + 15, 2) + PATIENCE):
        while open_files(program) > files:
            await asyncio.sleep(0.05)


# Slow users


@asynccontextmanager
async def slow_users(port: int, count: int) -> AsyncIterator[list[Slow]]:
    """Users with half a head each, who say another byte every second."""
    loop = asyncio.get_running_loop()
    users = [(await loop.create_connection(Slow, "127.0.0.1", port))[1] for _ in range(count)]

    async def trickle() -> None:
        while True:
            for start in range(0, count, 20):
                for user in users[start : start + 20]:
                    user.transport.write(b"x")
                await asyncio.sleep(20 / count)

    task = asyncio.create_task(trickle())
    try:
        yield users
    finally:
        task.cancel()
        await asyncio.wait([task])
        for user in users:
            user.transport.abort()


async def test_slow_users_are_cut_and_keep_nobody_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shorten(monkeypatch, "frps", "aiofrp.http.v1.times", "HEAD_TIMEOUT = 2.0")
    site = Site()
    async with (
        local_service(web) as local,
        frps(tmp_path, site.server) as server,
        frpc(tmp_path, site.client + http_proxy("web", local)) as client,
    ):
        async with asking(site.vhost) as alone:
            while len(alone.times) < scaled(5000, 50):
                await asyncio.sleep(0.01)
        files = open_files(server), open_files(client)
        async with slow_users(site.vhost, scaled(2000, 200)) as slow:
            async with asking(site.vhost) as beside, asyncio.timeout(60 + PATIENCE):
                while not all(user.lost for user in slow):
                    await asyncio.sleep(0.01)
            assert not alone.failures
            assert not beside.failures
            assert len(beside.times) > 50
        await settles(server, files[0])
        await settles(client, files[1])
        tell("alone", {"requests": len(alone.times), **percentiles(alone.times)})
        tell(f"beside {len(slow)} slow users", {"requests": len(beside.times), **percentiles(beside.times)})
