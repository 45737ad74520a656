"""A frps with the SSH tunnel gateway, in the loop of the test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aiofrp.config.models.server import SshTunnelGateway
from aiofrp.server.service import Server
from aiofrp.server.ssh.keys import host_keys
from tests.support.ports import free_port
from tests.support.sshclient import TOKEN
from tests.support.tunnel import running_server, server_config


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture(scope="session")
def host_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Host keys that are made once: an RSA key takes its time."""
    path = tmp_path_factory.mktemp("host") / "key"
    host_keys(SshTunnelGateway(auto_gen_private_key_path=str(path)))
    return path


@pytest.fixture
async def server(port: int, host_key: Path) -> AsyncIterator[Server]:
    config = server_config(
        f"""
        auth.token = "{TOKEN}"
        sshTunnelGateway.bindPort = {port}
        sshTunnelGateway.autoGenPrivateKeyPath = "{host_key}"
        """
    )
    async with running_server(config) as server:
        yield server
