"""Changes of the configuration of a running frpc; test_reload.py and the tests of the store's API show their effect."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from aiofrp.client.service import Client
from aiofrp.client.sources.file import ConfigSource
from aiofrp.client.sources.store import NotStored, Stored, read_store
from aiofrp.config.load.decode import decode_proxy
from aiofrp.errors import ConfigError
from tests.support.tunnel import PATIENCE, client_config

PROXY = decode_proxy({"name": "a", "type": "tcp", "localPort": 1})


def made(folder: Path) -> Client:
    """A frpc with a store, not started."""
    path = folder / "frpc.toml"
    path.write_text('store.path = "store.json"\n')
    source = ConfigSource(str(path))
    return Client(source.start().config, source)


async def test_a_change_goes_on_when_its_caller_is_cancelled(tmp_path: Path) -> None:
    client = made(tmp_path)
    begun, go_on = threading.Event(), threading.Event()

    def slow(stored: Stored) -> Stored:
        begun.set()
        assert go_on.wait(PATIENCE)
        return stored.with_new(PROXY)

    caller = asyncio.create_task(client.change_store(slow))
    await asyncio.to_thread(begun.wait, PATIENCE)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    go_on.set()
    with pytest.raises(NotStored):  # waits for the change before it
        await client.change_store(lambda stored: stored.without("proxy", "b"))
    assert client.config.proxies == (PROXY,)
    assert read_store(str(tmp_path / "store.json")).proxies == {"a": PROXY}


async def test_without_a_file_nothing_can_change() -> None:
    client = Client(client_config(1))
    with pytest.raises(ConfigError, match="no config file path"):
        await client.reload()
    with pytest.raises(ConfigError, match="no config file path"):
        await client.change_store(lambda stored: stored)
