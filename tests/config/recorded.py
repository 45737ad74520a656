"""Reads what Go's frp made of configuration texts, recorded in ``tests/vectors/config``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "vectors" / "config"


def load(name: str) -> Any:
    """The content of ``name``.json."""
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
