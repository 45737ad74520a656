"""Open files: how many there may be, and who leaves some for others.

Every connection takes one or two, and so does every user of a UDP service. When the last are gone nothing can be
accepted or dialled any more, so users take none of the last ones: those are for the connections between frps and frpc,
for files that are read anew, and for the APIs.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from aiofrp import logs
from aiofrp.hints.later import Later

try:
    import resource
except ImportError:  # Windows has no such limit
    resource = None  # type: ignore[assignment]

#: Files that users leave: an eighth of the limit, at most so many.
MOST_KEPT = 1024
#: Files that one connection may take, with all that it causes, and connections that pass between two checks.
FILES_OF_CONNECTION, MOST_UNCHECKED = 8, 64
#: The share of the limit that the users of all UDP services take together.
UDP_SHARE = 4
#: Seconds between two lines about users that were refused.
REFUSALS_EVERY = 60.0

_log = logs.get(__name__)


def raise_file_limit() -> None:
    """Raise the soft limit of open files to the hard one: every connection is one or two."""
    if resource is None:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):  # a sandbox may forbid it; the soft limit still serves
            return


def file_limit() -> int:
    """How many files this process may have open."""
    if resource is None:
        return sys.maxsize
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft


def udp_files() -> int:
    """How many files the users of all UDP services of this process may have together."""
    return max(1, file_limit() // UDP_SHARE)


def is_last(descriptor: int) -> bool:
    """Whether a file that was just opened is one of the last of the limit, which user connections must not take.

    A system assigns the lowest free number, so the number of a descriptor shows how many are open.
    """
    last = _left(descriptor) <= 0
    if last:
        refusals.add()
    return last


def _left(descriptor: int) -> int:
    """How many files user connections may still open, after the one with this number."""
    limit = file_limit()
    return limit - min(limit // 8, MOST_KEPT) - descriptor


class FileWatch:
    """:func:`is_last` for new connections of users, asked seldom while many files are left: to find out the number of a
    connection's file, and the limit, takes the kernel longer than to make the connection known."""

    __slots__ = ("_unchecked",)

    def __init__(self) -> None:
        self._unchecked = 0  # connections that are admitted without a check; limited by MOST_UNCHECKED

    def has_last(self, descriptor: Callable[[], int | None]) -> bool:
        """Whether a new connection took one of the last files. ``descriptor`` says its number, ``None`` when it has
        ended."""
        if self._unchecked:
            self._unchecked -= 1
            return False
        number = descriptor()
        if number is None:
            return False
        left = _left(number)
        if left <= 0:
            refusals.add()
            return True
        self._unchecked = min(MOST_UNCHECKED, left // FILES_OF_CONNECTION)
        return False


class Refusals:
    """Counts the users that were refused for lack of files, and logs them at most every :data:`REFUSALS_EVERY` seconds:
    the first at once, those after it with the next line."""

    __slots__ = ("_clock", "_count", "_said_at")

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock`` gives seconds."""
        self._clock = clock
        self._count = 0  # since the last line
        self._said_at = float("-inf")

    def add(self) -> None:
        """One user was refused."""
        self._count += 1
        now = self._clock()
        if now - self._said_at < REFUSALS_EVERY:
            return
        self._said_at, count, self._count = now, self._count, 0
        limit = file_limit()
        text = f"too many open files: {count} users are refused, as the limit of open files is {limit}"
        _log.warning("%s", Later("files", text, lambda: {"limit": str(limit)}))


#: Those of this process, as its limit is one of the process.
watch = FileWatch()
refusals = Refusals()
