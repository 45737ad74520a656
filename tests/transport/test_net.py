"""Addresses as text, and what the kernel holds for users and services."""

from __future__ import annotations

import socket

import pytest

from aiofrp.stream.tcp import TcpStream
from aiofrp.transport.net import MAX_ADDRESS, MOST_AHEAD, dial, is_address, listen
from tests.support.ends import until


@pytest.mark.parametrize("text", ["127.0.0.1", "::1", "fe80::1%eth0", "::ffff:255.255.255.255"])
def test_addresses(text: str) -> None:
    assert is_address(text)


@pytest.mark.parametrize(
    "text",
    ["", "localhost", "1.2.3", "fe80::1%e\0", "fe80::1%\xfc", "fe80::1%" + "e" * MAX_ADDRESS, "\u0661.1.1.1"],
)
def test_what_no_socket_takes(text: str) -> None:
    assert not is_address(text)


@pytest.mark.skipif(not hasattr(socket, "TCP_NOTSENT_LOWAT"), reason="this system has no such limit")
@pytest.mark.parametrize("ours", [True, False])
async def test_the_kernel_takes_little_ahead_for_users_and_services(ours: bool) -> None:
    """Those of carriers are as the system makes them."""
    streams: list[TcpStream] = []
    listener = await listen("127.0.0.1", 0, streams.append, for_users=ours)
    streams.append(await dial(*listener.address, timeout=10, for_user=ours))
    await until(lambda: len(streams) == 2)
    for stream in streams:
        sock = stream.info("socket")
        limit = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT)
        assert (limit == MOST_AHEAD) is ours
        stream.abort()
    listener.close()
