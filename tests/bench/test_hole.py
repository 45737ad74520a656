"""The STUN server whose answers name ports of a relay."""

from __future__ import annotations

import asyncio
import socket

from bench.hole import Relay
from tests.support.ends import until
from tests.support.ports import free_port
from tests.support.stunserver import answer

REQUEST = b"\0\x01\0\0\x21\x12\xa4\x42" + bytes(range(12))


async def received(sock: socket.socket) -> tuple[bytes, tuple[str, int]]:
    """The next datagram and its sender."""
    loop = asyncio.get_running_loop()
    found: list[tuple[bytes, tuple[str, int]]] = []
    loop.add_reader(sock, lambda: found.append(sock.recvfrom(200)))
    try:
        await until(lambda: found)
    finally:
        loop.remove_reader(sock)
    return found[0]


async def mapped(sock: socket.socket, server: tuple[str, int], other: tuple[str, int]) -> tuple[str, int]:
    """The address that the server says a client has."""
    sock.sendto(REQUEST, server)
    said, source = await received(sock)
    port = int.from_bytes(said[26:28], "big") ^ 0x2112
    assert (said, source) == (answer(REQUEST, ("127.0.0.1", port), other), server)
    return "127.0.0.1", port


async def test_two_clients_reach_each_other_through_the_ports_they_are_told() -> None:
    clock = asyncio.get_running_loop().time
    first, second = ("127.0.0.1", free_port()), ("127.0.0.1", free_port())
    relay = Relay(first, second, loss=0, delay=0.01, seed=1)
    with socket.socket(type=socket.SOCK_DGRAM) as one, socket.socket(type=socket.SOCK_DGRAM) as two:
        for sock in (one, two):
            sock.setblocking(False)
            sock.bind(("127.0.0.1", 0))
        seen = await mapped(one, first, second)
        assert await mapped(one, second, first) == seen
        other = await mapped(two, first, second)
        began = clock()
        one.sendto(b"hello", other)
        assert await received(two) == (b"hello", seen)
        assert clock() - began >= 0.009
        two.sendto(b"good day", seen)
        assert await received(one) == (b"good day", other)
    relay.close()
