"""Names that were meant: what a text nearly is."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

#: What people write for something whose name is not near: asked first.
_SPOKEN = {"ws": "websocket"}
#: How much of two texts must agree.
_SIMILAR = 0.7


def nearest(text: str, known: Iterable[str]) -> str:
    """The known text most similar to ``text``, in whatever case; empty if none is similar."""
    names = {name.lower(): name for name in known}
    lower = text.lower()
    spoken = _SPOKEN.get(lower, "")
    if spoken in names:
        return names[spoken]
    found = difflib.get_close_matches(lower, names, n=1, cutoff=_SIMILAR)
    return names[found[0]] if found else ""


def plain(name: str) -> str:
    """A name without what spellings differ in: case, dashes, underscores and dots."""
    return name.lower().replace("_", "").replace("-", "").replace(".", "")
