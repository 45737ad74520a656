"""The udp proxy through a whole tunnel, ours on both sides."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from aiofrp.proxy.udp import UdpClient
from tests.support.ports import free_port
from tests.support.tunnel import client_config, running_client, running_server, server_config


class _Echo(asyncio.DatagramProtocol):
    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]  # its kind
        self.transport = transport
        self.seen: set[object] = set()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.seen.add(addr)
        self.transport.sendto(data, addr)


@asynccontextmanager
async def udp_echo() -> AsyncIterator[tuple[int, _Echo]]:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(_Echo, local_addr=("127.0.0.1", 0))
    try:
        yield transport.get_extra_info("sockname")[1], protocol
    finally:
        transport.close()


def proxy(local: int, remote: int, extra: str = "") -> str:
    return f"""
[[proxies]]
name = "u"
type = "udp"
localPort = {local}
remotePort = {remote}
{extra}
"""


async def ask(port: int, *payloads: bytes) -> list[bytes]:
    """Send from one socket; the answers, however long the first takes to come through."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as user:
        user.setblocking(False)
        user.connect(("127.0.0.1", port))
        answers = []
        async with asyncio.timeout(10):
            for payload in payloads:
                await loop.sock_sendall(user, payload)
                answers.append(await loop.sock_recv(user, 65536))
        return answers


@pytest.mark.parametrize("layers", ["", "transport.useEncryption = true\ntransport.useCompression = true"])
@pytest.mark.parametrize("mux", ["true", "false"])
async def test_datagrams_and_answers_find_their_user(layers: str, mux: str) -> None:
    remote = free_port()
    switch = f"transport.tcpMux = {mux}\n"
    async with (
        udp_echo() as (local, service),
        running_server(server_config(switch)) as server,
        running_client(client_config(server.address[1], switch + proxy(local, remote, layers))),
    ):
        asked = [[b"%d-%d" % (user, turn) for turn in range(20)] for user in range(5)]
        answers = await asyncio.gather(*(ask(remote, *payloads) for payloads in asked))
        assert answers == asked
        assert len(service.seen) == 5, "each user has a local socket of its own"


async def test_a_long_datagram_is_cut_at_the_packet_size() -> None:
    remote = free_port()
    async with (
        udp_echo() as (local, _),
        running_server(server_config()) as server,
        running_client(client_config(server.address[1], proxy(local, remote))),
    ):
        assert await ask(remote, b"x" * 3000) == [b"x" * 1500]


async def test_a_new_work_connection_follows_a_lost_one() -> None:
    remote = free_port()
    async with (
        udp_echo() as (local, _),
        running_server(server_config()) as server,
        running_client(client_config(server.address[1], proxy(local, remote))) as client,
    ):
        assert await ask(remote, b"before") == [b"before"]
        (running,) = client.proxies.running()
        assert isinstance(running.half, UdpClient)
        running.half._end_all()
        async with asyncio.timeout(10):
            while True:
                try:
                    async with asyncio.timeout(0.2):
                        assert await ask(remote, b"after") == [b"after"]
                        return
                except TimeoutError:
                    continue


@pytest.mark.parametrize(("wire", "largest"), [("v1", 7600), ("v2", 20_000)])
async def test_the_largest_datagram_is_what_the_wire_protocol_carries(wire: str, largest: int) -> None:
    remote = free_port()
    size = "udpPacketSize = 20000\n"
    speaks = f'transport.wireProtocol = "{wire}"\n'
    async with (
        udp_echo() as (local, _),
        running_server(server_config(size)) as server,
        running_client(client_config(server.address[1], size + speaks + proxy(local, remote))),
    ):
        assert await ask(remote, b"first") == [b"first"]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as user:
            user.connect(("127.0.0.1", remote))
            user.send(bytes(20_001))  # cut, and dropped where a frame cannot hold it; the connection goes on
        assert await ask(remote, bytes(largest)) == [bytes(largest)]


@pytest.mark.both_loops
async def test_a_user_is_answered_again_once_the_service_is_back() -> None:
    """A service that restarts: the same user gets answers before and after, whatever ICMP said meanwhile."""
    remote = free_port()
    async with udp_echo() as (local, _):
        pass
    loop = asyncio.get_running_loop()
    async with (
        running_server(server_config()) as server,
        running_client(client_config(server.address[1], proxy(local, remote))),
    ):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as user:
            user.setblocking(False)
            user.connect(("127.0.0.1", remote))
            for turn in range(3):
                transport, _ = await loop.create_datagram_endpoint(_Echo, local_addr=("127.0.0.1", local))
                async with asyncio.timeout(10):
                    await _answered(user, b"%d" % turn)
                transport.close()
                for _ in range(3):
                    user.send(b"nobody is there")
                    await asyncio.sleep(0.02)


async def _answered(user: socket.socket, payload: bytes) -> None:
    """Ask again and again until an answer to ``payload`` comes."""
    while True:
        user.send(payload)
        with suppress(TimeoutError):
            async with asyncio.timeout(0.1):
                while await asyncio.get_running_loop().sock_recv(user, 100) != payload:
                    pass
                return
