"""What happens around a tunnel of xtcp while users go through it: reloads, readers that stop, programs that are killed.

On 127.0.0.1 with a STUN server of the test; frps and the waiting times between attempts are made quick.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from aiofrp.aio import check_after
from aiofrp.client.service import Client
from aiofrp.config.models.client import ClientConfig
from aiofrp.proxy.direct import source
from aiofrp.proxy.direct import visitor as visitorside
from aiofrp.proxy.direct.visitor import DirectVisitor
from aiofrp.server.publish import rendezvous
from tests.e2e.test_go_peers import exchange_open
from tests.e2e.test_xtcp import echoed, guest, host, is_open, proxy, tunnels, visitor
from tests.support import stunserver
from tests.support.ends import PATIENCE, until
from tests.support.ports import free_port
from tests.support.procs import frpc, frps
from tests.support.services import tcp_echo
from tests.support.tunnel import (
    Handler,
    client_config,
    local_service,
    running_client,
    running_server,
    server_config,
)

MIB = 1024 * 1024
KEEP = "keepTunnelOpen = true\nminRetryInterval = 1\nmaxRetriesAnHour = 1000"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sender is not made to wait, nor one attempt for the other."""
    monkeypatch.setattr(rendezvous, "SENDER_DELAY", 0.02)
    monkeypatch.setattr(source, "COOL_DOWN", 0.2)


@pytest.fixture
def stun() -> Iterator[str]:
    """The address of a STUN server."""
    with stunserver.running() as address:
        yield address


@asynccontextmanager
async def meeting(
    owner: ClientConfig, visiting: ClientConfig, bind: int, port: int
) -> AsyncIterator[tuple[Client, Client]]:
    """frps, the proxy's frpc and the visitor's in this loop, with a tunnel."""
    async with (
        running_server(server_config(port=bind)),
        running_client(owner) as first,
        running_client(visiting) as second,
    ):
        await until(lambda: is_open(port))
        await until(lambda: tunnels(first))
        yield first, second


async def test_reloads_under_load(stun: str) -> None:
    """Whatever else changes on either side leaves the tunnel and a busy stream alone; its own proxy ends both."""
    port, bind = free_port(), free_port()
    other = '[[proxies]]\nname = "other"\ntype = "tcp"\nlocalPort = {}'
    async with tcp_echo() as local:
        before, after = (host(bind, stun, local, other.format(number)) for number in (9, 10))
        visiting = guest(bind, stun, KEEP, port)
        more = f'[[visitors]]\nname = "w"\ntype = "stcp"\nserverName = "s"\nbindPort = {free_port()}'
        async with meeting(before, visiting, bind, port) as (owner, guests):
            (tunnel,) = cast("dict[object, object]", owner.proxies._lasting["p"]._open)  # type: ignore[attr-defined]
            user = await asyncio.open_connection("127.0.0.1", port)
            rounds = 0

            async def load() -> None:
                nonlocal rounds
                while await echoed(*user, os.urandom(64 * 1024)):
                    rounds += 1

            busy = asyncio.create_task(load())
            await until(lambda: rounds > 2)
            await owner.proxies.update(after.proxies)
            await guests.visitors.update(guest(bind, stun, f"{KEEP}\n{more}", port).visitors)
            changed = rounds
            await until(lambda: rounds > changed + 2)
            assert list(owner.proxies._lasting["p"]._open) == [tunnel]  # type: ignore[attr-defined]
            await owner.proxies.update([one for one in after.proxies if one.name != "p"])
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await busy
            user[1].close()
            assert not tunnels(owner)


@pytest.mark.parametrize("protocol", ["quic", "kcp"])
async def test_a_user_who_reads_nothing_holds_up_nobody(stun: str, protocol: str) -> None:
    """Little is taken from the service for it, and the others of the same tunnel go on."""
    given = 0

    async def service(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal given
        first = await reader.readexactly(1)
        while first == b"d":  # a download without an end
            writer.write(bytes(256 * 1024))
            await writer.drain()
            given += 256 * 1024
        writer.write(await reader.readexactly(100_000))
        await writer.drain()

    port, bind = free_port(), free_port()
    async with local_service(service) as local:
        visiting = guest(bind, stun, f'{KEEP}\nprotocol = "{protocol}"', port)
        async with meeting(host(bind, stun, local), visiting, bind, port):
            slow = await asyncio.open_connection("127.0.0.1", port, limit=1024)
            slow[1].write(b"d")
            await still(lambda: given)
            assert 0 < given < 48 * MIB
            data = os.urandom(100_000)
            for _ in range(3):
                assert await asked(port, b"u" + data, len(data)) == data
            assert given < 48 * MIB
            slow[1].transport.abort()


async def still(count: object) -> None:
    """Wait until ``count()`` has grown and then does not for a while."""
    assert callable(count)
    before, same = count(), 0
    async with asyncio.timeout(PATIENCE):
        while not before or same < 15:
            await asyncio.sleep(0.02)
            now = count()
            same = same + 1 if now == before else 0
            before = now


async def asked(port: int, data: bytes, size: int) -> bytes:
    """What comes back to a user who sends ``data``."""
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(data)
        try:
            return await reader.readexactly(size)
        finally:
            writer.close()


def talking(name: bytes) -> Handler:
    """A service that says its name again and again to those who said something."""

    async def service(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1)
        while not writer.is_closing():
            writer.write(name)
            await writer.drain()
            await asyncio.sleep(0.02)

    return service


@pytest.mark.parametrize("protocol", ["quic", "kcp"])
async def test_a_visitor_that_is_killed(stun: str, protocol: str, tmp_path: Path) -> None:
    """The service's connections end, the tunnel ends, and the next visitor is served."""
    port, bind, ended = free_port(), free_port(), 0

    async def service(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal ended
        try:
            await talking(b"service")(reader, writer)
        finally:
            ended += 1

    toml = f'serverAddr = "127.0.0.1"\nserverPort = {bind}\nnatHoleStunServer = "{stun}"\n' + visitor(
        port, f'{KEEP}\nprotocol = "{protocol}"'
    )
    async with local_service(service) as local, AsyncExitStack() as stack:
        await stack.enter_async_context(running_server(server_config(port=bind)))
        owner = await stack.enter_async_context(running_client(host(bind, stun, local)))
        async with frpc(tmp_path, toml, proxies=0) as program:
            await until(lambda: is_open(port))
            assert await asked(port, b"?", 7) == b"service"
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"?")
            assert await reader.readexactly(7) == b"service"
            await until(lambda: ended == 1)
            program.send(signal.SIGKILL)
            await until(lambda: not tunnels(owner))
            await until(lambda: ended == 2)
            writer.transport.abort()
        await stack.enter_async_context(running_client(guest(bind, stun, KEEP, port)))
        await until(lambda: is_open(port))
        assert await asked(port, b"?", 7) == b"service"


async def test_the_proxys_side_that_is_killed(stun: str, tmp_path: Path) -> None:
    """Users are cut off, the next ones are served by the fallback, and the tunnel is back after a restart."""
    port, bind = free_port(), free_port()
    common = f'serverAddr = "127.0.0.1"\nserverPort = {bind}\nnatHoleStunServer = "{stun}"\n'
    quick_pings = f'natHoleStunServer = "{stun}"\ntransport.quic.keepalivePeriod = 1'
    fallback = """
        fallbackTo = "o"
        fallbackTimeoutMs = 300
        [[visitors]]
        name = "o"
        type = "stcp"
        serverName = "s"
        secretKey = "secret"
        bindPort = -1
    """
    async with (
        local_service(talking(b"direct!")) as local,
        local_service(talking(b"relayed")) as other,
        running_server(server_config(port=bind)),
        running_client(
            client_config(
                bind, f'[[proxies]]\nname = "s"\ntype = "stcp"\nsecretKey = "secret"\nlocalPort = {other}'
            )
        ),
        running_client(client_config(bind, f"{quick_pings}\n{visitor(port, KEEP + fallback)}")) as guests,
    ):
        await until(lambda: is_open(port))
        half = cast(DirectVisitor, guests.visitors.find("v"))
        async with frpc(tmp_path, common + proxy(local)) as program:
            await until(lambda: half._source.tunnel is not None)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"?")
            assert await reader.readexactly(7) == b"direct!"
            program.send(signal.SIGKILL)
            with contextlib.suppress(ConnectionError):
                while await reader.read(65536):
                    pass
            writer.transport.abort()
        assert await asked(port, b"?", 7) == b"relayed"
        async with running_client(host(bind, stun, local)):
            await until(lambda: half._source.tunnel is not None)
            assert await asked(port, b"?", 7) == b"direct!"


async def test_a_server_that_is_killed(stun: str, tmp_path: Path) -> None:
    """Users of the tunnel go on; both clients log in to the next server, and users come through a new tunnel."""
    port, bind = free_port(), free_port()
    toml = f'bindAddr = "127.0.0.1"\nbindPort = {bind}\n'
    async with tcp_echo() as local, AsyncExitStack() as stack:
        killed = await stack.enter_async_context(frps(tmp_path, toml))
        owner = await stack.enter_async_context(running_client(host(bind, stun, local)))
        visiting = guest(bind, stun, KEEP, port)
        await stack.enter_async_context(running_client(visiting))
        await until(lambda: is_open(port) and tunnels(owner))
        user = await asyncio.open_connection("127.0.0.1", port)
        assert await echoed(*user, b"before")
        await killed.kill()
        await until(lambda: not owner.proxies.running())
        assert await echoed(*user, b"without a server")
        after = await stack.enter_async_context(frps(tmp_path, toml))
        await after.line("client login info", count=2)
        await until(lambda: any(one.half for one in owner.proxies.running()))
        assert await echoed(*user, b"with another server")
        await until(lambda: is_open(port))
        assert await exchange_open(port, b"a new user") == b"a new user"
        user[1].close()


async def test_attempts_of_an_hour(stun: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """``maxRetriesAnHour`` attempts after the first one, one at each check; then none for a part of an hour."""
    pauses: list[float] = []
    attempts = 0
    make = DirectVisitor._make_tunnel

    def quick(seconds: float, check: object, *rest: object) -> asyncio.TimerHandle:
        pauses.append(seconds)
        return check_after(seconds / 100, check, *rest)  # type: ignore[arg-type]

    async def counted(self: DirectVisitor, lost: object) -> object:
        nonlocal attempts
        attempts += 1
        return await make(self, lost)  # type: ignore[arg-type]

    monkeypatch.setattr(visitorside, "check_after", quick)
    monkeypatch.setattr(DirectVisitor, "_make_tunnel", counted)
    bind = free_port()
    keep = "keepTunnelOpen = true\nminRetryInterval = 2\nmaxRetriesAnHour = 2"
    async with running_server(server_config(port=bind)), running_client(guest(bind, stun, keep)):
        await until(lambda: max(pauses, default=0.0) > 1000)
        assert attempts == 3
        assert set(pauses[:-1]) == {2.0}
        assert 1700 < pauses[-1] <= 1802


async def test_plugins_and_layers_behind_tunnels(stun: str, tmp_path: Path) -> None:
    """Each of these proxies has a tunnel of its own, and serves its users as one without a tunnel does."""
    (tmp_path / "page.txt").write_text("a page")
    ports = [free_port() for _ in range(3)]
    layers = "transport.useEncryption = true\ntransport.useCompression = true"
    names = 'type = "xtcp"\nsecretKey = "k"\nnatTraversal.disableAssistedAddrs = true'
    async with tcp_echo() as local:
        cases = [
            (f'plugin.type = "static_file"\nplugin.localPath = "{tmp_path}"', "", "quic"),
            (f'plugin.type = "socks5"\n{layers}', layers, "kcp"),
            (f'localPort = {local}\ntransport.bandwidthLimit = "64KB"', "", "quic"),
        ]
        owner = visiting = ""
        for number, (text, more, carrier) in enumerate(cases):
            owner += f'[[proxies]]\nname = "p{number}"\n{names}\n{text}\n'
            visiting += (
                f'[[visitors]]\nname = "v{number}"\nserverName = "p{number}"\n{names}\n{more}\n'
                f'bindPort = {ports[number]}\nprotocol = "{carrier}"\n{KEEP}\n'
            )
        bind = free_port()
        common = f'serverAddr = "127.0.0.1"\nserverPort = {bind}\nnatHoleStunServer = "{stun}"\n'
        async with (
            frps(tmp_path, f'bindAddr = "127.0.0.1"\nbindPort = {bind}\n'),
            frpc(tmp_path, common + owner, proxies=len(cases)),
            frpc(tmp_path, common + visiting, proxies=0),
        ):
            await until(lambda: all(map(is_open, ports)))
            page = await asked(
                ports[0], b"GET /page.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 15
            )
            assert page == b"HTTP/1.1 200 OK"
            hello = b"\x05\x01\x00" + b"\x05\x01\x00\x01\x7f\0\0\x01" + local.to_bytes(2, "big") + b"through"
            assert (await asked(ports[1], hello, 2 + 10 + 7))[-7:] == b"through"
            began = asyncio.get_running_loop().time()
            data = os.urandom(96 * 1024)
            assert await exchange_open(ports[2], data) == data
            # Both ways share the limit, and 64 KB pass at once.
            assert asyncio.get_running_loop().time() - began > 1
