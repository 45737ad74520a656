"""The tcp proxy through a whole tunnel, ours on both sides: every mix of layers, half-close, ends, limits."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
import socket
import struct

import pytest

from tests.support.ports import free_port
from tests.support.tunnel import (
    client_config,
    echo,
    exchange,
    local_service,
    running_client,
    running_server,
    server_config,
)

MIXES = list(itertools.product((True, False), repeat=4))


def proxy(local: int, remote: int, *, encryption: bool = False, compression: bool = False) -> str:
    return f"""
[[proxies]]
name = "echo"
type = "tcp"
localPort = {local}
remotePort = {remote}
transport.useEncryption = {str(encryption).lower()}
transport.useCompression = {str(compression).lower()}
"""


@pytest.mark.parametrize(("tls", "mux", "encryption", "compression"), MIXES)
async def test_every_mix_of_layers_carries_bytes_both_ways(
    tls: bool, mux: bool, encryption: bool, compression: bool
) -> None:
    switch = f"transport.tcpMux = {str(mux).lower()}\n"
    remote = free_port()
    data = os.urandom(300_000) + bytes(700_000)
    async with local_service(echo) as local, running_server(server_config(switch)) as server:
        config = client_config(
            server.address[1],
            switch
            + f"transport.tls.enable = {str(tls).lower()}\n"
            + proxy(local, remote, encryption=encryption, compression=compression),
        )
        async with running_client(config):
            assert hashlib.sha256(await exchange(remote, data)).digest() == hashlib.sha256(data).digest()
            answers = await asyncio.gather(*(exchange(remote, b"%d" % i) for i in range(50)))
            assert answers == [b"%d" % i for i in range(50)]


async def test_an_answer_sent_after_the_users_half_close_arrives() -> None:
    async def answer_at_eof(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.read(-1)
        writer.write(b"late answer to " + request)

    remote = free_port()
    async with (
        local_service(answer_at_eof) as local,
        running_server(server_config()) as server,
        running_client(client_config(server.address[1], proxy(local, remote))),
    ):
        assert await exchange(remote, b"question") == b"late answer to question"


async def test_a_service_that_is_down_closes_the_user_and_nothing_else() -> None:
    remote = free_port()
    async with (
        running_server(server_config()) as server,
        running_client(client_config(server.address[1], proxy(free_port(), remote))),
    ):
        assert await exchange(remote, b"") == b""
        assert await exchange(remote, b"") == b""


async def test_a_dropped_service_connection_is_an_error_for_the_user() -> None:
    async def drop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    remote = free_port()
    async with (
        local_service(drop) as local,
        running_server(server_config()) as server,
        running_client(client_config(server.address[1], proxy(local, remote))),
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", remote)
        writer.write(b"x")
        with pytest.raises(ConnectionError):
            async with asyncio.timeout(5):
                await reader.read(-1)
        writer.close()


async def test_the_user_prefix_names_the_proxy_on_the_server_only() -> None:
    remote = free_port()
    async with local_service(echo) as local, running_server(server_config()) as server:
        config = client_config(server.address[1], 'user = "alice"\n' + proxy(local, remote))
        async with running_client(config) as client:
            assert await exchange(remote, b"hello") == b"hello"
            assert [running.config.name for running in client.proxies.running()] == ["echo"]


async def test_two_hundred_users_at_once() -> None:
    remote = free_port()
    async with (
        local_service(echo) as local,
        running_server(server_config()) as server,
        running_client(client_config(server.address[1], proxy(local, remote))),
    ):
        data = os.urandom(20_000)
        answers = await asyncio.gather(*(exchange(remote, data) for _ in range(200)))
        assert all(answer == data for answer in answers)
