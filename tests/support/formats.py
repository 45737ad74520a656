"""One configuration written in each format."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import yaml

#: The formats with the keys of TOML, which INI has not.
FORMATS: Final = ("toml", "yaml", "json")

_WRITE: Final[dict[str, Callable[[dict[str, Any]], str]]] = {
    "yaml": lambda tree: yaml.safe_dump(tree, sort_keys=False),
    "json": json.dumps,
}


def file_of(folder: Path, name: str, toml: str, form: str) -> Path:
    """A file of ``folder`` that says in the format ``form`` what ``toml`` says."""
    path = folder / f"{name}.{form}"
    path.write_text(toml if form == "toml" else _WRITE[form](tomllib.loads(toml)), encoding="utf-8")
    return path
