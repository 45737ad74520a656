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
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.interpreter import chosen
from bench.server import client_hello
from bench.web import HOST_NAME, request

HOST = "127.0.0.1"
ROOT = Path(__file__).parent.parent

#: Seconds until a program must listen and a proxy answer.
_START_LIMIT = 20.0
#: Seconds a proxy gets for one answer, before it is asked again.
_ASK_LIMIT = 1.0
#: Seconds a program gets to end after SIGTERM.
_STOP_LIMIT = 10.0
_TICK = os.sysconf("SC_CLK_TCK")
_PORTS = range(10000, 12000)
#: The names of relays among a pair's processes.
_RELAYS = {"bench.lossy", "bench.hole"}


@dataclass(frozen=True, slots=True)
class Scenario:
    """How the tunnel is set up: lines added to the server's, the client's and each proxy's configuration.

    ``{bind}`` stands for the number of bindPort, ``{service}`` for that of the load generator's server. With ``lossy``
    datagrams between frpc and it go through :mod:`bench.lossy`, which gets these arguments. With ``hole`` there is a
    proxy of xtcp, too, with a tunnel through :mod:`bench.hole`, which gets those; ``tunnel`` is the visitor's protocol.
    """

    title: str
    server: str = ""
    client: str = ""
    proxy: str = ""
    lossy: tuple[str, ...] = ()
    hole: tuple[str, ...] = ()
    tunnel: str = "quic"


_NO_TLS = "transport.tls.enable = false\n"
_NO_MUX = "transport.tcpMux = false\n"
#: Without mux each visitor costs a dial unless some connections wait ready.
_POOL = "transport.poolCount = 5\n"
#: The load generator's server is the plugin, too: it lets everybody pass.
_USER_PLUGIN = """[[httpPlugins]]
name = "bench"
addr = "127.0.0.1:{service}"
path = "/allow"
ops = ["NewUserConn"]
"""
_KCP_SERVER, _KCP_CLIENT = "kcpBindPort = {bind}\n", 'transport.protocol = "kcp"\n'

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
    "v2": Scenario("TLS, mux, wire protocol v2", client='transport.wireProtocol = "v2"\n'),
    "websocket": Scenario("websocket, TLS, mux", client='transport.protocol = "websocket"\n'),
    "user-plugin": Scenario("TLS, mux; a server plugin is asked about each user", server=_USER_PLUGIN),
    "quic": Scenario("QUIC", server="quicBindPort = {bind}\n", client='transport.protocol = "quic"\n'),
    "kcp": Scenario("KCP, TLS, mux", server=_KCP_SERVER, client=_KCP_CLIENT),
    "kcp-loss": Scenario(
        "KCP, TLS, mux; 5 % of the datagrams lost, 20 ms each way",
        server=_KCP_SERVER,
        client=_KCP_CLIENT,
        lossy=("--loss", "0.05", "--delay", "0.02"),
    ),
    "xtcp-quic": Scenario("xtcp over QUIC", hole=("--loss", "0", "--delay", "0")),
    "xtcp-kcp": Scenario("xtcp over KCP", hole=("--loss", "0", "--delay", "0"), tunnel="kcp"),
    "xtcp-kcp-loss": Scenario(
        "xtcp over KCP; 2 % of the datagrams lost, 20 ms each way",
        hole=("--loss", "0.02", "--delay", "0.02"),
        tunnel="kcp",
    ),
}

#: What a proxy's first answer is asked with, by its type.
_QUESTIONS = {
    "tcp": b"ex",
    "udp": b"x",
    "http": request("GET", 1),
    "https": client_hello() + b"ex",
    "stcp": b"ex",
    "xtcp": b"ex",
}
#: The types that another frpc visits, as in life; it runs from their first use.
_VISITED = {"stcp", "xtcp"}
#: A type's own lines, where it has more than a remote port.
_OWN_LINES = {
    "http": f'customDomains = ["{HOST_NAME}"]\n',
    "https": f'customDomains = ["{HOST_NAME}"]\n',
    "stcp": 'secretKey = "bench"\n',
    "xtcp": 'secretKey = "bench"\nnatTraversal.disableAssistedAddrs = true\n',
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
            return BUILT_IN[name]()
        frps, comma, frpc = commands.partition(",")
        if not (name and comma and frps and frpc):
            raise ValueError(text)
        return cls(name, tuple(shlex.split(frps)), tuple(shlex.split(frpc)))


BUILT_IN: dict[str, Callable[[], Commands]] = {
    "aiofrp": lambda: Commands(
        "aiofrp", chosen().command("aiofrp.cli.frps"), chosen().command("aiofrp.cli.frpc")
    ),
    "direct": lambda: Commands("direct"),
}


@dataclass(frozen=True, slots=True)
class Usage:
    """What a pair has used: CPU seconds since its start, and bytes of memory now (shared pages in parts)."""

    cpu: float
    memory: float


def free_ports() -> Iterator[int]:
    """Ports nobody has for TCP or UDP, below those of the tests (tests/support/ports.py) and those the system gives to
    outgoing connections. Two runs at a time begin at different places."""
    start = os.getpid() * 37 % len(_PORTS)
    for port in (*_PORTS[start:], *_PORTS[:start]):
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tcp.bind((HOST, port))
                udp.bind((HOST, port))
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


def answers(kind: str, port: int) -> bool:
    """Whether the far end of a proxy answers."""
    with socket.socket(type=socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM) as user:
        user.settimeout(_ASK_LIMIT)
        try:
            user.connect((HOST, port))
            user.sendall(_QUESTIONS[kind])
            return user.recv(64).startswith(b"HTTP/1.1 200 " if kind == "http" else b"x")
        except OSError:
            return False


def _visitor_lines(kind: str, scenario: Scenario) -> str:
    """A visitor's lines beyond those of all."""
    if kind != "xtcp":
        return ""
    return f'protocol = "{scenario.tunnel}"\nkeepTunnelOpen = true\nminRetryInterval = 1\n'


class Pair:
    """One pair of programs in front of the load generator's server."""

    def __init__(
        self,
        commands: Commands,
        scenario: Scenario,
        folder: Path,
        ports: Iterator[int],
        echo: int,
        log_level: str,
    ):
        self._log_level = log_level
        self.name = commands.name
        self._echo = echo
        self._commands = commands
        self._scenario = scenario
        self._folder = folder / commands.name
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        if commands.frps:
            self._bind = next(ports)
            self._front = next(ports) if scenario.lossy else self._bind  # where frpc connects
            kinds = [kind for kind in _QUESTIONS if scenario.hole or kind != "xtcp"]
            self._ports = {kind: next(ports) for kind in kinds}
            self._stun = [f"{HOST}:{next(ports)}" for _ in range(2)]
            self._write_configurations()

    def _write_configurations(self) -> None:
        scenario, ports = self._scenario, self._ports
        server_lines = scenario.server.format(bind=self._bind, service=self._echo)
        common = f'auth.token = "bench"\nlog.level = "{self._log_level}"\n'
        server = (
            f'bindAddr = "{HOST}"\nbindPort = {self._bind}\n{common}'
            f"vhostHTTPPort = {ports['http']}\nvhostHTTPSPort = {ports['https']}\n{server_lines}"
        )
        client = f'serverAddr = "{HOST}"\nserverPort = {self._front}\n{common}{scenario.client}'
        if scenario.hole:
            client += f'natHoleStunServer = "{self._stun[0]}"\n'
        proxies = "".join(
            f'[[proxies]]\nname = "{kind}"\ntype = "{kind}"\nlocalPort = {self._echo}\n'
            f"{_OWN_LINES.get(kind, f'remotePort = {port}' + chr(10))}{scenario.proxy}"
            for kind, port in ports.items()
        )
        visitor = "".join(
            f'[[visitors]]\nname = "visit-{kind}"\ntype = "{kind}"\nserverName = "{kind}"\n{_OWN_LINES[kind]}'
            f'bindAddr = "{HOST}"\nbindPort = {ports[kind]}\n{scenario.proxy}{_visitor_lines(kind, scenario)}'
            for kind in ports
            if kind in _VISITED
        )
        self._folder.mkdir()
        (self._folder / "frps.toml").write_text(server)
        (self._folder / "frpc.toml").write_text(client + proxies)
        (self._folder / "visitor.toml").write_text(client + visitor)

    def start(self) -> None:
        """Start both programs and wait until the tunnel answers; RuntimeError with their output if it does not."""
        if not self._commands.frps:
            return
        try:
            self._run("frps", self._commands.frps)
            wait_for_port(self._bind, *self._processes.values())
            if self._scenario.lossy:
                self._relay(
                    "bench.lossy", f"{HOST}:{self._front}", f"{HOST}:{self._bind}", *self._scenario.lossy
                )
            if self._scenario.hole:
                self._relay("bench.hole", *self._stun, *self._scenario.hole)
            self._run("frpc", self._commands.frpc)
            self.reach("tcp")
        except RuntimeError as error:
            said = self._said()
            self.stop()
            raise RuntimeError(f"{self.name}: {error}\n{said}") from error

    def reach(self, kind: str) -> int:
        """The port of the proxy of a type, once it answers; RuntimeError if it does not or the scenario has none."""
        if not self._commands.frps:
            return self._echo
        if kind not in self._ports:
            raise RuntimeError(f"this scenario has no {kind}")
        if kind in _VISITED and "visitor" not in self._processes:
            self._run("visitor", self._commands.frpc)
        port = self._ports[kind]
        end = time.monotonic() + _START_LIMIT
        while not answers(kind, port):
            if ended := [name for name, process in self._processes.items() if process.poll() is not None]:
                raise RuntimeError(f"ended: {', '.join(ended)}")
            if time.monotonic() > end:
                raise RuntimeError(f"{kind} does not answer")
            time.sleep(0.02)
        return port

    def _run(self, name: str, command: tuple[str, ...]) -> None:
        with (self._folder / f"{name}.log").open("wb") as log:
            self._processes[name] = subprocess.Popen(
                [*command, "-c", str(self._folder / f"{name}.toml")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def _relay(self, module: str, *arguments: str) -> None:
        """Start the bad path and wait until it listens."""
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        self._processes[module] = process
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()

    def _said(self) -> str:
        return "".join(path.read_text(errors="replace") for path in sorted(self._folder.glob("*.log")))

    def stop(self) -> None:
        """End all, the clients first."""
        while self._processes:
            _, process = self._processes.popitem()
            process.terminate()
            try:
                process.wait(_STOP_LIMIT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def usage(self) -> Usage:
        """What the programs and their children have used, without the lossy path."""
        programs = [process for name, process in self._processes.items() if name not in _RELAYS]
        pids = [pid for process in programs for pid in _family(process.pid)]
        return Usage(sum(map(cpu_seconds, pids)), sum(map(_memory, pids)))


def _family(pid: int) -> list[int]:
    """A process and all its descendants."""
    found = [pid]
    for member in found:
        for path in Path(f"/proc/{member}/task").glob("*/children"):
            found += map(int, path.read_text().split())
    return found


def cpu_seconds(pid: int) -> float:
    """CPU seconds of a process so far: user and system, from /proc/pid/stat (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def _memory(pid: int) -> float:
    """Bytes of a process in memory, pages shared with others counted in parts (Pss)."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0.0
