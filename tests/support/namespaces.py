"""Network namespaces of Linux: machines of their own for tests, with cables between them.

They need root, /dev/net/tun and the program ``ip``; elsewhere a test that uses them is skipped, and the run says so.
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
ABSENT = "network namespaces need Linux, root, /dev/net/tun and ip (scripts/services installs it)"

T = TypeVar("T")

_CLONE_NEWNET = 0x40000000
_number = count()


def _possible() -> bool:
    if sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("ip"):
        return False
    try:
        os.close(os.open("/dev/net/tun", os.O_RDWR))
    except OSError:
        return False
    name = f"aiofrp{os.getpid()}-probe"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False).returncode == 0
    if made:
        subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)
    return made


#: Marks a test that cannot run without namespaces.
needs_namespaces = pytest.mark.skipif(not _possible(), reason=ABSENT)


class Namespace:
    """One machine."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def prefix(self) -> list[str]:
        """Put before a command that is to run there."""
        return ["ip", "netns", "exec", self.name]

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


def cable(first: Namespace, second: Namespace, network: str) -> None:
    """Connect two machines; ``network`` is the first three bytes of their addresses, which end with 1 and 2."""
    interface = "v" + network.replace(".", "")
    ends = ["type", "veth", "peer", "name", interface, "netns", second.name]
    subprocess.run(["ip", "link", "add", interface, "netns", first.name, *ends], check=True)
    for machine, last in ((first, 1), (second, 2)):
        machine.ip("addr", "add", f"{network}.{last}/24", "dev", interface)
        machine.ip("link", "set", interface, "up")
