"""The known name that a text was most likely meant to be."""

from __future__ import annotations

from collections.abc import Iterable

#: Other names of something, which are not similar to its own name: tried first.
_OTHER_NAMES = {"ws": "websocket"}
#: How much of two texts must agree.
_SIMILAR = 0.7


def nearest(text: str, known: Iterable[str]) -> str:
    """The known text most similar to ``text``, in whatever case; empty if none is similar."""
    names = {name.lower(): name for name in known}
    lower = text.lower()
    meant = _OTHER_NAMES.get(lower, "")
    if meant in names:
        return names[meant]
    import difflib  # here, as only a mistake needs it

    found = difflib.get_close_matches(lower, names, n=1, cutoff=_SIMILAR)
    return names[found[0]] if found else ""


def plain(name: str) -> str:
    """A name without what spellings differ in: case, dashes, underscores and dots."""
    return name.lower().replace("_", "").replace("-", "").replace(".", "")
