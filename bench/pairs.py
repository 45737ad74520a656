"""The programs under test: a running pair of frps and frpc, and what it costs in CPU time and memory.

CPU time and memory are read from ``/proc``, over all processes and threads of both programs.
"""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
ROOT = Path(__file__).parent.parent

#: Seconds until the first proxy must answer.
_START_LIMIT = 20.0
#: Seconds a program gets to end after SIGTERM.
_STOP_LIMIT = 10.0
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Scenario:
    """How the tunnel is set up: lines added to the server's, the client's and each proxy's configuration."""

    title: str
    server: str = ""
    client: str = ""
    proxy: str = ""


_NO_TLS = "transport.tls.enable = false\n"
_NO_MUX = "transport.tcpMux = false\n"
#: Without mux each visitor costs a dial unless some connections wait ready.
_POOL = "transport.poolCount = 5\n"

SCENARIOS = {
    "tls-mux": Scenario("TLS, mux (frp's default)"),
    "plain-mux": Scenario("plain, mux", client=_NO_TLS),
    "plain-nomux": Scenario("plain, no mux", server=_NO_MUX, client=_NO_TLS + _NO_MUX + _POOL),
    "tls-nomux": Scenario("TLS, no mux", server=_NO_MUX, client=_NO_MUX + _POOL),
    "enc-comp": Scenario(
        "plain, mux, useEncryption, useCompression",
        client=_NO_TLS,
        proxy="transport.useEncryption = true\ntransport.useCompression = true\n",
    ),
}


@dataclass(frozen=True, slots=True)
class Commands:
    """The command lines of a pair, without arguments; both empty means no tunnel at all."""

    name: str
    frps: tuple[str, ...] = ()
    frpc: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Commands:
        """Read ``NAME=FRPS,FRPC``, ``aiofrp`` (this checkout) or ``direct``; raises ValueError."""
        name, _, commands = text.partition("=")
        if not commands:
            return BUILT_IN[name]
        frps, comma, frpc = commands.partition(",")
        if not (name and comma and frps and frpc):
            raise ValueError(text)
        return cls(name, tuple(shlex.split(frps)), tuple(shlex.split(frpc)))


BUILT_IN = {
    "aiofrp": Commands(
        "aiofrp", (sys.executable, "-m", "aiofrp.cli.frps"), (sys.executable, "-m", "aiofrp.cli.frpc")
    ),
    "direct": Commands("direct"),
}


@dataclass(frozen=True, slots=True)
class Usage:
    """What a pair has used: CPU seconds since its start, and bytes of memory now (shared pages in parts)."""

    cpu: float
    memory: float


def free_ports() -> Iterator[int]:
    """Ports nobody listens on, below those the system gives to outgoing connections."""
    for port in range(21000, 32000):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
        yield port


def wait_for_port(port: int, *processes: subprocess.Popen[bytes]) -> None:
    """Wait until something listens; raises RuntimeError when one of the processes ends first or time is up."""
    end = time.monotonic() + _START_LIMIT
    while True:
        try:
            socket.create_connection((HOST, port), 1).close()
            return
        except OSError as error:
            if ended := [process.args for process in processes if process.poll() is not None]:
                raise RuntimeError(f"ended: {ended}") from error
            if time.monotonic() > end:
                raise RuntimeError(f"nothing listens on port {port}") from error
            time.sleep(0.02)


class Pair:
    """One pair of programs in front of the load generator's server."""

    def __init__(self, commands: Commands, scenario: Scenario, folder: Path, ports: Iterator[int], echo: int):
        self.name = commands.name
        self.tcp = self.udp = echo
        self._commands = commands
        self._scenario = scenario
        self._folder = folder / commands.name
        self._processes: list[subprocess.Popen[bytes]] = []
        if commands.frps:
            self._bind, self.tcp, self.udp = next(ports), next(ports), next(ports)
            self._write_configuration(echo)

    def _write_configuration(self, echo: int) -> None:
        common = 'auth.token = "bench"\nlog.level = "warn"\n'
        server = f'bindAddr = "{HOST}"\nbindPort = {self._bind}\n{common}{self._scenario.server}'
        client = f'serverAddr = "{HOST}"\nserverPort = {self._bind}\n{common}{self._scenario.client}'
        for kind, remote in (("tcp", self.tcp), ("udp", self.udp)):
            client += (
                f'[[proxies]]\nname = "{kind}"\ntype = "{kind}"\nlocalPort = {echo}\nremotePort = {remote}\n'
                f"{self._scenario.proxy}"
            )
        self._folder.mkdir()
        (self._folder / "frps.toml").write_text(server)
        (self._folder / "frpc.toml").write_text(client)

    def start(self) -> None:
        """Start both programs and wait until the tunnel answers; RuntimeError with their output if it does not."""
        if not self._commands.frps:
            return
        try:
            self._run("frps", self._commands.frps)
            wait_for_port(self._bind, *self._processes)
            self._run("frpc", self._commands.frpc)
            wait_for_port(self.tcp, *self._processes)
        except RuntimeError as error:
            self.stop()
            said = "".join(path.read_text(errors="replace") for path in sorted(self._folder.glob("*.log")))
            raise RuntimeError(f"{self.name}: {error}\n{said}") from error

    def _run(self, name: str, command: tuple[str, ...]) -> None:
        with (self._folder / f"{name}.log").open("wb") as log:
            self._processes.append(
                subprocess.Popen(
                    [*command, "-c", str(self._folder / f"{name}.toml")],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            )

    def stop(self) -> None:
        """End both, the client first."""
        while self._processes:
            process = self._processes.pop()
            process.terminate()
            try:
                process.wait(_STOP_LIMIT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def usage(self) -> Usage:
        """What both programs and their children have used."""
        pids = [pid for process in self._processes for pid in _family(process.pid)]
        return Usage(sum(map(_cpu, pids)), sum(map(_memory, pids)))


def _family(pid: int) -> list[int]:
    """A process and all its descendants."""
    found = [pid]
    for member in found:
        for path in Path(f"/proc/{member}/task").glob("*/children"):
            found += map(int, path.read_text().split())
    return found


def _cpu(pid: int) -> float:
    """CPU seconds of a process so far: user and system, from /proc/pid/stat (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def _memory(pid: int) -> float:
    """Bytes of a process in memory, pages shared with others counted in parts (Pss)."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0.0
