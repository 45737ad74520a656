"""UDP sockets that move datagrams in batches: cut by the kernel, one by one, refused."""

from __future__ import annotations

import asyncio
import errno
import itertools
import random
import socket
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from aiofrp.stream.udp.socket import Piece, UdpSocket
from tests.support.ends import until
from tests.support.ports import free_port

pytestmark = pytest.mark.both_loops


def bound(kind: type[socket.socket] = socket.socket, port: int = 0) -> socket.socket:
    sock = kind(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.bind(("127.0.0.1", port))
    return sock


class Side:
    """One socket and what it got."""

    def __init__(self, sock: socket.socket) -> None:
        self.datagrams: list[bytes] = []
        self.senders: list[Any] = []
        self.errors: list[OSError] = []
        self.reads = 0
        self.udp = UdpSocket(sock, self._received, self.errors.append)

    def _received(self, pieces: list[Piece]) -> None:
        for data, size, address in pieces:
            self.reads += 1
            for at in range(0, len(data), size):
                self.datagrams.append(data[at : at + size])
                self.senders.append(address)


@pytest.fixture
def sides() -> Iterator[list[Side]]:
    made: list[Side] = []
    yield made
    for side in made:
        side.udp.close()
        side.udp.close()


def pair(sides: list[Side], kind: type[socket.socket] = socket.socket) -> tuple[Side, Side]:
    """A side without a peer, and one connected to it."""
    listening, dialling = bound(), bound(kind)
    dialling.connect(listening.getsockname())
    sides += [Side(listening), Side(dialling)]
    return sides[0], sides[1]


def mixed(count: int) -> list[bytes]:
    """Runs of equal datagrams with odd ones between them."""
    dice = random.Random(1)
    return [
        dice.randbytes(size)
        for _ in range(count)
        for size in [1358] * dice.randint(0, 70) + [dice.randint(1, 1400), dice.randint(1, 50)]
    ]


async def test_datagrams_arrive_whole_and_in_order_both_ways(sides: list[Side]) -> None:
    server, client = pair(sides)
    sent = mixed(8)
    client.udp.send(sent)
    await until(lambda: len(server.datagrams) >= len(sent))
    assert server.datagrams == sent
    assert set(server.senders) == {client.udp.name}
    server.udp.send(sent, client.udp.name)
    await until(lambda: len(client.datagrams) >= len(sent))
    assert client.datagrams == sent


async def test_lengths_in_any_order_stay_those_of_the_datagrams(sides: list[Side]) -> None:
    """Whatever stands at either side of a short one: the kernel may only cut what is equal, and a short one last."""
    server, client = pair(sides)
    orders = [order for count in range(1, 7) for order in itertools.product((90, 60, 30), repeat=count)]
    for number, order in enumerate(orders):
        sent = [bytes((number % 256, at)) * (size // 2) for at, size in enumerate(order)]
        server.datagrams.clear()
        client.udp.send(sent)
        server.udp.poll()
        await until(lambda sent=sent: len(server.datagrams) >= len(sent))  # type: ignore[misc]
        assert server.datagrams == sent, order


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux cuts and joins datagrams")
async def test_the_kernel_cuts_and_joins(sides: list[Side]) -> None:
    server, client = pair(sides)
    client.udp.send([bytes(1358)] * 100)
    await until(lambda: len(server.datagrams) == 100)
    assert server.reads == 3  # 47 of them are what one piece holds


async def test_one_by_one_where_the_system_cannot_cut(
    sides: list[Side], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiofrp.stream.udp.socket.sys.platform", "other")
    server, client = pair(sides)
    monkeypatch.undo()
    sent = mixed(4)
    client.udp.send(sent)
    await until(lambda: len(server.datagrams) >= len(sent))
    assert server.datagrams == sent
    assert server.reads == len(sent)
    server.udp.send(sent, client.udp.name)
    await until(lambda: len(client.datagrams) >= len(sent))
    assert client.datagrams == sent


class Uncut(socket.socket):
    """A socket whose device cannot cut."""

    attempts = 0

    def sendmsg(self, *args: Any) -> int:
        Uncut.attempts += 1
        raise OSError(errno.EIO, "no checksums here")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux cuts and joins datagrams")
async def test_one_by_one_after_a_path_refused_to_cut(sides: list[Side]) -> None:
    server, client = pair(sides, Uncut)
    sent = mixed(4)
    Uncut.attempts = 0
    client.udp.send(sent)
    client.udp.send(sent)
    await until(lambda: len(server.datagrams) >= 2 * len(sent))
    assert server.datagrams == sent * 2
    assert Uncut.attempts == 1


async def test_a_peer_that_is_not_there_is_told(sides: list[Side]) -> None:
    sock = bound()
    sock.connect(("127.0.0.1", free_port()))
    sides.append(Side(sock))
    sides[0].udp.send([b"anybody?"])
    await until(lambda: sides[0].errors)
    assert isinstance(sides[0].errors[0], ConnectionRefusedError)


async def test_a_refusal_noticed_while_sending_is_told_later(sides: list[Side]) -> None:
    sock = bound()
    sock.connect(("127.0.0.1", free_port()))
    sides.append(Side(sock))
    sides[0].udp.send([b"anybody?"])
    sides[0].udp.send([b"hello?"])
    assert not sides[0].errors
    await until(lambda: sides[0].errors)


async def test_what_has_arrived_is_read_on_demand(sides: list[Side]) -> None:
    server, client = pair(sides)
    client.udp.send([b"now"])
    server.udp.poll()
    assert server.datagrams == [b"now"]


async def test_empty_datagrams_are_nothing(sides: list[Side]) -> None:
    server, client = pair(sides)
    client.udp.send([b""])
    client.udp.send([b"x"])
    await until(lambda: server.datagrams)
    assert server.datagrams == [b"x"]


async def test_sending_on_a_closed_socket_is_dropped(sides: list[Side]) -> None:
    server, client = pair(sides)
    client.udp.close()
    client.udp.send([b"late"])
    client.udp.poll()
    await asyncio.sleep(0)
    assert not server.datagrams
