"""What was compiled. Where all is Python, as in editable installs, nothing was."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence


def _facts() -> tuple[Sequence[str], Mapping[str, tuple[str, int]]]:
    try:
        made = importlib.import_module("aiofrp.compiled._made")
    except ImportError:
        return (), {}
    return made.MODULES, made.PLACES


#: The files that were compiled; and the file and line of each text that they log: compiled code has no frame to find
#: its caller by.
MODULES, PLACES = _facts()


def in_words() -> str:
    """How many modules are compiled, or that none is."""
    return f"{len(MODULES)} modules are compiled" if MODULES else "all Python"
