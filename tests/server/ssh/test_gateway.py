"""The SSH tunnel gateway with an SSH client in the same loop: logins, proxies, refusals, ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aiofrp.server.service import Server
from tests.server.ssh.test_command import recorded
from tests.support.ends import until
from tests.support.ports import free_port
from tests.support.sshclient import ssh
from tests.support.tunnel import echo, exchange, local_service, running_server, server_config

TOKEN = "secret"


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
async def server(port: int, tmp_path: Path) -> AsyncIterator[Server]:
    config = server_config(
        f"""
        auth.token = "{TOKEN}"
        sshTunnelGateway.bindPort = {port}
        sshTunnelGateway.autoGenPrivateKeyPath = "{tmp_path}/key"
        """
    )
    async with running_server(config) as server:
        yield server


async def test_a_tcp_tunnel_carries_users_both_ways(server: Server, port: int) -> None:
    remote = free_port()
    data = bytes(range(256)) * 4096
    async with local_service(echo) as target, ssh(port) as client:
        address = await client.publish(f"tcp --token {TOKEN} --remote_port {remote} --proxy_name a", target)
        assert address == f":{remote}"
        assert await exchange(remote, data) == data  # with a half-close
        results = await asyncio.gather(*(exchange(remote, data[:size]) for size in range(0, 40000, 997)))
        assert [len(result) for result in results] == list(range(0, 40000, 997))
        sessions = server.tables.sessions.all()
        assert [session.login.client_spec.type for session in sessions] == ["ssh-tunnel"]
    await until(lambda: not server.tables.sessions.all() and not len(server.proxies))
    with pytest.raises(ConnectionRefusedError):  # the proxy is gone with its client
        await exchange(remote, b"x")


@pytest.mark.parametrize("name", ["bad_flag", "bad_type", "bad_value", "bad_token"])
async def test_refusals_are_as_recorded_with_an_exit_status(server: Server, port: int, name: str) -> None:
    command, answer = recorded(name)
    async with ssh(port) as client:
        await client.forward(1)
        assert await client.answer(command) == (answer, 1)


async def test_what_frps_refuses_is_shown_as_recorded(server: Server, port: int) -> None:
    command, answer = recorded("mux_missing")
    async with ssh(port) as client:
        await client.forward(1)
        assert await client.answer(command) == (answer, 1)


async def test_help_and_usage_end_with_a_status(server: Server, port: int) -> None:
    async with ssh(port) as client:
        text, status = await client.answer("tcp --help")
        assert (text.splitlines()[0], status) == ("Usage:", 0)
    async with ssh(port) as client:
        text, status = await client.answer(None)
        assert ("it has no shell" in text, status) == (True, 1)
