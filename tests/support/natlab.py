"""Two hosts behind two NATs of chosen behaviour and one public server, in network namespaces of this machine.

The server has 198.51.100.1 and .2, NAT a 198.51.100.10 with host a at 10.0.1.2, NAT b 198.51.100.20 with host b at
10.0.2.2.
"""

from __future__ import annotations

import fcntl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyroute2.netlink.nfnetlink.nfctsocket import NFCTSocket

from tests.support.namespaces import Namespace, connect, machines

SERVER, SECOND = "198.51.100.1", "198.51.100.2"
STUN = f"{SERVER}:3478"
NAMES = ("srv", "na", "nb", "a", "b")
#: The outside address of each NAT, and the network inside.
WAN = {"a": "198.51.100.10", "b": "198.51.100.20"}
LAN = {"a": "10.0.1", "b": "10.0.2"}
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


class Lab:
    """The five machines: the server ``srv``, the NATs ``na`` and ``nb``, the hosts ``a`` and ``b``."""

    def __init__(self, machines: dict[str, Namespace]) -> None:
        self._machines = machines
        self._processes: list[subprocess.Popen[bytes]] = []
        server = machines["srv"]
        server.ip("link", "add", "wan", "type", "bridge")
        server.ip("link", "set", "wan", "up")
        for host in (SERVER, SECOND):
            server.ip("addr", "add", f"{host}/24", "dev", "wan")
        for side in "ab":
            self._edge(side)
        stun = [sys.executable, "-m", "tests.support.stunserver", STUN, f"{SECOND}:3479"]
        started = self.start("srv", stun, stdout=subprocess.PIPE)
        assert started.stdout is not None
        assert started.stdout.readline() == b"ready\n"

    def command(self, name: str, command: list[str]) -> list[str]:
        """The command line that runs ``command`` on a machine."""
        return [*self._machines[name].prefix, *command]

    def start(self, name: str, command: list[str], stdout: int | None = None) -> subprocess.Popen[bytes]:
        """Start a program on a machine; it ends with the lab at the latest."""
        process = subprocess.Popen(self.command(name, command), stdout=stdout)
        self._processes.append(process)
        return process

    def nat(self, side: str, behavior: str) -> None:
        """Let NAT ``a`` or ``b`` behave otherwise, for new flows."""
        more = "meta l4proto udp ip daddr 198.51.100.0/24 ip daddr != { 198.51.100.1, 198.51.100.2 } drop;"
        rule = _RULES[behavior].format(wan=WAN[side])
        self._machines[f"n{side}"].nft(_RULESET.format(rule=rule, more=more if behavior == "blocked" else ""))

    def forget(self, side: str) -> None:
        """Let NAT ``a`` or ``b`` forget its flows: what comes from outside is dropped until the host inside sends."""
        self._machines[f"n{side}"].call(_flush)

    def close(self) -> None:
        """End the programs."""
        for process in self._processes:
            process.terminate()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()

    def _edge(self, side: str) -> None:
        """A NAT between the public segment and one host."""
        server, nat, host = self._machines["srv"], self._machines[f"n{side}"], self._machines[side]
        connect(server, f"w{side}", nat, "wan")
        server.ip("link", "set", f"w{side}", "master", "wan")
        nat.ip("addr", "add", f"{WAN[side]}/24", "dev", "wan")
        connect(nat, "lan", host, "eth0")
        nat.ip("addr", "add", f"{LAN[side]}.1/24", "dev", "lan")
        host.ip("addr", "add", f"{LAN[side]}.2/24", "dev", "eth0")
        host.ip("route", "add", "default", "via", f"{LAN[side]}.1")
        nat.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        self.nat(side, "easy")


@contextmanager
def lab() -> Iterator[Lab]:
    """A lab of this process; one process of the machine has one at a time."""
    with Path(tempfile.gettempdir(), "aiofrp-natlab.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with machines(*NAMES) as found:
            made = Lab(dict(zip(NAMES, found, strict=True)))
            try:
                yield made
            finally:
                made.close()


def _flush() -> None:
    with NFCTSocket() as table:
        table.flush()
