"""The port of UDP users: who is sent something."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from aiofrp.proxy.datagrams import userport
from aiofrp.proxy.datagrams.packets import User
from aiofrp.proxy.datagrams.userport import UserPort
from aiofrp.transport.net import bind_udp
from aiofrp.wire.frp.messages import UDPAddress, UDPPacket
from tests.support.losses import Counted


@contextmanager
def udp(host: str = "127.0.0.1") -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.bind((host, 0))
        yield sock


def packet(name: User, data: bytes) -> UDPPacket:
    return UDPPacket(content=data, remote_addr=UDPAddress(ip=name[0], port=name[1]))


@pytest.mark.parametrize("host", ["127.0.0.1", ""], ids=["one address", "all addresses"])
async def test_only_users_that_sent_something_are_answered(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other side names addresses, and must not send from here to any it likes."""
    monkeypatch.setattr(userport, "USER_IDLE", 0.2)
    loop = asyncio.get_running_loop()
    came: asyncio.Queue[User] = asyncio.Queue()
    bound = bind_udp(host, 0)
    where = ("127.0.0.1", bound.getsockname()[1])

    def received(datagrams: list[tuple[bytes, User]]) -> None:
        for _, name in datagrams:
            came.put_nowait(name)

    port = UserPort(bound, 1500, received, Counted())
    with udp() as user, udp("127.77.0.1") as victim:
        user.sendto(b"ask", where)
        name = await came.get()
        assert name == user.getsockname()
        sent = port.send(
            [
                packet(victim.getsockname(), b"unasked"),
                packet((name[0], name[1] ^ 1), b"a port beside it"),
                packet(name, b"answer"),
            ]
        )
        assert sent == len(b"answer")
        assert await loop.sock_recv(user, 2048) == b"answer"
        with pytest.raises(BlockingIOError):
            victim.recv(2048)
        async with asyncio.timeout(10):
            while len(port._users):
                await asyncio.sleep(0.05)
        assert port.send([packet(name, b"too late")]) == 0
        assert port._sweep is None or port._sweep.when() >= loop.time() - 1
    port.close()
