"""Files of the repository that are made from its source: written anew, or compared with what they should be."""

from __future__ import annotations

import sys
from pathlib import Path


def write_or_check(path: Path, text: str, script: str) -> int:
    """Write ``text``, or with ``--check`` on the command line compare it with the file at ``path``. Returns the exit
    code. ``script`` is what makes the file."""
    if "--check" not in sys.argv[1:]:
        path.write_text(text, encoding="utf-8")
    elif path.read_text(encoding="utf-8") != text:
        print(f"{path.name} is out of date: run scripts/{script}", file=sys.stderr)
        return 1
    return 0
