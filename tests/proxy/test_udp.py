"""Both halves of a udp proxy without a tunnel: the work connection of frps, and frpc's end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any, cast

import pytest

from aiofrp import logs
from aiofrp.errors import Closed, FrpError
from aiofrp.host.contexts import ClientContext, ServerContext
from aiofrp.host.lease import PortLease
from aiofrp.proxy import udp
from aiofrp.proxy.sudp import SudpClient
from aiofrp.proxy.udp import UdpClient, UdpServer
from aiofrp.stream.base import Stream
from aiofrp.stream.memory import MemoryStream, memory_pair
from aiofrp.wire.frp.codec import V1
from aiofrp.wire.frp.messages import NewProxy, StartWorkConn
from tests.proxy.datagrams.test_packets import EndsAtOnce
from tests.support.ends import End, until
from tests.support.ports import free_port

START = StartWorkConn(proxy_name="u")


class Frps:
    """frps as a udp proxy sees it; work connections that are asked for wait in ``asked``."""

    codec, key, limit = V1, bytes(16), None
    log = user_log = logs.get(__name__)
    bind_addr, udp_packet_size, admits_all = "127.0.0.1", 1500, True
    max_message = 0
    traffic = SimpleNamespace(count=lambda bytes_in, bytes_out: None, lost=lambda cause, count: None)

    def __init__(self) -> None:
        self.message = NewProxy(proxy_name="u", proxy_type="udp", remote_port=free_port())
        self.asked: list[tuple[Callable[[Stream], None], Callable[[FrpError], None]]] = []
        self.udp_ports = self

    async def claim(self, name: str, port: int) -> PortLease:
        return PortLease(port, lambda: None)

    def take_work_connection(
        self, start: StartWorkConn, ready: Callable[[Stream], None], failed: Callable[[FrpError], None]
    ) -> None:
        self.asked.append((ready, failed))


def ends_at_once(frps: Frps) -> None:
    frps.asked.pop()[0](EndsAtOnce())


def fails(frps: Frps) -> None:
    frps.asked.pop()[1](Closed("no connection"))


def ends(frps: Frps) -> None:
    ours, theirs = memory_pair()
    frps.asked.pop()[0](ours)
    theirs.abort()


@pytest.mark.parametrize("end", [ends_at_once, fails, ends])
async def test_another_work_connection_is_asked_for(
    end: Callable[[Frps], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However one ended, and if it did within the call that begins to receive."""
    monkeypatch.setattr(udp, "FIRST_FETCH", 0.0)
    monkeypatch.setattr(udp, "FETCH_PAUSE", 0.01)
    frps = Frps()
    half = UdpServer(cast(ServerContext, frps))
    assert await half.start() == f":{frps.message.remote_port}"
    for _ in range(3):
        await until(lambda: frps.asked)
        end(frps)
        await until(lambda: frps.asked)
        assert half._work is None
    await half.stop()


class Frpc:
    """frpc as the client half of a udp proxy sees it."""

    codec, key, limit, udp_packet_size = V1, bytes(16), None, 1500
    log = logs.get(__name__)

    def __init__(self) -> None:
        self.tasks: set[asyncio.Task[None]] = set()

    def spawn(self, coro: Coroutine[Any, Any, None], name: str) -> None:
        self.tasks.add(asyncio.get_running_loop().create_task(coro))

    def lost(self, cause: str, count: int) -> None:
        raise AssertionError("nothing is lost in these tests")

    async def settled(self) -> None:
        await asyncio.gather(*self.tasks)


CONFIG = SimpleNamespace(
    local_ip="127.0.0.1",
    local_port=9,
    transport=SimpleNamespace(proxy_protocol_version="", use_encryption=False, use_compression=False),
)


async def serve(half: UdpClient, frpc: Frpc) -> End:
    ours, theirs = memory_pair()
    half.on_work_connection(ours, START)
    await frpc.settled()
    return End(theirs).attach()


@pytest.mark.parametrize(("kind", "side_by_side"), [(UdpClient, False), (SudpClient, True)])
async def test_work_connections_side_by_side_or_one_at_a_time(
    kind: type[UdpClient], side_by_side: bool
) -> None:
    frpc = Frpc()
    half = kind(cast(ClientContext, frpc), CONFIG)
    first, second = await serve(half, frpc), await serve(half, frpc)
    if side_by_side:
        assert len(half._forwarders) == 2
    else:
        await until(lambda: first.lost)
        assert len(half._forwarders) == 1
    await half.close()
    await until(lambda: first.lost and second.lost)
    assert not half._forwarders


async def test_a_work_connection_that_comes_with_the_end_of_the_proxy_is_closed() -> None:
    """The address of the service is looked up meanwhile."""
    frpc = Frpc()
    half = UdpClient(cast(ClientContext, frpc), CONFIG)
    ours, theirs = memory_pair()
    half.on_work_connection(ours, START)
    await half.close()
    await frpc.settled()
    other = End(theirs).attach()
    await until(lambda: other.lost)
    assert not half._forwarders


async def test_a_forwarder_whose_connection_ends_at_once_leaves_nothing() -> None:
    frpc = Frpc()
    half = UdpClient(cast(ClientContext, frpc), CONFIG)
    half.on_work_connection(cast(MemoryStream, EndsAtOnce()), START)
    await frpc.settled()
    assert not half._forwarders
