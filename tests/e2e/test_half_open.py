"""Links that swallow everything for a while and then heal, on each transport: the tunnel is back in time, nobody meets
his own past, and nothing is left of it.

The waits that no configuration shortens are shortened here to the same measure, :data:`KEEP_ALIVE`.
``AIOFRP_SOAK=1`` runs many rounds, with outages of every length, and prints how long the returns took.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import struct
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from socket import SO_LINGER, SOL_SOCKET
from typing import Any

import pytest

from aiofrp.client import backoff
from aiofrp.client.service import Client
from aiofrp.server import service as server_service
from aiofrp.server.service import Server
from aiofrp.server.session.control import ServerControl
from aiofrp.stream import splice
from aiofrp.stream.kcp import stream as kcp_stream
from aiofrp.stream.mux.limits import MuxLimits
from aiofrp.transport import session as transport_session
from aiofrp.wire.kcp import core as kcp_wire
from tests.e2e.matrix import TRANSPORTS
from tests.support import procs
from tests.support.halfopen import Relay, relay
from tests.support.leaks import descriptors, tasks
from tests.support.peers import GoPeers
from tests.support.ports import free_port
from tests.support.tunnel import (
    PATIENCE,
    client_config,
    echo,
    local_service,
    running_client,
    running_server,
    server_config,
)

SOAK = bool(os.environ.get("AIOFRP_SOAK"))
ROUNDS = int(os.environ.get("AIOFRP_ROUNDS", "50")) if SOAK else 1
#: Seconds after which either side has noticed that the other is silent, on every transport.
KEEP_ALIVE = 3
#: Seconds beyond that until the tunnel must work (the requirement).
ALLOWED = 2.0
#: Seconds the reference's frpc may take: the pauses between its logins grow to 20 s.
REFERENCE = 45.0
#: Seconds of an outage that nobody may notice.
UNNOTICED = 1.2
#: Seconds between probes, for the answer to one, and how many in a row must be answered.
EVERY, ANSWER, ROW = 0.1, 1.0, 10
#: Seconds for all that an outage left to end.
SETTLE = 30.0

TIMES = f"""
transport.tcpMuxKeepaliveInterval = 1
transport.heartbeatTimeout = {{heartbeat}}
transport.quic.keepalivePeriod = 1
transport.quic.maxIdleTimeout = {KEEP_ALIVE}
"""


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the waits that are fixed."""
    limits = partial(MuxLimits, ping_timeout=KEEP_ALIVE - 1)
    monkeypatch.setattr(transport_session, "MuxLimits", limits)
    monkeypatch.setattr(server_service, "MuxLimits", limits)
    monkeypatch.setattr(kcp_wire, "IDLE", 1_000)
    monkeypatch.setattr(kcp_wire, "_IDLE_EVERY", 300)
    monkeypatch.setattr(kcp_wire, "DEAD_AFTER", 2_000)
    monkeypatch.setattr(kcp_stream, "LINGER", 2.0)
    monkeypatch.setattr(splice, "LINGER", 2.0)
    monkeypatch.setattr(backoff, "STEADY", 1.0)


@dataclass(frozen=True, slots=True)
class Link:
    """A way between frpc and frps."""

    protocol: str
    mux: bool
    revives: bool  #: connections of before the outage go on after it
    heartbeats: bool  #: frp's own, beside those of the layers

    def __str__(self) -> str:
        return (
            f"{self.protocol} {'with' if self.mux else 'without'} mux, {'late' if self.revives else 'dead'}"
        )

    @property
    def datagrams(self) -> bool:
        return self.protocol in ("kcp", "quic")

    def server(self, bind: int) -> str:
        return self._common() + TRANSPORTS[self.protocol].server.format(bind=bind)

    def client(self, local: int, remote: int) -> str:
        return f"""
{self._common()}
transport.protocol = "{self.protocol}"
transport.dialServerTimeout = 2
transport.poolCount = 2
transport.heartbeatInterval = {1 if self.heartbeats else -1}
[[proxies]]
name = "echo"
type = "tcp"
localPort = {local}
remotePort = {remote}
"""

    def _common(self) -> str:
        return f"transport.tcpMux = {str(self.mux).lower()}\n" + TIMES.format(
            heartbeat=KEEP_ALIVE if self.heartbeats else -1
        )

    def keeps(self, outage: float) -> bool:
        """Whether a user's connection lives through an outage of so many seconds."""
        alone = not self.mux and not self.datagrams  # nobody asks whether the peer is there
        return self.revives and (outage <= UNNOTICED or alone)


def links(protocol: str, *, heartbeats: bool | None = None) -> list[Link]:
    """With and without mux; connections come back to life or do not."""
    return [
        Link(protocol, mux, revives, not mux if heartbeats is None else heartbeats)
        for mux, revives in itertools.product((True, False), repeat=2)
    ]


# Users


@asynccontextmanager
async def user(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A user's connection, reset at the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()


async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, within: float) -> bool:
    """Whether something sent comes back in time."""
    data = os.urandom(16)
    if writer.is_closing():
        return False
    try:
        async with asyncio.timeout(within):
            writer.write(data)
            return await reader.readexactly(len(data)) == data
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return False


async def probe(port: int) -> bool:
    """Whether a new user is served."""
    try:
        async with user(port) as streams:
            return await answered(*streams, ANSWER)
    except OSError:
        return False


async def recovery(port: int, until: float) -> float:
    """Seconds until every new user is served, and none of a row fails, not before the loop's time ``until``."""
    clock = asyncio.get_running_loop().time
    began = clock()
    probes: list[asyncio.Task[tuple[bool, float]]] = []

    async def timed() -> tuple[bool, float]:
        return await probe(port), clock() - began

    def unbroken() -> list[float]:
        """When the answers of the last row came; the newest probes may be under way."""
        last = list(itertools.dropwhile(lambda probe: not probe.done(), reversed(probes)))
        row = itertools.takewhile(lambda probe: probe.done() and probe.result()[0], last)
        return [probe.result()[1] for probe in row]

    try:
        while clock() < until or len(row := unbroken()) < ROW:
            assert clock() - began < REFERENCE, "the tunnel does not come back"
            probes.append(asyncio.create_task(timed()))
            await asyncio.sleep(EVERY)
        return min(row)
    finally:
        await asyncio.gather(*probes)


# Tunnels


@dataclass(slots=True)
class Tunnel:
    """A tunnel to an echo service over a link that fails."""

    link: Link
    way: Relay
    remote: int
    server: Server | None  #: ours, in this process
    client: Client | None  #: ours, in this process
    limit: float  #: seconds a return may take
    inside: bool = True  #: no program of another process holds descriptors of this one
    returns: list[float] = field(default_factory=list)
    outages: list[float] = field(default_factory=list)

    async def rounds(self, count: int) -> None:
        """So many outages, one after the other."""
        rng = random.Random(str(self.link))
        for _ in range(count):
            outage = rng.uniform(0.3, 2 * KEEP_ALIVE) if SOAK else 1.2 * KEEP_ALIVE
            await self._round(outage, [rng.random() * outage for _ in range(3)])

    async def _round(self, outage: float, arrivals: list[float]) -> None:
        clock = asyncio.get_running_loop().time
        async with user(self.remote) as old:
            assert await answered(*old, PATIENCE)
            self.way.swallow()
            knocking = [asyncio.create_task(self._knock(after)) for after in arrivals]
            await asyncio.sleep(outage)
            self.way.heal(revive=self.link.revives)
            healed = clock()
            took = await recovery(self.remote, healed + (KEEP_ALIVE + ALLOWED if SOAK else 0))
            self.outages.append(outage)
            self.returns.append(took)
            assert took < self.limit, f"{self.link}: back {took:.2f} s after an outage of {outage:.2f} s"
            kept = await answered(*old, PATIENCE if self.link.keeps(outage) else ANSWER)
            assert kept or not self.link.keeps(outage), f"{self.link}: lost a user in {outage:.2f} s"
        for task in knocking:
            task.cancel()
        await asyncio.wait(knocking)
        self.way.bury()

    async def _knock(self, after: float) -> None:
        """A user who comes while nothing passes and stays."""
        await asyncio.sleep(after)
        with suppress(OSError):
            async with user(self.remote) as streams:
                await answered(*streams, PATIENCE)

    def report(self) -> None:
        """Print what was measured."""
        returns = sorted(self.returns)
        print(
            f"{self.link}: {len(returns)} outages of {min(self.outages):.1f} to {max(self.outages):.1f} s, back after "
            f"{returns[len(returns) // 2]:.2f} s, at most {returns[-1]:.2f} s"
        )

    def spares(self) -> int:
        """Descriptors of work connections nobody uses yet: there may be more of them after an outage."""
        if self.link.mux or self.link.protocol == "quic":
            return 0
        found = 0
        if self.client is not None and self.client._control is not None:
            found += len(self.client._control.idle_work)
        if self.server is not None and not self.link.datagrams:
            found += sum(len(control.pool._idle) for control in _controls(self.server))
        return found

    def holds(self) -> Counter[str]:
        """What the programs of this process have in their tables, apart from spare work connections."""
        found: Counter[str] = Counter()
        if self.server is not None:
            found += _held_by_server(self.server)
        if self.client is not None:
            found["splices"] = len(self.client.proxies._connections)
            assert self.client._control is not None
            found["opening"] = self.client._control._opening
        return +found


def _controls(server: Server) -> list[ServerControl]:
    return [control for control in server.tables.sessions.all() if isinstance(control, ServerControl)]


def _held_by_server(server: Server) -> Counter[str]:
    found: Counter[str] = Counter()
    acceptor = server._acceptor
    assert acceptor is not None
    idle = 0
    for control in _controls(server):
        idle += len(control.pool._idle)
        found["waiting"] += len(control.pool._waiting)
    found["sessions"] = len(server.tables.sessions)
    found["proxies"] = len(server.proxies)
    found["not logged in"] = len(acceptor.not_logged_in)
    found["users"] = sum(len(traffic.open) for traffic in server.proxies._traffic.values())
    found["tasks"] = len(server.tables.scope._tasks)
    found["mux sessions"] = len(acceptor.sessions)
    if acceptor.sessions:
        found["mux streams"] = sum(session.stream_count for session in acceptor.sessions) - idle
    for listener in server._login_ports.over_datagrams:
        found += _held_by_listener(listener, idle, shared=bool(acceptor.sessions))
    return found


def _held_by_listener(listener: Any, idle: int, *, shared: bool) -> Counter[str]:
    kind = type(listener).__name__
    found = Counter({kind: len(listener)})
    if kind == "QuicListener":
        found["quic streams"] = sum(session.stream_count for session in listener._sessions) - idle
        found["handshakes"] = len(listener._handshakes)
    elif not shared:
        found[kind] -= idle
    return found


def holdings(tunnels: list[Tunnel]) -> list[Counter[str]]:
    """What each tunnel has in its tables, and what the process has, relays and spare work connections apart."""
    held = [tunnel.holds() for tunnel in tunnels]
    if all(tunnel.inside for tunnel in tunnels):
        apart = sum(tunnel.way.descriptors + tunnel.spares() for tunnel in tunnels)
        held.append(Counter(descriptors=len(descriptors()) - apart, tasks=len(tasks())))
    return held


async def at_rest(tunnels: list[Tunnel]) -> list[Counter[str]]:
    """What is there when nothing changes any more."""
    async with asyncio.timeout(SETTLE):
        seen = [holdings(tunnels)]
        while len(seen) < ROW or any(one != seen[-1] for one in seen[-ROW:]):
            await asyncio.sleep(0.03)
            seen.append(holdings(tunnels))
    return seen[-1]


async def settled(tunnels: list[Tunnel], before: list[Counter[str]]) -> None:
    """Wait until there is no more than was there before."""
    end = asyncio.get_running_loop().time() + SETTLE
    while any(left - were for left, were in zip(holdings(tunnels), before, strict=True)):
        now = holdings(tunnels)
        assert asyncio.get_running_loop().time() < end, f"left: {now}\nwere: {before}"
        await asyncio.sleep(0.05)


@asynccontextmanager
async def ours(link: Link, local: int) -> AsyncIterator[Tunnel]:
    """Both programs in this process."""
    remote, bind = free_port(), free_port()
    async with (
        running_server(server_config(link.server(bind), port=bind)) as server,
        relay(bind, datagrams=link.datagrams) as way,
        running_client(client_config(way.port, link.client(local, remote))) as client,
    ):
        yield Tunnel(link, way, remote, server, client, KEEP_ALIVE + ALLOWED)


@asynccontextmanager
async def mixed(link: Link, local: int, folder: Path, go: procs.Name) -> AsyncIterator[Tunnel]:
    """The reference's program in a process of its own, ours in this one."""
    remote, bind = free_port(), free_port()
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        server = client = None
        if go == "frps":
            toml = f'bindAddr = "127.0.0.1"\nbindPort = {bind}\n{link.server(bind)}'
            await enter(procs.frps(folder, toml, side="go"))
        else:
            server = await enter(running_server(server_config(link.server(bind), port=bind)))
        way = await enter(relay(bind, datagrams=link.datagrams))
        toml = link.client(local, remote)
        if go == "frpc":
            toml = f'serverAddr = "127.0.0.1"\nserverPort = {way.port}\n{toml}'
            await enter(procs.frpc(folder, toml, side="go"))
        else:
            client = await enter(running_client(client_config(way.port, toml)))
        limit = KEEP_ALIVE + ALLOWED if go == "frps" else REFERENCE
        yield Tunnel(link, way, remote, server, client, limit, inside=go == "frps")


async def fail_and_return(tunnels: list[Tunnel], rounds: int) -> None:
    """All links at once, and what must be true afterwards."""
    async with asyncio.timeout(PATIENCE):
        while not all(await asyncio.gather(*(probe(tunnel.remote) for tunnel in tunnels))):
            pass
    before = await at_rest(tunnels)
    async with asyncio.TaskGroup() as group:
        for tunnel in tunnels:
            group.create_task(tunnel.rounds(rounds))
    for tunnel in tunnels:
        tunnel.report()
    await settled(tunnels, before)


def check(log: str) -> None:
    """Nobody met his own past."""
    assert "already exists" not in log
    assert "already used" not in log
    assert "Traceback" not in log


@pytest.mark.timeout(120 + ROUNDS * 60)
@pytest.mark.parametrize("protocol", TRANSPORTS)
async def test_a_link_that_swallows_everything_and_heals(
    protocol: str, quick: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "aiofrp")
    async with local_service(echo) as local, AsyncExitStack() as stack:
        tunnels = [await stack.enter_async_context(ours(link, local)) for link in links(protocol)]
        await fail_and_return(tunnels, ROUNDS)
    check(caplog.text)


@pytest.mark.parametrize("go", ["frps", "frpc"])
@pytest.mark.parametrize("protocol", ["tcp", "kcp", "quic"])
async def test_with_the_reference_on_one_side(
    tmp_path: Path,
    go_peers: GoPeers,
    protocol: str,
    go: procs.Name,
    quick: None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "aiofrp")
    async with local_service(echo) as local, AsyncExitStack() as stack:
        tunnels = [
            await stack.enter_async_context(mixed(link, local, tmp_path, go))
            for link in links(protocol, heartbeats=True)
        ]
        await fail_and_return(tunnels, 1)
    check(caplog.text + "".join(path.read_text() for path in tmp_path.glob("*.log")))
