"""The socket of one user towards a service, or of all users: read in batches, also after errors."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from aiofrp.proxy.datagrams.udpsocket import DatagramSocket
from tests.support.losses import Counted

Datagrams = list[tuple[bytes, Any]]


def bound(name: tuple[str, int] = ("127.0.0.1", 0)) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.bind(name)
    return sock


@pytest.mark.both_loops
async def test_datagrams_come_in_batches_and_are_cut() -> None:
    got: list[tuple[bytes, Any]] = []
    all_there = asyncio.Event()

    def received(datagrams: Datagrams) -> None:
        got.extend(datagrams)
        if len(got) == 100:
            all_there.set()

    sock = DatagramSocket(bound(), 3, received, Counted())
    with bound() as user:
        for number in range(100):
            user.sendto(b"%04d" % number, ("127.0.0.1", sock._socket.getsockname()[1]))
        async with asyncio.timeout(10):
            await all_there.wait()
        assert got == [(b"%03d" % (number // 10), user.getsockname()) for number in range(100)]
    sock.close()
    sock.close()
    sock.send(b"dropped", ("127.0.0.1", 9))


@pytest.mark.both_loops
@pytest.mark.parametrize("at_once", [1, 2], ids=["noticed by the read", "noticed by the send"])
async def test_a_service_that_was_away_is_answered_by_the_same_socket(at_once: int) -> None:
    """The kernel answers with ICMP errors at first; a service that is there later gets through, and is read."""
    place = bound()
    name = place.getsockname()
    place.close()
    connected = bound()
    connected.connect(name)
    got: asyncio.Queue[Datagrams] = asyncio.Queue()
    sock = DatagramSocket(connected, 1500, got.put_nowait, Counted())
    for _ in range(3):
        for _ in range(at_once):
            sock.send(b"lost")
        await asyncio.sleep(0.01)  # the loop sees the error, or the test shows less
    with bound(name) as service:
        loop = asyncio.get_running_loop()
        for number in (b"1", b"2"):
            sock.send(number)
            async with asyncio.timeout(10):
                assert await loop.sock_recv(service, 10) == number
                service.sendto(b"answer " + number, connected.getsockname())
                assert await got.get() == [(b"answer " + number, name)]
    sock.close()
