"""What a test must give back: tasks, file descriptors (listening ports among them), child processes.

Descriptors and processes are read from ``/proc``; elsewhere than on Linux only tasks are watched.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from pathlib import Path

#: Seconds the loop gets to finish closing what the test closed. Only a test that leaks ever waits this long.
SETTLE = 2.0
_STEP = 0.005

#: Opened by libuv once per loop, at the first listening socket, to have one to spare when they run out.
_LAZY = {"/dev/null"}


def descriptors() -> dict[int, str]:
    """Open file descriptors of this process → what they are, such as ``socket:[4711]``."""
    found: dict[int, str] = {}
    try:
        numbers = os.listdir("/proc/self/fd")
    except FileNotFoundError:
        return found
    for number in numbers:
        try:
            found[int(number)] = os.readlink(f"/proc/self/fd/{number}")
        except FileNotFoundError:  # the one that listed the directory
            continue
    return found


def children() -> set[int]:
    """Process ids of the living children of this process; ended ones nobody waited for count as well."""
    found: set[int] = set()
    try:
        threads = os.listdir("/proc/self/task")
    except FileNotFoundError:
        return found
    for thread in threads:
        try:
            with open(f"/proc/self/task/{thread}/children", "rb") as file:
                found.update(map(int, file.read().split()))
        except FileNotFoundError:  # the thread ended
            continue
    return found


def tasks() -> set[asyncio.Task[object]]:
    """Unfinished tasks of the running loop, without the one that asks."""
    return {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}


class Baseline:
    """What was there before the test."""

    __slots__ = ("_children", "_descriptors", "_tasks")

    def __init__(self, running: set[asyncio.Task[object]] | None = None) -> None:
        self._tasks = running or set()
        self._descriptors = descriptors()
        self._children = children()

    def leaks(self, running: set[asyncio.Task[object]] | None = None) -> list[str]:
        """A line for each thing that was not there before."""
        lines = [f"task {task.get_name()}: {task.get_coro()!r}" for task in (running or set()) - self._tasks]
        lines += self._leaked_descriptors()
        lines += [f"child process {pid}: {_command(pid)}" for pid in sorted(children() - self._children)]
        return lines

    def _leaked_descriptors(self) -> list[str]:
        now = descriptors()
        new = {fd: target for fd, target in now.items() if self._descriptors.get(fd) != target}
        new = {fd: target for fd, target in new.items() if target not in _LAZY}
        if not new:
            return []
        gone = [t for fd, t in self._descriptors.items() if now.get(fd) != t and t.startswith("socket:")]
        # uvloop wakes itself through a socket pair that it makes anew at every run.
        forgiven = [fd for fd in new if _is_nameless_unix(fd)][: len(gone)]
        return [
            f"descriptor {fd}: {_described(fd, t)}" for fd, t in sorted(new.items()) if fd not in forgiven
        ]

    async def settled(self) -> list[str]:
        """Like :meth:`leaks`, once nothing is left or the loop had its time."""
        loop = asyncio.get_running_loop()
        return await _patiently(lambda: self.leaks(tasks()), loop.time)


async def _patiently(look: Callable[[], list[str]], clock: Callable[[], float]) -> list[str]:
    end = clock() + SETTLE
    while (lines := look()) and clock() < end:
        await asyncio.sleep(_STEP)
    return lines


def _socket(descriptor: int) -> socket.socket | None:
    """Another descriptor of the socket; ``None`` if it is none. The kernel's tables of sockets would say the same, but
    have a row for every socket of the machine."""
    try:
        copy = os.dup(descriptor)
    except OSError:  # it has been closed in the meantime
        return None
    try:
        return socket.socket(fileno=copy)
    except OSError:
        os.close(copy)
        return None


def _is_nameless_unix(descriptor: int) -> bool:
    opened = _socket(descriptor)
    if opened is None:
        return False
    with opened:
        return opened.family == socket.AF_UNIX and not opened.getsockname()


def _described(descriptor: int, target: str) -> str:
    """What a descriptor is; for TCP sockets that listen, where."""
    opened = _socket(descriptor)
    if opened is None:
        return target
    with opened:
        internet = opened.family in (socket.AF_INET, socket.AF_INET6)
        if internet and opened.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return f"listening on port {opened.getsockname()[1]}"
    return target


def _command(pid: int) -> str:
    """What a process runs, as ``ps`` shows it; only its short name once it has ended."""
    line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return line.strip() or Path(f"/proc/{pid}/comm").read_text().strip()
