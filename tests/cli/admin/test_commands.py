"""``frpc reload``, ``status`` and ``stop``, as they are typed, to a frpc with and without its server."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from aiofrp.cli import frpc
from aiofrp.cli.admin import commands
from aiofrp.cli.admin.api import AdminError
from tests.support.admin import running_file
from tests.support.procs import running
from tests.support.tunnel import PATIENCE, running_server, server_config


def client_file(folder: Path, server: int, admin: int) -> Path:
    """A frpc with one proxy and an admin API."""
    path = folder / "frpc.toml"
    path.write_text(
        f'serverAddr = "127.0.0.1"\nserverPort = {server}\nloginFailExit = false\nwebServer.port = {admin}\n'
        f'[[proxies]]\nname = "a"\ntype = "stcp"\nsecretKey = "k"\nlocalPort = 1\n'
    )
    return path


async def typed(*words: str) -> int:
    """The exit code of a command."""
    return await asyncio.to_thread(frpc.main, words)


async def test_with_a_server(
    tmp_path: Path,
    free_ports: Callable[[], int],
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port, admin = free_ports(), free_ports()
    file = client_file(tmp_path, port, admin)
    async with running_server(server_config("", port=port)), running_file(file) as client:
        assert await typed("status", "-c", str(file)) == 0
        seen = capsys.readouterr()
        assert seen.out.startswith("Proxy Status...\n\nSTCP\nName")
        assert not seen.err
        assert await typed("status", "--json", "-c", str(file)) == 0
        answer = json.loads(capsys.readouterr().out)
        assert answer["client"] | {"version": "", "since": 0} == {
            "version": "",
            "serverAddr": "127.0.0.1",
            "serverPort": port,
            "state": "connected",
            "since": 0,
            "error": "",
            "hint": "",
            "store": False,
            "configFile": True,
        }
        assert answer["client"]["since"] == int(client.login.since)
        assert answer["proxies"]["stcp"][0]["status"] == "running"
        assert await typed("reload", "-c", str(file)) == 0
        monkeypatch.setattr(type(client), "open_connections", 2)
        caplog.set_level("INFO", "aiofrp")
        assert await typed("stop", "-c", str(file)) == 0
        assert "2 running connections get a few seconds to end" in caplog.text
        assert capsys.readouterr().out == "reload success\nstop success\n"


async def test_with_the_server_away(
    tmp_path: Path, free_ports: Callable[[], int], capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_ports()
    file = client_file(tmp_path, port, free_ports())
    async with running_file(file, online=False) as client:
        async with asyncio.timeout(PATIENCE):
            while not client.login.error:
                await asyncio.sleep(0.01)
        assert await typed("status", "-c", str(file)) == 2
        seen = capsys.readouterr()
        assert seen.out == "Proxy Status...\n\n"
        assert seen.err.startswith(f"not connected to the server 127.0.0.1:{port} since 20")
        assert "connection refused" in seen.err
        assert await typed("status", "--json", "-c", str(file)) == 2
        assert json.loads(capsys.readouterr().out)["client"]["state"] == "connecting"


async def test_watching_shows_each_change(tmp_path: Path, free_ports: Callable[[], int]) -> None:
    file = client_file(tmp_path, free_ports(), free_ports())
    words = [sys.executable, "-m", "aiofrp.cli.frpc", "status", "--watch", "-c", str(file)]
    async with running(words, tmp_path / "log") as program:
        await program.line("connection refused")
        async with running_file(file, online=False):
            await program.line("Proxy Status")
        await program.line("connection refused", count=2)
        program.send(signal.SIGINT)
        assert await program.ended() == 130


def test_an_answer_that_is_no_object() -> None:
    for body in (b"[]", b"<html>"):
        with pytest.raises(AdminError, match="unmarshal http response error"):
            commands._object(body)
