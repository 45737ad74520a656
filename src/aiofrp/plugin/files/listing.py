"""The page that lists a folder: frp's, with sizes and dates, in pieces that are made one after the other."""

from __future__ import annotations

import heapq
import html
import time
from collections.abc import Iterable
from typing import NamedTuple

from aiofrp.plugin.files.paths import encode

#: The type of the page.
TYPE = "text/html; charset=utf-8"
#: What stands before the entries. The first, second and last line are frp's.
HEAD = (
    b"<!doctype html>\n"
    b'<meta name="viewport" content="width=device-width">\n'
    b'<meta name="color-scheme" content="light dark">\n'
    b"<style>pre{white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.4}small{opacity:.7}</style>\n"
    b"<pre>\n"
)
#: What follows them.
TAIL = b"</pre>\n"

#: Names that are sorted without a break.
_RUN = 4096
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


class ListedFile(NamedTuple):
    """One entry of a folder."""

    name: bytes  #: with a slash at its end if it is a folder
    size: int | None  #: bytes; ``None`` where that says nothing, or is not known
    modified: float | None  #: seconds since 1970; ``None``: not known


def sorted_names(names: list[bytes]) -> list[bytes]:
    """Names of entries in the order of the page; the slash of a folder does not count.

    Many names are sorted in runs, which are merged: one sort of a million would stop all threads of the program for a
    second.
    """
    runs = [sorted(names[at : at + _RUN], key=_without_slash) for at in range(0, len(names), _RUN)]
    return runs[0] if len(runs) == 1 else list(heapq.merge(*runs, key=_without_slash))


def piece(entries: Iterable[ListedFile]) -> bytes:
    """The lines of some entries."""
    return b"".join(map(_line, entries))


def _line(entry: ListedFile) -> bytes:
    """The link, as frp writes it, and what aiofrp adds on a line of its own."""
    shown = (
        html.escape(entry.name.decode("utf-8", "replace"))
        .replace("&quot;", "&#34;")
        .replace("&#x27;", "&#39;")
    )
    link = b'<a href="%b">%b</a>\n' % (encode(entry.name), _one_line(shown).encode())
    facts = _facts(entry)
    return link + b"<small>%b</small>\n" % facts.encode() if facts else link


def _one_line(text: str) -> str:
    """A name with a line feed in it stays one line, as one of a program that writes names would."""
    return text.replace("\n", "&#10;").replace("\r", "&#13;")


def _facts(entry: ListedFile) -> str:
    facts = [] if entry.size is None else [size_text(entry.size)]
    if entry.modified is not None:
        facts.append(_date(entry.modified))
    return "  ".join(facts)


def _date(second: float) -> str:
    try:
        return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(second))
    except (OverflowError, ValueError, OSError):  # the file system holds a time that no calendar has
        return "?"


def size_text(size: int) -> str:
    """Bytes as people read them."""
    value, unit = float(size), _UNITS[0]
    for unit in _UNITS:
        if value < 1024 or unit == _UNITS[-1]:
            break
        value /= 1024
    return f"{size} B" if unit == "B" else f"{value:.1f} {unit}"


def _without_slash(name: bytes) -> bytes:
    return name[:-1] if name.endswith(b"/") else name
