"""Two hosts behind two NATs of chosen behaviour and one public server, in network namespaces of this machine.

It needs Linux, root, ``ip`` and ``nft``. The server has 198.51.100.1 and .2, NAT a 198.51.100.10 with host a at
10.0.1.2, NAT b 198.51.100.20 with host b at 10.0.2.2. Each test process has namespaces of its own, named after its
process id.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SERVER, SECOND = "198.51.100.1", "198.51.100.2"
STUN = f"{SERVER}:3478"
#: What the source port of a NAT is for a new destination.
_RULES = {
    "easy": 'oifname "wan" masquerade',
    "hard": 'oifname "wan" masquerade fully-random',
    "regular": 'oifname "wan" meta l4proto udp snat ip to {wan}:40000-40005 fully-random; oifname "wan" masquerade',
    "blocked": 'oifname "wan" masquerade',
}
_RULESET = """
table ip t {{
  chain c_post {{ type nat hook postrouting priority 100; {rule}; }}
  chain c_in {{ type filter hook input priority 0; iifname "wan" ct state new drop; }}
  chain c_fwd {{ type filter hook forward priority 0; iifname "wan" ct state new drop; {more} }}
}}
"""
_REASON = "network namespaces cannot be made here: they need Linux, root, ip and nft (scripts/services)"


@functools.cache
def available() -> bool:
    """Whether this machine lets us make namespaces with NAT."""
    if not (sys.platform == "linux" and os.geteuid() == 0 and shutil.which("ip") and shutil.which("nft")):
        return False
    name = f"aiofrp-{os.getpid()}-probe"
    if subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False).returncode:
        return False
    rules = _RULESET.format(rule=_RULES["hard"], more="")
    made = subprocess.run(
        ["ip", "netns", "exec", name, "nft", "-f", "-"],
        input=rules.encode(),
        capture_output=True,
        check=False,
    )
    subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
    return not made.returncode


#: Marks what cannot run where namespaces cannot be made.
needs_namespaces = pytest.mark.skipif(not available(), reason=_REASON)


class Lab:
    """The namespaces; they end with :meth:`close`."""

    def __init__(self) -> None:
        self.prefix = f"aiofrp-{os.getpid()}-"
        self._processes: list[subprocess.Popen[bytes]] = []
        self._names = ("srv", "na", "nb", "a", "b")
        for name in self._names:
            _run("ip", "netns", "add", self.prefix + name)
            self.ip(name, "link", "set", "lo", "up")
        self.ip("srv", "link", "add", "wan", "type", "bridge")
        self.ip("srv", "link", "set", "wan", "up")
        for host in (SERVER, SECOND):
            self.ip("srv", "addr", "add", f"{host}/24", "dev", "wan")
        self._edge("na", "a", "198.51.100.10", "10.0.1")
        self._edge("nb", "b", "198.51.100.20", "10.0.2")
        stun = [sys.executable, "-m", "tests.support.stunserver", STUN, f"{SECOND}:3479"]
        self._stun = self.start("srv", stun, stdout=subprocess.PIPE)
        assert self._stun.stdout is not None
        assert self._stun.stdout.readline() == b"ready\n"

    def ip(self, name: str, *arguments: str) -> None:
        """``ip`` inside a namespace."""
        _run("ip", "-n", self.prefix + name, *arguments)

    def command(self, name: str, command: list[str]) -> list[str]:
        """The command line that runs ``command`` inside a namespace."""
        return ["ip", "netns", "exec", self.prefix + name, *command]

    def start(self, name: str, command: list[str], stdout: int | None = None) -> subprocess.Popen[bytes]:
        """Start a program inside a namespace; it ends with the lab at the latest."""
        process = subprocess.Popen(self.command(name, command), stdout=stdout)
        self._processes.append(process)
        return process

    def nat(self, side: str, behavior: str) -> None:
        """Let NAT ``a`` or ``b`` behave otherwise, for new connections; old ones are forgotten."""
        wan = {"a": "198.51.100.10", "b": "198.51.100.20"}[side]
        more = "meta l4proto udp ip daddr 198.51.100.0/24 ip daddr != { 198.51.100.1, 198.51.100.2 } drop;"
        rules = _RULESET.format(
            rule=_RULES[behavior].format(wan=wan), more=more if behavior == "blocked" else ""
        )
        shell = self.command(f"n{side}", ["nft", "-f", "-"])
        subprocess.run(shell, input=f"flush ruleset\n{rules}".encode(), check=True, capture_output=True)

    def close(self) -> None:
        """End the programs and the namespaces."""
        for process in self._processes:
            process.terminate()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
        for name in self._names:
            with contextlib.suppress(subprocess.CalledProcessError):
                _run("ip", "netns", "del", self.prefix + name)

    def _edge(self, nat: str, client: str, wan: str, lan: str) -> None:
        """A NAT between the public segment and one host."""
        port = f"w{client}"
        _run("ip", "link", "add", port, "netns", f"{self.prefix}srv", "type", "veth", "peer", "name", "wan",
             "netns", self.prefix + nat)  # fmt: skip
        self.ip("srv", "link", "set", port, "master", "wan", "up")
        self.ip(nat, "link", "set", "wan", "up")
        self.ip(nat, "addr", "add", f"{wan}/24", "dev", "wan")
        _run("ip", "link", "add", "lan", "netns", self.prefix + nat, "type", "veth", "peer", "name", "eth0",
             "netns", self.prefix + client)  # fmt: skip
        self.ip(nat, "link", "set", "lan", "up")
        self.ip(nat, "addr", "add", f"{lan}.1/24", "dev", "lan")
        self.ip(client, "link", "set", "eth0", "up")
        self.ip(client, "addr", "add", f"{lan}.2/24", "dev", "eth0")
        self.ip(client, "route", "add", "default", "via", f"{lan}.1")
        _run(*self.command(nat, ["sysctl", "-qw", "net.ipv4.ip_forward=1"]))
        self.nat(client, "easy")


@contextmanager
def lab() -> Iterator[Lab]:
    """A lab of this process; one process of the machine has one at a time."""
    with Path(tempfile.gettempdir(), "aiofrp-natlab.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = Lab()
        try:
            yield made
        finally:
            made.close()


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
