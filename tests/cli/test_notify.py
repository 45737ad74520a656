"""Messages to the service manager, over a real socket."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aiofrp.cli.notify import Notifier
from tests.support.procs import running
from tests.support.tunnel import PATIENCE


class Asked:
    """A service manager's socket."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.setblocking(False)
        self.lines: list[str] = []

    def close(self) -> None:
        self._socket.close()

    async def line(self, begin: str) -> str:
        """Wait for a line that begins so; those before it are passed over."""
        async with asyncio.timeout(PATIENCE):
            while not (found := [line for line in self.lines if line.startswith(begin)]):
                self.lines += (
                    (await asyncio.get_running_loop().sock_recv(self._socket, 4096)).decode().split("\n")
                )
        self.lines = self.lines[self.lines.index(found[0]) + 1 :]
        return found[0]


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Asked]:
    manager = Asked(str(tmp_path / "notify"))
    yield manager
    manager.close()


async def test_ready_alive_and_stopping(asked: Asked, tmp_path: Path) -> None:
    environ = {
        "NOTIFY_SOCKET": str(tmp_path / "notify"),
        "WATCHDOG_USEC": "20000",
        "WATCHDOG_PID": str(os.getpid()),
    }
    notifier = Notifier(environ)
    assert environ == {}
    state = "one\nline"
    notifier.ready(lambda: state)
    notifier.ready(lambda: "a second call does nothing")
    await asked.line("READY=1")
    assert await asked.line("WATCHDOG=1")
    assert await asked.line("STATUS=") == "STATUS=one line"
    state = "another"
    assert await asked.line("STATUS=") == "STATUS=another"
    await asked.line("WATCHDOG=1")
    notifier.stopping()
    await asked.line("STOPPING=1")
    notifier.close()
    notifier.stopping()


async def test_no_watchdog_for_another_process(asked: Asked, tmp_path: Path) -> None:
    notifier = Notifier(
        {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "20000", "WATCHDOG_PID": "1"}
    )
    notifier.ready(lambda: "on")
    await asked.line("STATUS=on")
    assert asked.lines == []
    notifier.close()


async def test_an_abstract_socket() -> None:
    name = f"aiofrp-test-{os.getpid()}"
    manager = Asked(f"\0{name}")
    notifier = Notifier({"NOTIFY_SOCKET": f"@{name}"})
    notifier.ready(lambda: "")
    await manager.line("READY=1")
    notifier.close()
    manager.close()


@pytest.mark.parametrize("name", ["", "relative", "/nowhere/notify"])
async def test_nobody_wants_messages(name: str) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": name} if name else {})
    notifier.ready(lambda: "x")
    notifier.stopping()
    notifier.close()


async def test_the_programs_say_that_they_serve(
    asked: Asked, tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", "1000000")
    module = [sys.executable, "-m"]
    server = [*module, "aiofrp.cli.frps", "--bind-addr", "127.0.0.1", "-p", str(free_port)]
    client = [*module, "aiofrp.cli.frpc", "tcp", "-P", str(free_port), "-l", "1", "-r", "0", "-n", "a"]
    async with running(server, tmp_path / "a") as frps:
        await asked.line("READY=1")
        await asked.line("WATCHDOG=1")
        assert await asked.line("STATUS=") == "STATUS=0 connections of users"
        await asked.line("WATCHDOG=1")
        assert await frps.stop() == 0
        await asked.line("STOPPING=1")
        asked.lines.clear()
        monkeypatch.delenv("WATCHDOG_USEC")
        async with running(client, tmp_path / "b") as frpc:
            await asked.line("READY=1")
            assert await asked.line("STATUS=connecting to ")
            assert await frpc.ended() == 1  # there is no server, and loginFailExit is on
