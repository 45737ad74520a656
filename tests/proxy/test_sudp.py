"""The visitor of a sudp proxy and its connection to the server, which is a stub here."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import cast

import pytest

from aiofrp import logs
from aiofrp.errors import Closed, FrpError
from aiofrp.host.contexts import VisitorContext
from aiofrp.proxy.secret import VisitorConnections
from aiofrp.proxy.sudp import MAX_WAITING, SudpVisitor, SudpVisitorConfig
from aiofrp.stream.base import Stream
from aiofrp.stream.memory import memory_pair
from aiofrp.wire.frp.codec import V1
from aiofrp.wire.frp.messages import NewVisitorConn, NewVisitorConnResp, UDPPacket
from tests.proxy.datagrams.test_packets import EndsAtOnce, messages
from tests.support.ends import End, until
from tests.support.ports import free_port

Opening = tuple[Callable[[Stream], None], Callable[[FrpError], None]]


class Frpc:
    """frpc as the visitor sees it; what is opened waits in ``openings``."""

    def __init__(self) -> None:
        self.openings: list[Opening] = []
        self.visitor = SudpVisitor(
            cast(VisitorContext, self),
            SudpVisitorConfig(
                name="v",
                server_name="s",
                bind_addr="127.0.0.1",
                bind_port=free_port(),
            ),
        )

    codec = V1
    log = logs.get(__name__)
    run_id = "1"
    user = ""
    udp_packet_size = 1500
    connections = messages = SimpleNamespace()

    def open(self, ready: Callable[[Stream], None], failed: Callable[[FrpError], None]) -> None:
        self.openings.append((ready, failed))

    def find(self, name: str) -> None:
        return None

    async def accept(self) -> End:
        """The server's end of the next connection, whose visitor is let in."""
        await until(lambda: self.openings)
        ours, theirs = memory_pair()
        self.openings.pop(0)[0](ours)
        server = End(theirs).attach()
        await until(lambda: server.data)
        assert isinstance(messages(bytes(server.data))[0], NewVisitorConn)
        server.data.clear()
        server.write(V1.encode(NewVisitorConnResp(proxy_name="s")))
        return server


@asynccontextmanager
async def visited() -> AsyncIterator[tuple[Frpc, socket.socket]]:
    """A visitor and a user of its port."""
    frpc = Frpc()
    await frpc.visitor.start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as user:
        user.setblocking(False)
        user.connect(("127.0.0.1", frpc.visitor._config.bind_port))
        yield frpc, user
    await frpc.visitor.stop()


def contents(server: End) -> list[bytes]:
    return [cast(UDPPacket, message).content for message in messages(bytes(server.data))]


async def test_datagrams_wait_for_the_connection_and_answers_come_back() -> None:
    async with visited() as (frpc, user):
        for number in (b"1", b"2"):
            user.send(number)
        server = await frpc.accept()
        await until(lambda: len(contents(server)) == 2)
        assert contents(server) == [b"1", b"2"]
        assert not frpc.openings, "one connection for all datagrams"
        server.write(bytes(server.data))
        loop = asyncio.get_running_loop()
        assert [await loop.sock_recv(user, 10) for _ in range(2)] == [b"1", b"2"]
    await until(lambda: server.lost)


async def test_few_datagrams_wait() -> None:
    async with visited() as (frpc, user):
        name = user.getsockname()
        frpc.visitor._from_users([(b"%d" % number, name) for number in range(MAX_WAITING + 100)])
        frpc.visitor._from_users([(b"more", name)])
        server = await frpc.accept()
        await until(lambda: len(contents(server)) == MAX_WAITING)
    await until(lambda: server.lost)


async def refused(frpc: Frpc) -> None:
    await until(lambda: frpc.openings)
    frpc.openings.pop()[1](Closed("no server"))


async def ended(frpc: Frpc) -> None:
    server = await frpc.accept()
    server.close()
    await until(lambda: server.lost)


async def ends_at_once(frpc: Frpc) -> None:
    """Within the call that begins to receive, which the contract of streams forbids."""

    def plain(visitor: VisitorConnections, stream: Stream) -> Stream:
        stream.abort()
        return EndsAtOnce(Closed("gone"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(VisitorConnections, "plain", plain)
        server = await frpc.accept()
        await until(lambda: server.lost)


@pytest.mark.parametrize("end", [refused, ended, ends_at_once])
async def test_the_next_datagram_opens_another_connection(end: Callable[[Frpc], Awaitable[None]]) -> None:
    async with visited() as (frpc, user):
        for _ in range(2):
            user.send(b"lost")
            await end(frpc)
            await until(lambda: not frpc.visitor._connecting and frpc.visitor._packets is None)
            assert not frpc.visitor._waiting
        user.send(b"kept")
        server = await frpc.accept()
        await until(lambda: b"kept" in contents(server))
    await until(lambda: server.lost)
