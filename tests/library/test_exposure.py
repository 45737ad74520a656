"""``aiofrp.expose`` in its three forms: ``async with``, ``with`` and ``await``."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import aiofrp
from aiofrp.errors import ConfigError, LoginFailed
from aiofrp.library.thread import LoopThread
from tests.support.tunnel import echo, exchange, local_service, running_server, server_config

SERVER = 'auth.token = "secret"'


async def test_awaited_it_lives_until_it_is_closed() -> None:
    async with local_service(echo) as local, running_server(server_config(SERVER)) as server:
        tunnel = await aiofrp.expose(local, f"127.0.0.1:{server.address[1]}", token="secret")
        port = int(tunnel.address.rpartition(":")[2])
        assert await exchange(port, b"hello") == b"hello"
        assert tunnel.traffic.connections == 1
        assert tunnel.connected
        await tunnel.close()
        with pytest.raises(ConnectionRefusedError):
            await exchange(port, b"hello")
        await tunnel.close()  # a second time does nothing


async def test_closing_a_tunnel_of_a_block_is_left_to_the_block() -> None:
    async with (
        local_service(echo) as local,
        running_server(server_config(SERVER)) as server,
        aiofrp.expose(local, f"127.0.0.1:{server.address[1]}", token="secret") as tunnel,
    ):
        await tunnel.close()
        assert await exchange(int(tunnel.address.rpartition(":")[2]), b"hello") == b"hello"


@contextmanager
def server_in_a_thread() -> Iterator[tuple[str, int]]:
    """The address of a frps in another thread, and the port of an echo service beside it."""
    with LoopThread("test") as thread:
        service, server = local_service(echo), running_server(server_config(SERVER))
        local = thread.run(service.__aenter__())
        frps = thread.run(server.__aenter__())
        try:
            yield f"127.0.0.1:{frps.address[1]}", local
        finally:
            thread.run(server.__aexit__(None, None, None))
            thread.run(service.__aexit__(None, None, None))


def echoed(address: str) -> bytes:
    """What comes back for five bytes."""
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=30) as user:
        user.sendall(b"hello")
        user.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: user.recv(100), b""))


def test_a_program_without_an_event_loop() -> None:
    threads = threading.active_count()
    with server_in_a_thread() as (server, local):
        with aiofrp.expose(local, server, token="secret") as tunnel:
            assert echoed(tunnel.address) == b"hello"
            assert (tunnel.type, tunnel.addresses, tunnel.connected) == ("tcp", (tunnel.address,), True)
            assert tunnel.traffic.connections == 1
            address = tunnel.address
        with pytest.raises(ConnectionRefusedError):
            echoed(address)
        with pytest.raises(LoginFailed), aiofrp.expose(local, server, token="wrong"):
            pass
    assert threading.active_count() == threads


def test_a_failed_beginning_ends_the_thread_again(free_port: int) -> None:
    threads = threading.active_count()
    with pytest.raises(LoginFailed), aiofrp.expose(8000, f"127.0.0.1:{free_port}"):
        pass
    assert threading.active_count() == threads


def test_a_wrong_setting_is_refused_at_once() -> None:
    with pytest.raises(ConfigError):
        aiofrp.expose(8000, "nowhere")
