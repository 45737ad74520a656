"""Thousands of connections of every hostile kind at frps's port: no traceback, no growth, and users get their answers.

``AIOFRP_SOAK=1`` makes five times as many.
"""

from __future__ import annotations

import asyncio
import random
import re
import socket
import ssl
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from aiofrp.wire.frp.codec import V1
from aiofrp.wire.frp.messages import Message, NewVisitorConn
from aiofrp.wire.yamux import DATA, SYN, WINDOW_UPDATE, header
from tests.e2e.test_floods import SOAK, pinging
from tests.support.ports import free_port
from tests.support.procs import Program, frpc, frps, running
from tests.support.rawclient import login, work
from tests.support.tunnel import echo, local_service

#: Hostile connections in all, and at once.
COUNT = {True: 6_000, False: 1_500}
AT_ONCE = 100
#: Made before memory is looked at: what is used once is imported and allocated then, and the allocator has what that
#: many at once need.
WARM_UP = 3_000
#: Bytes frps may have more afterwards.
GROWTH = 8 * 2**20
#: Seconds one of them stays at most.
STAY = 0.3

Make = Callable[[random.Random], list[bytes]]
"""What one connection sends; there is a short pause between the pieces."""


def _framed(message: Message, mux: bool) -> bytes:
    data = V1.encode(message)
    return _stream(1) + header(DATA, 0, 1, len(data)) + data if mux else data


def _stream(number: int) -> bytes:
    return header(WINDOW_UPDATE, SYN, number, 0)


def _hello() -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    outgoing = ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), outgoing).do_handshake()
    return outgoing.read()


UPGRADE = (
    b"GET /~!frp HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nOrigin: http://x\r\n\r\n"
)


def kinds(mux: bool) -> dict[str, Make]:
    """Every kind by its name."""
    hello = _hello()
    return {
        "half-open TLS": lambda rng: [hello[: rng.randrange(11, len(hello))]],
        "whole hello, then garbage": lambda rng: [b"\x17" + hello, rng.randbytes(100)],
        "garbage": lambda rng: [rng.randbytes(rng.randint(1, 3000))],
        "wrong token": lambda rng: [_framed(login("wrong"), mux)],
        "orphan NewWorkConn": lambda rng: [_framed(work(f"{rng.getrandbits(64):016x}"), mux)],
        "orphan NewVisitorConn": lambda rng: [
            _framed(NewVisitorConn(proxy_name="echo", run_id="x", sign_key="y"), mux)
        ],
        "hang-up at login": lambda rng: [_framed(login("t", user=f"u{rng.getrandbits(32)}"), mux)],
        "slow first byte": lambda rng: [b"o"],
        "yamux garbage": lambda rng: [
            _stream(1) * rng.randint(1, 3) + _stream(3) + bytes((0, rng.randrange(5))) + rng.randbytes(60)
        ],
        "websocket garbage": lambda rng: [UPGRADE, rng.randbytes(rng.randint(1, 500))],
        "broken request": lambda rng: [UPGRADE[: rng.randrange(10, len(UPGRADE))]],
    }


async def hostile(port: int, pieces: list[bytes], rng: random.Random) -> None:
    """One connection: what it sends, a while for the answer, and an end in order or not."""
    with suppress(OSError, TimeoutError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            async with asyncio.timeout(STAY):
                for piece in pieces:
                    writer.write(piece)
                    await asyncio.sleep(0.005)
                if rng.random() < 0.7:
                    await reader.read()
        finally:
            if rng.random() < 0.5:
                sock = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()


async def crowd(port: int, mux: bool, count: int) -> None:
    """``count`` connections, :data:`AT_ONCE` at once, each kind in turn."""
    rng, made = random.Random(count), list(kinds(mux).values())
    numbers = iter(range(count))

    async def one_after_another() -> None:
        for number in numbers:
            await hostile(port, made[number % len(made)](rng), rng)

    await asyncio.gather(*(one_after_another() for _ in range(AT_ONCE)))


async def crowd_of_its_own(port: int, mux: bool, count: int, output: Path) -> None:
    """The same in another process, so that it costs the users' side of the test nothing."""
    root = Path(__file__).parents[2]
    code = (
        f"import asyncio, sys; sys.path.insert(0, {str(root)!r}); "
        f"from tests.e2e.test_hostile_crowd import crowd; asyncio.run(crowd({port}, {mux}, {count}))"
    )
    async with running([sys.executable, "-c", code], output) as program:
        assert await program.ended(within=120) == 0, program.text


def pss(program: Program) -> int:
    """Bytes of memory that are the process's own, its share of what it has with others included."""
    text = Path(f"/proc/{program.pid}/smaps_rollup").read_text(encoding="ascii")
    found = re.search(r"^Pss: +(\d+) kB$", text, re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


def p99(took: list[float]) -> float:
    return sorted(took)[len(took) * 99 // 100]


@pytest.mark.parametrize("mux", [True, False])
async def test_a_crowd_of_every_kind(mux: bool, tmp_path: Path) -> None:
    bind, remote = free_port(), free_port()
    both = f'auth.token = "t"\ntransport.tcpMux = {str(mux).lower()}\n'
    entry = f'[[proxies]]\nname = "echo"\ntype = "tcp"\nremotePort = {remote}\n'
    count = COUNT[mux] * (5 if SOAK else 1)
    async with (
        local_service(echo) as local,
        frps(tmp_path, f'bindAddr = "127.0.0.1"\nbindPort = {bind}\n{both}') as server,
        frpc(
            tmp_path,
            f'serverAddr = "127.0.0.1"\nserverPort = {bind}\n{both}{entry}localPort = {local}\n',
        ) as client,
    ):
        async with pinging(remote) as idle:
            await asyncio.sleep(1)
        await crowd(bind, mux, WARM_UP)
        before = pss(server)
        async with pinging(remote) as took:
            await crowd_of_its_own(bind, mux, count, tmp_path / "crowd.log")
        grown = pss(server) - before
        print(
            f"{count} hostile connections, tcpMux {mux}: memory {before / 2**20:.1f} MiB {grown / 2**20:+.1f}; "
            f"p99 of an echo {p99(took) * 1e3:.1f} ms, idle {p99(idle) * 1e3:.1f} ms; {len(took)} echoes"
        )
        assert grown <= GROWTH
        assert took, "the user was served meanwhile"
        for program in (server, client):
            assert program.running
            assert "Traceback" not in program.text
            assert " failed\n" not in program.text  # of a task
        assert client.text.count("login to server success") == 1, "the session was lost"
