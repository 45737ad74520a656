"""The lines of both logs over the life of one client, as the reference writes them: people and tools look for them."""

from __future__ import annotations

import asyncio
import logging

import pytest

from aiofrp.logs import short_id
from tests.support.ports import free_port
from tests.support.tunnel import (
    client_config,
    echo,
    local_service,
    running_client,
    running_server,
    server_config,
)


async def test_the_life_of_a_client(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "aiofrp")
    port = free_port()
    async with local_service(echo) as local, running_server(server_config()) as server:
        toml = f'[[proxies]]\nname = "t"\ntype = "tcp"\nlocalPort = {local}\nremotePort = {port}\n'
        async with running_client(client_config(server.address[1], toml)) as client:
            run_id = short_id(client.run_id)
            assert len(run_id) == 6
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            me = writer.get_extra_info("sockname")[1]
            writer.write(b"x")
            await reader.readexactly(1)
            writer.close()
            await writer.wait_closed()
    said: dict[str, list[str]] = {name: [] for name in ("server", "client")}
    for record in caplog.records:
        said[record.name.split(".")[1]].append(record.getMessage())
    assert said["server"][2].startswith(f"[{run_id}] client login info: ip [127.0.0.1:")
    assert said["server"][3:] == [
        f"[{run_id}] [t] tcp proxy listen port [{port}]",
        f"[{run_id}] new proxy [t] type [tcp] success, visit tcp://127.0.0.1:{port}",
        f"[{run_id}] [t] get a user connection [127.0.0.1:{me}]",
        f"[{run_id}] [t] proxy closing",
        f"[{run_id}] close proxy [t] success",
        f"[{run_id}] client exit success",
    ]
    assert said["client"] == [
        "try to connect to server...",
        f"[{run_id}] login to server success, get run id [{run_id}]",
        f"[{run_id}] proxy added: [t]",
        f"[{run_id}] [t] start proxy success, visit tcp://127.0.0.1:{port}",
    ]
