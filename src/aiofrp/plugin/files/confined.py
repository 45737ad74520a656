"""Opening files below a folder, and never one outside, whatever links there are and whoever moves them meanwhile.

A path is walked name by name from descriptors that are held, so that no name is looked up twice. Links are read and
followed here and not by the system. All functions may wait for a disk.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable

#: Links on the way of one path, as Linux allows.
MAX_LINKS = 40
#: Whether this system can open files relative to a descriptor; Windows cannot.
POSSIBLE = os.open in os.supports_dir_fd and os.scandir in os.supports_fd

_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_FOLDER = getattr(os, "O_DIRECTORY", 0)
#: A folder on the way is only passed, which needs no right to list it where the system knows that.
_PASS = getattr(os, "O_PATH", os.O_RDONLY) | _FOLDER
#: Nothing is waited for when an entry became a pipe after its type was read.
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)
#: Errors that say there is no such file, in whatever way; EINVAL: a link became something else after its type was read.
_ABSENT = frozenset((errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO, errno.EINVAL))


class LeadsOut(FileNotFoundError):
    """A link leads out of the folder."""


def open_below(root: bytes, names: Iterable[bytes]) -> int:
    """A descriptor of the regular file or the folder that ``names`` lead to from the folder ``root``.

    A folder may be listed through it. Raises :class:`LeadsOut`, or FileNotFoundError also for what is neither file nor
    folder, PermissionError, or another OSError.
    """
    walk = _Walk(root)
    try:
        return walk.open(names)
    except OSError as exc:
        if exc.errno in _ABSENT and not isinstance(exc, FileNotFoundError):
            raise _absent() from exc
        raise
    finally:
        walk.close()


class _Walk:
    """A way from the root; ``_passed`` has the descriptors of the folders from there to the present one."""

    def __init__(self, root: bytes) -> None:
        self._root = root
        self._passed: list[int] = []
        self._left: list[bytes] = []  # names to go, the next one last; limited by MAX_LINKS times a path
        self._links = 0

    def open(self, names: Iterable[bytes]) -> int:
        self._passed.append(os.open(self._root, _PASS))
        self._go(names)
        while self._left:
            name = self._left.pop()
            if name == b"..":
                self._leave()
                continue
            kind = os.stat(name, dir_fd=self._passed[-1], follow_symlinks=False).st_mode
            if stat.S_ISLNK(kind):
                self._follow(os.readlink(name, dir_fd=self._passed[-1]))
            elif stat.S_ISDIR(kind):
                self._passed.append(os.open(name, _PASS | _NOFOLLOW, dir_fd=self._passed[-1]))
            elif stat.S_ISREG(kind) and not self._left:
                return self._open_file(name)
            else:
                raise _absent()
        return os.open(b".", os.O_RDONLY | _FOLDER | _NOFOLLOW, dir_fd=self._passed[-1])

    def close(self) -> None:
        while self._passed:
            os.close(self._passed.pop())

    def _open_file(self, name: bytes) -> int:
        file = os.open(name, _READ | _NOFOLLOW, dir_fd=self._passed[-1])
        if not stat.S_ISREG(os.fstat(file).st_mode):
            os.close(file)
            raise _absent()
        return file

    def _go(self, names: Iterable[bytes]) -> None:
        """Go on with ``names`` first."""
        self._left += [name for name in reversed(list(names)) if name not in (b"", b".")]

    def _leave(self) -> None:
        """Go back to the folder above, as far as that is below the root."""
        if len(self._passed) == 1:
            raise _leads_out()
        os.close(self._passed.pop())

    def _follow(self, target: bytes) -> None:
        self._links += 1
        if self._links > MAX_LINKS:
            raise _absent()
        if target.startswith(b"/"):
            target = self._below_root(target)
            while len(self._passed) > 1:
                os.close(self._passed.pop())
        self._go(target.split(b"/"))

    def _below_root(self, target: bytes) -> bytes:
        """The rest of an absolute path that begins with that of the root."""
        for root in (os.path.abspath(self._root), os.path.realpath(self._root)):
            inside = root.rstrip(b"/") + b"/"
            if (target + b"/").startswith(inside):
                return target[len(inside) :]
        raise _leads_out()


def _absent() -> FileNotFoundError:
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))


def _leads_out() -> LeadsOut:
    return LeadsOut(errno.ENOENT, "a link leads out of localPath")
