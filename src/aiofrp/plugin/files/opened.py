"""Open files and folders: what is known of each, and who uses it."""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Callable

from aiofrp.plugin.files.confined import open_below
from aiofrp.plugin.files.listing import TYPE as LISTING
from aiofrp.plugin.files.listing import sorted_names
from aiofrp.plugin.files.paths import FilePlace, index_of
from aiofrp.plugin.files.types import SNIFFED, shrinks, type_by_content, type_by_name
from aiofrp.stream.base import nothing
from aiofrp.wire.http.dates import date_text
from aiofrp.wire.http.head import Field

#: Seconds after which a file that was written is known to have a date of its own.
_SETTLED = 3.0


class OpenedFile:
    """A file or a folder that is open. It is closed when its last user releases it.

    ``names``: the entries of a folder in order, once somebody lists it. ``content`` and ``gzipped``: those of a small
    file, as it is and compressed, once somebody wants them. ``fields``: those of the response with all of the file.
    """

    __slots__ = (
        "_users",
        "content",
        "content_type",
        "descriptor",
        "fields",
        "gzipped",
        "identity",
        "is_folder",
        "is_index",
        "last_modified",
        "lock",
        "modified",
        "names",
        "shrinks",
        "size",
        "when_closed",
    )

    def __init__(
        self, descriptor: int, facts: os.stat_result, content_type: str, *, is_index: bool = False
    ) -> None:
        """``is_index``: a folder was asked for, and this is its index."""
        self.descriptor = descriptor
        self.is_folder = stat.S_ISDIR(facts.st_mode)
        self.is_index = is_index
        self.size = facts.st_size
        self.modified = int(facts.st_mtime)
        self.last_modified = date_text(self.modified) if self.modified else b""
        self.content_type = content_type.encode()
        self.shrinks = shrinks(content_type)
        #: Equal for the same file under such a name while it does not change.
        self.identity = (
            (facts.st_dev, facts.st_ino, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_size),
            (content_type, is_index),
        )
        self.fields: list[Field] | None = None
        self.content: bytes | None = None
        self.gzipped: bytes | None = None
        self.names: list[bytes] | None = None  # as many as the folder has, once for all users
        self.lock = threading.Lock()  # while a thread makes one of them
        #: Called once it is closed.
        self.when_closed: Callable[[], object] = nothing
        self._users = 1

    def __repr__(self) -> str:
        return f"<OpenedFile {self.descriptor} users={self._users} size={self.size}>"

    def use(self) -> OpenedFile:
        """Count one more user of the file; each calls :meth:`release` once."""
        self._users += 1
        return self

    def release(self) -> None:
        """Count one user less; the file is closed after the last one."""
        self._users -= 1
        if not self._users:
            os.close(self.descriptor)
            self.when_closed()

    def checked(self) -> None:
        """The file still has the same identity. What was written within a step of the clock does not change that, so
        contents that may be older are forgotten."""
        self.content = None
        if time.time() - self.modified < _SETTLED:
            self.gzipped = self.names = None

    def list_names(self) -> list[bytes]:
        """The entries of the folder in order, a slash at the end of each folder. May wait for a disk."""
        with self.lock:
            if self.names is None:
                with os.scandir(self.descriptor) as entries:
                    found = [_name(entry) for entry in entries]
                self.names = sorted_names(found)
            return self.names


def open_place(root: bytes, place: FilePlace) -> OpenedFile:
    """Open what ``place`` leads to: of a folder its index, if there is one. May wait for a disk.

    Raises what :func:`~aiofrp.plugin.files.confined.open_below` does.
    """
    if place.folder:
        index = index_of(place)
        try:
            return _opened(open_below(root, index.names), index.names[-1], is_index=True)
        except OSError:
            pass  # the folder is listed
    return _opened(open_below(root, place.names), place.names[-1] if place.names else b"")


def _opened(descriptor: int, name: bytes, *, is_index: bool = False) -> OpenedFile:
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISDIR(facts.st_mode):
            content_type = type_by_name(os.fsdecode(name)) or type_by_content(
                os.pread(descriptor, SNIFFED, 0)
            )
        elif is_index:
            raise IsADirectoryError
        else:
            content_type = LISTING
        return OpenedFile(descriptor, facts, content_type, is_index=is_index)
    except BaseException:
        os.close(descriptor)
        raise


def _name(entry: os.DirEntry[str]) -> bytes:
    try:
        folder = entry.is_dir(follow_symlinks=False)
    except OSError:  # it went away meanwhile
        folder = False
    return os.fsencode(entry.name) + b"/" if folder else os.fsencode(entry.name)
