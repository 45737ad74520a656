"""Peers that do not take what they ask for: what everybody else on the same client and server notices.

Users who do not read or read a byte a second, services that do not read uploads, clients that ask and take no answers.
Meanwhile an honest download and a ping loop go on over the same frpc.
"""

from __future__ import annotations

import asyncio
import hashlib
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from aiofrp.client.service import Client
from aiofrp.server import service as server_service
from aiofrp.server.service import Server
from aiofrp.server.session.control import ServerControl
from aiofrp.stream.base import Buffer, NullReceiver, Pause, Stream
from aiofrp.stream.mux.limits import MuxLimits
from aiofrp.stream.mux.session import MuxSession
from aiofrp.stream.quic.core import limits as quic_limits
from aiofrp.stream.quic.core.limits import QuicLimits
from aiofrp.stream.stall import Account, Holding, StallLimits
from aiofrp.stream.tcp import TcpStream
from aiofrp.stream.transform import TransformStream
from aiofrp.transport import session as transport_session
from aiofrp.wire.frp.auth import derive_key, token_digest
from aiofrp.wire.frp.codec import V1
from aiofrp.wire.frp.messages import CloseProxy, Login, Message, NewProxy, Ping
from aiofrp.wire.transforms.aescfb import AesCfb
from tests.support.ends import until
from tests.support.ports import free_port
from tests.support.tunnel import (
    client_config,
    echo,
    exchange,
    local_service,
    running_client,
    running_server,
    server_config,
)

KIB, MIB = 1024, 1024 * 1024
#: Small, so that a test fills them at once and waits for no minute.
LIMITS = StallLimits(mark=1 * MIB, most=3 * MIB, stall=2.0, credit=4 * MIB)
#: For what waits for credit: writers are paused first, so it is wider.
QUEUES = StallLimits(mark=2 * MIB, most=16 * MIB, stall=2.0)
#: What may be held beyond the limit for a moment: what one read of the carrier brings.
OVERSHOOT = 1 * MIB
BODY = hashlib.shake_256(b"honest").digest(2 * MIB)
#: Seconds a ping may take on a busy machine; a stream that waits for a silent one takes for ever.
PING = 5.0


async def service(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Says a stream without end, one body, or an echo; or reads no more."""
    wish = await reader.readexactly(1)
    if wish == b"s":
        while True:
            writer.write(bytes(64 * KIB))
            await writer.drain()
    elif wish == b"h":
        writer.write(BODY)
        await writer.drain()
    elif wish == b"e":
        while data := await reader.read(1000):
            writer.write(data)
    else:
        await asyncio.Event().wait()


class Accounts(list[Account]):
    """The accounts of what is held for receivers, of every session that is made."""

    most = 0  #: bytes one account held at once


class Rig:
    """A tunnel with accounts that a test can look into."""

    def __init__(self, server: Server, client: Client, port: int, accounts: Accounts) -> None:
        self.server = server
        self.client = client
        self.port = port
        self.accounts = accounts
        self.pings: list[float] = []
        self.bodies = 0

    def held(self) -> int:
        """What the account that holds most holds now."""
        return max((account.held for account in self.accounts), default=0)

    async def honest(self) -> None:
        """Downloads and pings, one after another, for ever."""
        await asyncio.gather(self._download(), self._ping())

    async def _download(self) -> None:
        while True:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            try:
                writer.write(b"h")
                assert await reader.readexactly(len(BODY)) == BODY
            finally:
                writer.close()
            self.bodies += 1

    async def _ping(self) -> None:
        clock = asyncio.get_running_loop().time
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(b"e")
        try:
            while True:
                began = clock()
                writer.write(b"ping")
                assert await reader.readexactly(4) == b"ping"
                self.pings.append(clock() - began)
                await asyncio.sleep(0.01)
        finally:
            writer.close()


@pytest.fixture
def accounts(monkeypatch: pytest.MonkeyPatch) -> Accounts:
    """Shortens the limits."""
    made = Accounts()
    before, changed = Account.__init__, Account.changed

    def remember(self: Account, limits: StallLimits) -> None:
        before(self, limits)
        if limits is not QUEUES:
            made.append(self)

    def watch(self: Account, holding: Holding, size: int) -> None:
        changed(self, holding, size)
        if self._limits is not QUEUES:
            made.most = max(made.most, self.held)

    monkeypatch.setattr(Account, "__init__", remember)
    monkeypatch.setattr(Account, "changed", watch)
    mux = partial(MuxLimits, receivers=LIMITS, queues=QUEUES)
    monkeypatch.setattr(transport_session, "MuxLimits", mux)
    monkeypatch.setattr(server_service, "MuxLimits", mux)
    # What fills a gap brings all that waited behind it, up to this window.
    quic = partial(QuicLimits, receivers=LIMITS, connection_window=OVERSHOOT // 2)
    monkeypatch.setattr(quic_limits, "QuicLimits", quic)
    return made


@asynccontextmanager
async def tunnel(protocol: str, accounts: Accounts) -> AsyncIterator[Rig]:
    bind, remote = free_port(), free_port()
    ports = {"tcp": "", "quic": f"quicBindPort = {bind}", "kcp": f"kcpBindPort = {bind}"}[protocol]
    async with (
        local_service(service) as local,
        running_server(server_config(ports, port=bind)) as server,
        running_client(
            client_config(
                bind,
                f'transport.protocol = "{protocol}"\n[[proxies]]\nname = "p"\ntype = "tcp"\n'
                f"localPort = {local}\nremotePort = {remote}\n",
            )
        ) as client,
    ):
        rig = Rig(server, client, remote, accounts)
        honest = asyncio.create_task(rig.honest())
        try:
            yield rig
            assert not honest.done(), honest.exception()
        finally:
            honest.cancel()
            with suppress(asyncio.CancelledError):
                await honest


class Attacker:
    """A user with small buffers who says something and takes nothing, or little."""

    def __init__(self, port: int) -> None:
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * KIB)
        self.sock.setblocking(False)
        self._port = port
        self.ended = False

    async def run(self, wish: bytes, takes: int) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.sock_connect(self.sock, ("127.0.0.1", self._port))
            await loop.sock_sendall(self.sock, wish)
            while True:
                await asyncio.sleep(1)
                for _ in range(takes):
                    await loop.sock_recv(self.sock, 1)
                self.sock.send(b"!")  # fails once the other side is gone
        except BlockingIOError:
            await asyncio.Event().wait()
        except OSError:
            self.ended = True

    async def upload(self) -> None:
        try:
            loop = asyncio.get_running_loop()
            await loop.sock_connect(self.sock, ("127.0.0.1", self._port))
            await loop.sock_sendall(self.sock, b"u")
            while True:
                await loop.sock_sendall(self.sock, bytes(256 * KIB))
        except OSError:
            self.ended = True


@asynccontextmanager
async def attack(
    port: int, count: int, run: Callable[[Attacker], Coroutine[Any, Any, None]]
) -> AsyncIterator[list[Attacker]]:
    attackers = [Attacker(port) for _ in range(count)]
    tasks = [asyncio.create_task(run(one)) for one in attackers]
    try:
        yield attackers
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        for one in attackers:
            one.sock.close()


@pytest.mark.parametrize(
    ("protocol", "count", "takes"),
    [("tcp", 60, 0), ("tcp", 60, 1), ("tcp", 150, 0), ("quic", 20, 0), ("kcp", 20, 0)],
)
async def test_users_who_do_not_read(protocol: str, count: int, takes: int, accounts: Accounts) -> None:
    async with tunnel(protocol, accounts) as rig:
        await until(lambda: rig.bodies)
        async with attack(rig.port, count, lambda one: one.run(b"s", takes)) as attackers:
            await until(lambda: any(one.ended for one in attackers))
            bodies, pings = rig.bodies, len(rig.pings)
            await until(lambda: rig.bodies > bodies and len(rig.pings) > pings)
            await until(lambda: rig.held() <= LIMITS.mark)
        assert accounts.most <= LIMITS.most + OVERSHOOT
        assert max(rig.pings) < PING


async def test_services_that_do_not_read(accounts: Accounts) -> None:
    async with tunnel("tcp", accounts) as rig:
        await until(lambda: rig.bodies)
        async with attack(rig.port, 16, lambda one: one.upload()) as attackers:
            await until(lambda: any(one.ended for one in attackers))
            bodies, pings = rig.bodies, len(rig.pings)
            await until(lambda: rig.bodies > bodies and len(rig.pings) > pings)
            await until(lambda: rig.held() <= LIMITS.mark)
        assert accounts.most <= LIMITS.most + OVERSHOOT
        assert max(rig.pings) < PING


async def test_a_slow_reader_outlives_the_silent(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes a little all the time, while sixty that take nothing come and are ended for the limit."""
    patient = partial(MuxLimits, receivers=replace(LIMITS, stall=3600), queues=QUEUES)
    monkeypatch.setattr(server_service, "MuxLimits", patient)
    monkeypatch.setattr(transport_session, "MuxLimits", patient)
    async with tunnel("tcp", accounts) as rig:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * KIB)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", rig.port))
        reader, writer = await asyncio.open_connection(sock=sock, limit=64 * KIB)
        writer.write(b"s")
        await reader.readexactly(8 * MIB)
        async with attack(rig.port, 60, lambda one: one.run(b"s", 0)) as attackers:
            waiting = asyncio.create_task(until(lambda: sum(one.ended for one in attackers) >= 30))
            while not waiting.done():
                assert await reader.read(64 * KIB)
                await asyncio.sleep(0.01)
            await waiting
        assert await reader.readexactly(4 * MIB) == bytes(4 * MIB)
        writer.close()


async def test_a_reader_of_a_few_bytes_at_a_time_is_not_taken_for_silent(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reads more in the stall time than the kernel takes ahead for it."""
    wide = partial(MuxLimits, receivers=replace(LIMITS, most=64 * MIB), queues=QUEUES)
    monkeypatch.setattr(server_service, "MuxLimits", wide)
    rate = 300 * KIB
    async with tunnel("tcp", accounts) as rig:
        loop, slow = asyncio.get_running_loop(), Attacker(rig.port)
        with slow.sock:
            await loop.sock_connect(slow.sock, ("127.0.0.1", rig.port))
            await loop.sock_sendall(slow.sock, b"s")
            began, got = loop.time(), 0
            async with attack(rig.port, 12, lambda one: one.run(b"s", 0)) as attackers:
                while not any(one.ended for one in attackers) or loop.time() < began + 3 * LIMITS.stall:
                    data = await loop.sock_recv(slow.sock, 4 * KIB)
                    assert data
                    got += len(data)
                    await asyncio.sleep(max(0, began + got / rate - loop.time()))


# Clients that ask and take no answers


class Asker(NullReceiver):
    """A client's control connection that is written to without end and never read."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.full = False
        self.sent = 0
        self.carrier: TcpStream | None = None
        self._stream: Stream | None = None

    async def log_in(self) -> None:
        loop = asyncio.get_running_loop()
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * KIB)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * KIB)
        sock.setblocking(False)
        await loop.sock_connect(sock, ("127.0.0.1", self._port))
        _, self.carrier = await loop.create_connection(TcpStream, sock=sock)
        plain = MuxSession(self.carrier, client=True).open()
        answered = loop.create_future()
        decoder = V1.decoder()

        class First(NullReceiver):
            def data_received(self, data: Buffer, /) -> None:
                if not answered.done() and decoder.receive_one(data) is not None:
                    answered.set_result(None)
                    plain.detach()

        plain.attach(First())
        plain.write(V1.encode(Login(privilege_key=token_digest("", 1), timestamp=1, run_id="asker")))
        await answered
        plain.pause_reading(Pause.WAIT)
        self._stream = TransformStream(plain, [AesCfb(derive_key(""))])
        self._stream.attach(self)

    def ask(self, messages: bytes) -> None:
        assert self._stream is not None
        self._stream.write(messages)
        self.sent += len(messages)

    def pause_writing(self) -> None:
        self.full = True

    def resume_writing(self) -> None:
        self.full = False


def publishing(count: int) -> list[Message]:
    made: list[Message] = []
    for number in range(count):
        made.append(NewProxy(proxy_name=f"flood{number}", proxy_type="stcp", sk="x"))
        made.append(CloseProxy(proxy_name=f"flood{number}"))
    return made


@pytest.mark.parametrize("what", ["pings", "proxies"])
async def test_a_client_that_takes_no_answers(what: str) -> None:
    """It is not read any more, so it cannot ask for more; another client of the same server serves as before."""
    remote = free_port()
    async with local_service(echo) as local, running_server(server_config()) as server:
        entry = f'[[proxies]]\nname = "p"\ntype = "tcp"\nlocalPort = {local}\nremotePort = {remote}\n'
        asker = Asker(server.address[1])
        messages: list[Message] = [Ping()] * 4000 if what == "pings" else publishing(200)
        block = b"".join(V1.encode(message) for message in messages)
        async with running_client(client_config(server.address[1], entry)):
            await asker.log_in()
            control = server.tables.sessions.find("asker")
            assert isinstance(control, ServerControl)
            stuck = 0.0
            loop = asyncio.get_running_loop()
            while loop.time() - stuck < 0.5 or not stuck:
                if asker.full and not control._inbox.writable:
                    stuck = stuck or loop.time()
                    await asyncio.sleep(0.01)
                else:
                    stuck = 0.0
                    if not asker.full:
                        asker.ask(block)
                    await asyncio.sleep(0)
                assert len(control._inbox) <= 100 + 64 * KIB  # what one read brought
            assert await exchange(remote, b"others go on") == b"others go on"
            before = asker.sent
            await asyncio.sleep(0.2)
            assert asker.full
            assert asker.sent == before
            assert control.running
            assert asker.carrier is not None
            asker.carrier.abort()
            await until(lambda: not control.running)
