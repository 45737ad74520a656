"""The body of a response in pieces, as they are read: at once where no disk is waited for, otherwise in a thread."""

from __future__ import annotations

import errno
import os
import stat
import zlib
from typing import Protocol

from aiofrp.errors import Closed
from aiofrp.plugin.files.listing import HEAD, TAIL, ListedFile, piece
from aiofrp.plugin.files.opened import OpenedFile
from aiofrp.plugin.files.plan import FilePart

#: Bytes read at once.
PIECE = 128 * 1024
#: Entries of a folder in one piece.
ENTRIES = 256
#: Bytes of a compressed piece at least, unless so many bytes were compressed for it or it is the last.
_GZIP_LEAST, _GZIP_MOST = 64 * 1024, 2 * 1024 * 1024
#: How hard is compressed: the fastest levels find much less, those above 6 cost much more.
_LEVEL = 5
#: ``wbits`` of zlib for the format of gzip.
_GZIP_FORMAT = 31
#: Reads what is in memory and waits for no disk; Linux alone has it.
_AT_ONCE = getattr(os, "RWF_NOWAIT", 0)
#: Errors of such a read on a file system that cannot do it.
_CANNOT = frozenset((errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS))


class FileChanged(Closed):
    """A file became shorter while it was sent."""


class Pieces(Protocol):
    """The pieces of one body, one after the other."""

    done: bool
    """Whether the last piece was had."""

    def at_once(self) -> bytes | None:
        """The next piece if that waits for nothing, else ``None``. Called in the event loop."""

    def wait(self) -> bytes:
        """The next piece. Called in a thread, by nobody else meanwhile."""


class Reading:
    """How one folder's files are read at once: a buffer for all its users, as long as the file system can do it."""

    __slots__ = ("_buffer", "possible")

    def __init__(self) -> None:
        self.possible = bool(_AT_ONCE)
        self._buffer = memoryview(b"")

    def read(self, descriptor: int, size: int, start: int) -> bytes | None:
        """Up to ``size`` bytes, no more than :data:`PIECE`, from ``start``; empty at the end of the file, ``None``
        where it has to be waited for. Raises OSError."""
        if not self.possible:
            return None
        if not self._buffer:
            self._buffer = memoryview(bytearray(PIECE))
        try:
            count = os.preadv(descriptor, [self._buffer[:size]], start, _AT_ONCE)
        except BlockingIOError:
            return None
        except OSError as exc:
            if exc.errno not in _CANNOT:
                raise
            self.possible = False
            return None
        return bytes(self._buffer[:count])


class FilePieces:
    """Parts of a file, and what stands between them."""

    __slots__ = ("_file", "_head", "_left", "_parts", "_reading", "_start", "_tail", "done")

    def __init__(self, file: OpenedFile, parts: list[FilePart], tail: bytes, reading: Reading) -> None:
        self.done = False
        self._file = file
        self._reading = reading
        self._parts = parts[::-1]
        self._tail = tail
        self._head, self._start, self._left = self._parts.pop()

    def at_once(self) -> bytes | None:
        data: bytes | None = b""
        if self._left:
            data = self._reading.read(self._file.descriptor, min(self._left, PIECE), self._start)
        return data if data is None else self._framed(data)

    def wait(self) -> bytes:
        data = os.pread(self._file.descriptor, min(self._left, PIECE), self._start) if self._left else b""
        return self._framed(data)

    def _framed(self, data: bytes) -> bytes:
        """``data`` of the file with what stands around it; goes on to the next part at the end of one."""
        if self._left and not data:
            raise FileChanged("the file became shorter while it was sent")
        self._start += len(data)
        self._left -= len(data)
        framed, self._head = self._head + data if self._head else data, b""
        if not self._left:
            if self._parts:
                self._head, self._start, self._left = self._parts.pop()
            else:
                framed, self.done = framed + self._tail if self._tail else framed, True
        return framed


class ThreadPieces:
    """Pieces that always come from a thread."""

    __slots__ = ("done",)

    def __init__(self) -> None:
        self.done = False

    def at_once(self) -> bytes | None:
        """Nothing is there without waiting."""
        return None


class KeptPieces:
    """One piece that is there already."""

    __slots__ = ("_data", "done")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.done = False

    def at_once(self) -> bytes | None:
        self.done = True
        return self._data

    def wait(self) -> bytes:
        self.done = True
        return self._data


class ContentPieces(ThreadPieces):
    """All of a file, to be compressed."""

    __slots__ = ("_file", "_start")

    def __init__(self, file: OpenedFile) -> None:
        super().__init__()
        self._file = file
        self._start = 0

    def wait(self) -> bytes:
        size = min(PIECE, self._file.size - self._start)
        data = os.pread(self._file.descriptor, size, self._start) if size else b""
        if size and not data:
            raise FileChanged("the file became shorter while it was sent")
        self._start += len(data)
        self.done = self._start == self._file.size
        return data


class ListingPieces(ThreadPieces):
    """The page of a folder."""

    __slots__ = ("_file", "_next")

    def __init__(self, folder: OpenedFile) -> None:
        super().__init__()
        self._file = folder
        self._next = 0

    def wait(self) -> bytes:
        names = self._file.list_names()
        some = names[self._next : self._next + ENTRIES]
        head = b"" if self._next else HEAD
        self._next += len(some)
        self.done = self._next >= len(names)
        return head + piece(map(self._facts_of, some)) + (TAIL if self.done else b"")

    def _facts_of(self, name: bytes) -> ListedFile:
        try:
            facts = os.stat(name.rstrip(b"/"), dir_fd=self._file.descriptor, follow_symlinks=False)
        except OSError:  # it was removed, or its facts may not be read
            return ListedFile(name, None, None)
        return ListedFile(name, facts.st_size if stat.S_ISREG(facts.st_mode) else None, facts.st_mtime)


class GzipPieces(ThreadPieces):
    """Other pieces, compressed."""

    __slots__ = ("_compressor", "_pieces")

    def __init__(self, pieces: Pieces) -> None:
        super().__init__()
        self._pieces = pieces
        self._compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP_FORMAT)

    def wait(self) -> bytes:
        parts: list[bytes] = []
        size = taken = 0
        while size < _GZIP_LEAST and taken < _GZIP_MOST and not self._pieces.done:
            data = self._pieces.wait()
            taken += len(data)
            parts.append(self._compressor.compress(data))
            size += len(parts[-1])
        if self._pieces.done:
            self.done = True
            parts.append(self._compressor.flush())
        return b"".join(parts)
