"""Real processes for tests: frps and frpc, ours and Go's, with their output kept in a file.

A file and not a pipe: nothing blocks when nobody reads, and no task or thread is needed. Whoever waits looks
at the file again and again, up to a limit.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

from tests.support import peers

Side = Literal["ours", "go"]
Name = Literal["frps", "frpc"]

#: Seconds a process gets to say what is expected, and to end; a failing test alone waits so long.
PATIENCE = 60.0
_LOOK = 0.01


class Program:
    """A running process."""

    __slots__ = ("_popen", "output")

    def __init__(self, command: Sequence[str], output: Path) -> None:
        """Start ``command``; what it prints on either channel goes to the file ``output``."""
        self.output = output
        with output.open("wb") as file:
            self._popen = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, cwd=output.parent
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def cpu(self) -> float:
        """Seconds of processor time that it has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def running(self) -> bool:
        return self._popen.poll() is None

    @property
    def text(self) -> str:
        """All it has printed so far."""
        return self.output.read_text(encoding="utf-8", errors="replace")

    async def line(self, pattern: str, *, count: int = 1, within: float = PATIENCE) -> str:
        """The ``count``-th line in which ``pattern`` (a regular expression) is found.

        Fails with the whole output when the process ends first or ``within`` seconds pass.
        """
        clock = asyncio.get_running_loop().time
        end = clock() + within
        while True:
            alive = self.running  # before reading, so that the last words count
            found = [line for line in self.text.splitlines() if re.search(pattern, line)]
            if len(found) >= count:
                return found[count - 1]
            why = "the process ended" if not alive else "in time" if clock() > end else ""
            assert not why, f"no line {pattern!r} {why}; it printed:\n{self.text}"
            await asyncio.sleep(_LOOK)

    async def ended(self, within: float = PATIENCE) -> int:
        """Wait for the end and give the exit status; fails after ``within`` seconds."""
        clock = asyncio.get_running_loop().time
        end = clock() + within
        while (status := self._popen.poll()) is None:
            assert clock() < end, f"process {self.pid} still runs; it printed:\n{self.text}"
            await asyncio.sleep(_LOOK)
        return status

    def send(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens once the process has ended."""
        self._popen.send_signal(number)

    async def stop(self, within: float = PATIENCE) -> int:
        """Ask it to end (SIGTERM) and give its exit status."""
        self.send(signal.SIGTERM)
        return await self.ended(within)

    async def kill(self) -> None:
        """End it at once (SIGKILL)."""
        self.send(signal.SIGKILL)
        await self.ended()


def command(name: Name, side: Side = "ours") -> list[str]:
    """The command line of a program without arguments; skips the test where Go's programs are absent."""
    return [sys.executable, "-m", f"aiofrp.cli.{name}"] if side == "ours" else peers.require().command(name)


@asynccontextmanager
async def running(arguments: Sequence[str], output: Path) -> AsyncIterator[Program]:
    """Any process, killed at the end if it still runs."""
    program = Program(arguments, output)
    try:
        yield program
    finally:
        await program.kill()


@asynccontextmanager
async def frps(folder: Path, toml: str, *, side: Side = "ours") -> AsyncIterator[Program]:
    """frps with the configuration ``toml``, once it accepts clients; its files are in ``folder``."""
    async with running(_with_config("frps", side, folder, toml), _fresh(folder, "frps", "log")) as program:
        await program.line("frps started successfully")
        yield program


@asynccontextmanager
async def frpc(folder: Path, toml: str, *, side: Side = "ours", proxies: int = 1) -> AsyncIterator[Program]:
    """frpc with the configuration ``toml``, once ``proxies`` of its proxies have started."""
    async with running(_with_config("frpc", side, folder, toml), _fresh(folder, "frpc", "log")) as program:
        await program.line("login to server success")
        if proxies:
            await program.line("start proxy success", count=proxies)
        yield program


def _with_config(name: Name, side: Side, folder: Path, toml: str) -> list[str]:
    path = _fresh(folder, name, "toml")
    path.write_text(toml, encoding="utf-8")
    return [*command(name, side), "-c", str(path)]


def _fresh(folder: Path, name: str, suffix: str) -> Path:
    """A file of ``folder`` that does not exist yet: frps.log, frps-2.log, …"""
    path, number = folder / f"{name}.{suffix}", 1
    while path.exists():
        number += 1
        path = folder / f"{name}-{number}.{suffix}"
    return path
