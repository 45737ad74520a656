"""A reload of frpc: what it touches, what a bad file does, and the pure decisions behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from aiofrp.client.proxies import RunningProxy
from aiofrp.client.reload import diff
from aiofrp.client.service import Client
from aiofrp.client.states import Phase
from aiofrp.errors import ConfigError
from aiofrp.server.service import Server
from tests.support.admin import running_file
from tests.support.tunnel import PATIENCE, echo, exchange, local_service, running_server, server_config


def proxy(name: str, local: int, remote: int) -> str:
    return f'[[proxies]]\nname = "{name}"\ntype = "tcp"\nlocalPort = {local}\nremotePort = {remote}\n'


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with running_server(server_config()) as server:
        yield server


def by_name(client: Client) -> dict[str, RunningProxy]:
    return {proxy.config.name: proxy for proxy in client.proxies.running()}


async def started(client: Client, name: str) -> None:
    """Wait until a proxy runs."""
    async with asyncio.timeout(PATIENCE):
        while by_name(client)[name].state.phase is not Phase.RUNNING:
            await asyncio.sleep(0.005)


async def test_a_reload_touches_what_changed_only(
    server: Server, tmp_path: Path, free_ports: Callable[[], int]
) -> None:
    path, common = tmp_path / "frpc.toml", f'serverAddr = "127.0.0.1"\nserverPort = {server.address[1]}\n'
    kept, changed, gone, new, moved = (free_ports() for _ in range(5))
    async with local_service(echo) as local:
        common += proxy("kept", local, kept)
        path.write_text(common + proxy("changed", local, changed) + proxy("gone", local, gone))
        async with running_file(path) as client:
            reader, writer = await asyncio.open_connection("127.0.0.1", kept)
            writer.write(b"before ")
            assert await reader.readexactly(7) == b"before "
            before = by_name(client)["kept"]
            path.write_text(common + proxy("changed", local, moved) + proxy("new", local, new))
            await client.reload()
            await started(client, "new")
            await started(client, "changed")
            assert by_name(client).keys() == {"kept", "changed", "new"}
            assert by_name(client)["kept"] is before
            writer.write(b"after")
            assert await reader.readexactly(5) == b"after"
            writer.close()
            assert await exchange(moved, b"moved") == b"moved"
            assert await exchange(new, b"new") == b"new"
            for port in (changed, gone):
                with pytest.raises(ConnectionRefusedError):
                    await exchange(port, b"")


BAD = ["not toml [", "unknownKey = 1\n", "log.level = 'loud'\n", proxy("x", 99999, 0), proxy("x", 1, 0) * 2]


@pytest.mark.parametrize("text", BAD)
async def test_a_bad_file_changes_nothing(server: Server, tmp_path: Path, text: str) -> None:
    path = tmp_path / "frpc.toml"
    path.write_text(f'serverAddr = "127.0.0.1"\nserverPort = {server.address[1]}\n' + proxy("a", 1, 0))
    async with running_file(path) as client:
        before = (client.config, client.proxies.running())
        path.write_text(text)
        with pytest.raises(ConfigError):
            await client.reload()
        assert (client.config, client.proxies.running()) == before
        path.unlink()
        with pytest.raises(ConfigError, match="no such file or directory"):
            await client.reload()
        assert (client.config, client.proxies.running()) == before


async def test_strictness_is_that_of_the_start_unless_told(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "frpc.toml"
    path.write_text(f'serverAddr = "127.0.0.1"\nserverPort = {server.address[1]}\n' + proxy("a", 1, 0))
    async with running_file(path) as client:
        path.write_text(path.read_text() + "[unknown]\n")
        with pytest.raises(ConfigError, match='unknown field "unknown"'):
            await client.reload()
        await client.reload(strict=False)


@dataclass(frozen=True)
class Item:
    name: str
    value: int = 0


def test_a_reload_touches_only_what_changed() -> None:
    change = diff([Item("a"), Item("b"), Item("c")], [Item("d"), Item("c"), Item("b", 1)])
    assert change.remove == ("a", "b")
    assert change.add == (Item("b", 1), Item("d"))
    assert not diff([Item("a")], [Item("a")])
