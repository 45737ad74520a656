"""Paths of requests as names below a folder: cleaned as frp's router does it, and taken apart."""

from __future__ import annotations

import posixpath
import re
from typing import NamedTuple
from urllib.parse import quote_from_bytes

#: Bytes that stay as they are in a path. ``&`` and the quotes do not, although they might: they would have to be
#: escaped in HTML.
_KEPT = "/$+,:;=@!*()~"
_SLASHES = re.compile(b"//+")
_UNCLEAN = re.compile(rb"//|/\.\.?(?:/|\Z)")
_INDEX = b"index.html"


class FilePlace(NamedTuple):
    """Where a request leads below the folder."""

    names: tuple[bytes, ...]  #: of the folders from the top, and of the file at last
    folder: bool  #: whether the path ends with a slash


def clean(path: bytes) -> bytes:
    """A decoded path without empty segments, ``.`` and ``..``; a slash at its end stays."""
    if path.startswith(b"/") and not _UNCLEAN.search(path):
        return path
    cleaned = posixpath.normpath(_SLASHES.sub(b"/", b"/" + path))
    return cleaned + b"/" if path.endswith(b"/") and cleaned != b"/" else cleaned


def encode(path: bytes) -> bytes:
    """A decoded path as a URL has it; never one with an authority or a scheme."""
    text = quote_from_bytes(path, _KEPT).encode()
    if b":" in text.partition(b"/")[0] or text.startswith(b"//"):
        return b"./" + text
    return text


def prefix_of(option: str) -> bytes:
    """What ``stripPrefix`` takes off the paths of requests; slashes at its ends are not needed."""
    name = option.strip("/").encode("utf-8", "surrogateescape")
    return b"/%b/" % name if name else b"/"


def place_of(path: bytes) -> FilePlace | None:
    """Where ``path``, which is clean and without the prefix, leads; ``None`` where no file can be."""
    names = tuple(name for name in path.split(b"/") if name)
    if b"\0" in path or b".." in names or b"." in names:
        return None
    return FilePlace(names, not names or path.endswith(b"/"))


def is_index(path: bytes) -> bool:
    """Whether ``path`` names the index of a folder, whose better name is that of the folder."""
    return path.endswith(b"/" + _INDEX)


def index_of(place: FilePlace) -> FilePlace:
    """The index of a folder."""
    return FilePlace((*place.names, _INDEX), False)
