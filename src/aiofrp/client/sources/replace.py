"""A file gets new content as a whole or not at all, whatever fails and whenever the machine stops."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from aiofrp.errors import ConfigError


def replace_file(path: str, data: bytes, mode: int, *, in_place: bool = False) -> None:
    """Give the file ``path`` the content ``data`` and the permissions ``mode``; ``data`` is on the disk on return.

    The content is written to ``path.tmp``, which then takes the file's name. Where ``path`` is a symbolic link, its
    target is replaced. ``in_place``: a file that is a mount of its own, which cannot be renamed to, is written to
    instead; this alone is not all or nothing. Raises :class:`~aiofrp.errors.ConfigError`, and the file has its old
    content then.
    """
    path = os.path.realpath(path)
    draft = f"{path}.tmp"
    with step("create temp file", f"open {draft}"):
        file = _new(draft, mode)
    try:
        with step("write temp file", f"write {draft}"):
            _write(file, data)
        with step("rename temp file", f"rename {draft} {path}"):
            _rename(draft, path, data if in_place else None)
    finally:
        with suppress(OSError):
            os.unlink(draft)
    _sync_folder(os.path.dirname(path))


@contextmanager
def step(what: str, call: str) -> Iterator[None]:
    """Say of an error of the operating system what failed, in the reference's words."""
    try:
        yield
    except OSError as error:
        raise ConfigError(f"failed to {what}: {call}: {(error.strerror or str(error)).lower()}") from None


def _new(path: str, mode: int) -> int:
    """The descriptor of a new file; what has its name is removed, so that a link leads nowhere else."""
    with suppress(FileNotFoundError):
        os.unlink(path)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    os.chmod(path, mode)  # whatever the umask is
    return file


def _write(file: int, data: bytes) -> None:
    with open(file, "wb", buffering=0) as raw:
        view = memoryview(data)
        while view:
            view = view[raw.write(view) :]
        os.fsync(file)


def _rename(draft: str, path: str, data: bytes | None) -> None:
    """Put ``draft`` in the place of ``path``; write ``data`` there, if there is any, where that is impossible."""
    try:
        os.replace(draft, path)
    except OSError as error:
        if data is None or error.errno != errno.EBUSY:
            raise
        _write(os.open(path, os.O_WRONLY | os.O_TRUNC), data)


def _sync_folder(folder: str) -> None:
    """Put the new name on the disk, where the operating system and the file system can do this."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
