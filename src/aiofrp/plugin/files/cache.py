"""The files of one folder that are open: those just opened are found again without a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from time import monotonic

from aiofrp.aio import check_after
from aiofrp.faults import call
from aiofrp.plugin.files.opened import OpenedFile, open_place
from aiofrp.plugin.files.paths import FilePlace
from aiofrp.plugin.files.threads import FileThreads
from aiofrp.transport.files import is_last

#: Seconds for which a file that was opened is taken for the one its name leads to.
FRESH = 0.1
#: Seconds after which a file that nobody asked for again is let go: a removed one takes space until then.
KEPT = 1.0
#: Files that are kept at most, and files that are open at most, those in use counted.
MAX_CACHED, MAX_OPEN = 64, 512

_Done = Callable[[OpenedFile], None]
_Failed = Callable[[Exception], None]


class TooManyOpen(OSError):
    """:data:`MAX_OPEN` files are in use, or all that the process may have but for the last ones (see
    :mod:`aiofrp.transport.files`)."""


class _Cached:
    """A file that is kept. ``checked``, ``asked``: times of :func:`time.monotonic`."""

    __slots__ = ("asked", "checked", "file")

    def __init__(self, file: OpenedFile, now: float) -> None:
        self.file = file
        self.checked = self.asked = now


class FileCache:
    """Opens what paths lead to. Several users that ask for one path at a time get the same file."""

    def __init__(self, root: bytes, threads: FileThreads) -> None:
        self._root = root
        self._threads = threads
        self._cached: dict[
            bytes, _Cached
        ] = {}  # the one checked first at the beginning; limited by MAX_CACHED
        self._opening: dict[bytes, list[tuple[_Done, _Failed]]] = {}  # limited by the number of requests
        self._open: dict[
            object, OpenedFile
        ] = {}  # by identity; limited by MAX_OPEN and the number of threads
        self._sweep: asyncio.TimerHandle | None = None
        self._closed = False

    def find(self, path: bytes) -> OpenedFile | None:
        """The file of a request's ``path`` if it was opened just now. Whoever keeps it calls its ``use``."""
        cached = self._cached.get(path)
        if cached is None or (now := monotonic()) - cached.checked > FRESH:
            return None
        cached.asked = now
        return cached.file

    def open(self, path: bytes, place: FilePlace, done: _Done, failed: _Failed) -> None:
        """Open ``place``, which ``path`` leads to, in a thread: then ``done`` gets a file to release, or ``failed`` an
        error.

        Raises :class:`TooManyOpen`.
        """
        waiting = self._opening.get(path)
        if waiting is not None:
            waiting.append((done, failed))
            return
        if len(self._open) >= MAX_OPEN:
            self._drop_all()
            if len(self._open) >= MAX_OPEN:
                raise TooManyOpen(f"{MAX_OPEN} files are in use")
        self._opening[path] = [(done, failed)]
        work = partial(open_place, self._root, place)
        self._threads.run(work, partial(self._opened, path), partial(self._failed, path))

    def close(self) -> None:
        """Let all files go; those in use stay open until they are released."""
        self._closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        self._drop_all()

    # Private

    def _opened(self, path: bytes, file: OpenedFile) -> None:
        known = self._open.get(file.identity)
        if known is not None:
            file.release()
            file = known.use()  # the same for all users, with what was made of it
            file.checked()
        elif is_last(file.descriptor):
            file.release()
            self._failed(path, TooManyOpen("the program has as many files open as it may"))
            return
        else:
            self._open[file.identity] = file
            file.when_closed = partial(self._open.pop, file.identity)
        self._drop(path)
        for done, _ in self._opening.pop(path):
            call("a file could not be served", done, file.use())
        if self._closed:
            file.release()
        else:
            self._keep(path, file)

    def _failed(self, path: bytes, error: Exception) -> None:
        self._drop(path)
        for _, failed in self._opening.pop(path):
            call("a file could not be refused", failed, error)

    def _keep(self, path: bytes, file: OpenedFile) -> None:
        if len(self._cached) >= MAX_CACHED:
            self._drop(next(iter(self._cached)))
        self._cached[path] = _Cached(file, monotonic())
        if self._sweep is None:
            self._sweep = check_after(KEPT, self._drop_old)

    def _drop(self, path: bytes) -> None:
        cached = self._cached.pop(path, None)
        if cached is not None:
            cached.file.release()

    def _drop_all(self) -> None:
        for path in list(self._cached):
            self._drop(path)

    def _drop_old(self, _now: float) -> None:
        """Let those go that nobody asked for."""
        self._sweep = None
        limit = monotonic() - KEPT
        for path in [path for path, cached in self._cached.items() if cached.asked < limit]:
            self._drop(path)
        if self._cached:
            self._sweep = check_after(KEPT, self._drop_old)
