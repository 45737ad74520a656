"""The bad path: what it loses, and how long the rest takes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bench.lossy import Relay, Way
from tests.support.ends import until
from tests.support.ports import free_port


async def kept(seed: str, loss: float = 0.05) -> list[bytes]:
    """Which of a thousand datagrams arrive."""
    arrived: list[bytes] = []
    way = Way(arrived.append, loss, 0.001, seed)
    for number in range(1000):
        way.put(b"%d" % number)
    await until(lambda: not way._under_way)
    return arrived


async def test_the_same_datagrams_are_lost_in_each_run() -> None:
    first = await kept("1")
    assert 900 < len(first) < 990
    assert first == sorted(first, key=int)
    assert await kept("1") == first
    assert await kept("2") != first


async def test_a_datagram_takes_its_time() -> None:
    arrived = asyncio.Event()
    clock = asyncio.get_running_loop().time
    start = clock()
    Way(lambda data: arrived.set(), 0, 0.05, "1").put(b"x")
    await arrived.wait()
    assert clock() - start >= 0.049


@contextmanager
def user(port: int) -> Iterator[socket.socket]:
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.connect(("127.0.0.1", port))
        yield sock


@pytest.mark.parametrize("loss", [0.0, 0.3])
async def test_each_client_gets_its_own_answers(loss: float) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket(type=socket.SOCK_DGRAM) as service:
        service.setblocking(False)
        service.bind(("127.0.0.1", 0))
        loop.add_reader(service, lambda: service.sendto(*service.recvfrom(100)))
        port = free_port()
        relay = Relay(("127.0.0.1", port), service.getsockname(), loss, 0.001, 1)
        with user(port) as one, user(port) as other:
            for name, sock in ((b"one", one), (b"other", other)):
                for _ in range(100):
                    sock.send(name)
                    try:
                        async with asyncio.timeout(0.2):
                            assert await loop.sock_recv(sock, 100) == name
                            break
                    except TimeoutError:
                        assert loss
                else:
                    pytest.fail("nothing came back")
        relay.close()
        loop.remove_reader(service)
