"""Network namespaces of Linux: machines of their own for tests, with cables between them.

They need root, /dev/net/tun and the programs ``ip`` and ``nft``; elsewhere a test that uses them is skipped, and the
run says so. See :mod:`tests.support.natlab` for NATs between them.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from typing import TypeVar

import pytest

#: Why a test between namespaces did not run.
ABSENT = "network namespaces need Linux, root, /dev/net/tun, ip and nft (scripts/services installs them)"

T = TypeVar("T")

_CLONE_NEWNET = 0x40000000
_number = count()


class Namespace:
    """One machine."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def prefix(self) -> list[str]:
        """Put before a command that is to run there."""
        return ["ip", "netns", "exec", self.name]

    def run(self, *command: str, stdin: str = "") -> None:
        """Run a command there, which must succeed."""
        subprocess.run([*self.prefix, *command], input=stdin.encode(), check=True, capture_output=True)

    def nft(self, rules: str) -> None:
        """Replace the rules of its firewall and its NAT."""
        self.run("nft", "-f", "-", stdin=f"flush ruleset\n{rules}")

    def ip(self, *words: str) -> str:
        """What ``ip`` prints about this machine, or changes there; its error when it fails."""
        command = ["ip", "-n", self.name, *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stdout or done.stderr

    def call(self, function: Callable[[], T]) -> T:
        """The result of ``function``, called on this machine: what it opens there stays there."""
        with ThreadPoolExecutor(1) as thread:  # setns changes the thread that calls it, and no other
            return thread.submit(self._entered, function).result()

    def _entered(self, function: Callable[[], T]) -> T:
        libc = ctypes.CDLL(None, use_errno=True)
        with open(f"/run/netns/{self.name}", "rb") as file:
            assert libc.setns(file.fileno(), _CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        return function()

    def socket(self, family: int, kind: int, protocol: int = 0) -> socket.socket:
        """A socket of this machine, for use in this process; it does not block."""
        made = self.call(lambda: socket.socket(family, kind, protocol))
        made.setblocking(False)
        return made


@contextmanager
def machines(*names: str) -> Iterator[list[Namespace]]:
    """Machines that do not know each other; at the end they are removed."""
    unique = f"aiofrp{os.getpid()}-{next(_number)}"
    made: list[Namespace] = []
    try:
        for name in names:
            machine = Namespace(f"{unique}-{name}")
            subprocess.run(["ip", "netns", "add", machine.name], check=True)
            made.append(machine)
            machine.ip("link", "set", "lo", "up")
        yield made
    finally:
        for machine in made:
            subprocess.run(["ip", "netns", "delete", machine.name], check=True)


def connect(first: Namespace, interface: str, second: Namespace, other: str) -> None:
    """Connect an interface of one machine with one of another; both are up."""
    ends = ["type", "veth", "peer", "name", other, "netns", second.name]
    subprocess.run(["ip", "link", "add", interface, "netns", first.name, *ends], check=True)
    for machine, name in ((first, interface), (second, other)):
        machine.ip("link", "set", name, "up")


def cable(first: Namespace, second: Namespace, network: str) -> None:
    """Connect two machines; ``network`` is the first three bytes of their addresses, which end with 1 and 2."""
    interface = "v" + network.replace(".", "")
    connect(first, interface, second, interface)
    for machine, last in ((first, 1), (second, 2)):
        machine.ip("addr", "add", f"{network}.{last}/24", "dev", interface)


def _possible() -> bool:
    programs = shutil.which("ip") and shutil.which("nft")
    if sys.platform != "linux" or os.geteuid() != 0 or not programs:
        return False
    try:
        os.close(os.open("/dev/net/tun", os.O_RDWR))
        with machines("probe") as (probe,):
            probe.nft(
                "table ip t { chain c { type nat hook postrouting priority 100; masquerade fully-random; }; }"
            )
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


#: Marks a test that cannot run without namespaces.
needs_namespaces = pytest.mark.skipif(not _possible(), reason=ABSENT)
