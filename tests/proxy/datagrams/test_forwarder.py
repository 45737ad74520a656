"""frpc's end of a udp work connection: a socket for each user, over a connection in memory."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import cast

import pytest

from aiofrp import logs
from aiofrp.host.contexts import ClientContext
from aiofrp.proxy.datagrams import forwarder as forwarders
from aiofrp.proxy.datagrams.forwarder import UdpForwarder, resolve_udp
from aiofrp.proxy.datagrams.packets import User
from aiofrp.stream.memory import memory_pair
from aiofrp.wire.frp.codec import V1
from tests.proxy.datagrams.test_packets import Side
from tests.support.ends import until
from tests.support.losses import Counted

CONTEXT = cast(ClientContext, SimpleNamespace(codec=V1, log=logs.get(__name__), udp_packet_size=1500))
ALICE, BOB = ("192.0.2.1", 1111), ("2001:db8::1", 2222)


class Service(asyncio.DatagramProtocol):
    """Answers each datagram with itself, and knows who sent what."""

    def __init__(self) -> None:
        self.seen: dict[tuple[str, int], list[bytes]] = {}

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.seen.setdefault(addr, []).append(data)
        self.transport.sendto(data, addr)


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    loop = asyncio.get_running_loop()
    transport, made = await loop.create_datagram_endpoint(Service, local_addr=("127.0.0.1", 0))
    yield made
    transport.close()


def local(service: Service) -> tuple[int, tuple[str, int]]:
    return socket.AF_INET, service.transport.get_extra_info("sockname")


async def test_each_user_has_a_socket_and_gets_its_answers(service: Service) -> None:
    ended: list[UdpForwarder] = []
    losses = Counted()
    forwarder = UdpForwarder(CONTEXT, local(service), losses, ended=ended.append)
    ours, theirs = memory_pair()
    forwarder.start(ours)
    frps = Side(theirs)
    sent: list[tuple[bytes, User]] = [(b"a1", ALICE), (b"b1", BOB), (b"a2", ALICE)]
    frps.send(*sent, (b"of nobody", ("example.com", 1)), (b"of nobody", ("192.0.2.1", 0)))
    await until(lambda: len(frps.got) == 3)
    assert sorted(service.seen.values()) == [[b"a1", b"a2"], [b"b1"]]
    assert sorted(frps.got, key=str) == sorted(sent, key=str)
    theirs.abort()
    await until(lambda: ended)
    assert ended == [forwarder]
    assert losses.seen == {"no_user": 2}
    assert not forwarder._users


async def test_the_proxy_header_goes_before_the_first_datagram_of_a_user(service: Service) -> None:
    forwarder = UdpForwarder(CONTEXT, local(service), Counted(), "v2")
    ours, theirs = memory_pair()
    forwarder.start(ours)
    frps = Side(theirs)
    frps.send((b"1", ALICE), (b"2", ALICE))
    await until(lambda: len(frps.got) == 2)
    ((first, second),) = service.seen.values()
    assert first.startswith(b"\r\n\r\n\0\r\nQUIT\n")
    assert (first[-1:], second) == (b"1", b"2")
    forwarder.close()
    await until(lambda: frps.losses)


async def test_a_silent_user_leaves_his_socket(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwarders, "SESSION_IDLE", 0.02)
    forwarder = UdpForwarder(CONTEXT, local(service), Counted())
    ours, theirs = memory_pair()
    forwarder.start(ours)
    frps = Side(theirs)
    frps.send((b"1", ALICE))
    await until(lambda: frps.got)
    async with asyncio.timeout(20):
        while forwarder._users:
            await asyncio.sleep(0.01)
    frps.send((b"2", ALICE))
    await until(lambda: len(frps.got) == 2)
    assert len(service.seen) == 2, "another socket"
    forwarder.close()
    await until(lambda: frps.losses)


@pytest.mark.parametrize("failure", ["no socket", "the last file"])
async def test_a_user_without_a_socket_takes_that_of_another(
    failure: str, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    forwarder = UdpForwarder(CONTEXT, local(service), Counted())
    ours, theirs = memory_pair()
    forwarder.start(ours)
    frps = Side(theirs)
    frps.send((b"1", ALICE))
    await until(lambda: frps.got)

    def fails(*_: object) -> socket.socket:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patch:
        if failure == "no socket":
            patch.setattr(socket, "socket", fails)
        else:
            patch.setattr(forwarders, "is_last", lambda descriptor: True)
        frps.send((b"lost", BOB))
        await until(lambda: not forwarder._users)
    frps.send((b"2", BOB))
    await until(lambda: len(frps.got) == 2)
    assert frps.got[1] == (b"2", BOB)
    forwarder.close()
    await until(lambda: frps.losses)


async def test_the_address_of_a_service() -> None:
    assert await resolve_udp("127.0.0.1", 53) == (socket.AF_INET, ("127.0.0.1", 53))
    assert await resolve_udp("::1", 53) == (socket.AF_INET6, ("::1", 53))
