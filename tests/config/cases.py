"""Reads the recorded good and bad configurations in ``tests/vectors/config``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "vectors" / "config"
GOOD = FOLDER / "good"


def good_cases() -> list[dict[str, Any]]:
    """The good configurations; files and expected trees are in ``GOOD``."""
    cases: list[dict[str, Any]] = _read(GOOD / "index.json")
    return cases


def expected_tree(case: Mapping[str, Any]) -> Any:
    """The completed meaning of a good configuration."""
    return _read(GOOD / case["expected"])


def bad_cases(kind: str) -> list[dict[str, Any]]:
    """The bad configurations of a kind: ``verify``, ``start`` or ``cli``."""
    return [case for case in _read(FOLDER / "bad.json") if case["kind"] == kind]


def write_bad(case: Mapping[str, Any], folder: Path) -> None:
    """Create the files of a bad configuration."""
    files = dict(case.get("files", {}))
    if case["content"] is not None:
        files[case["file"]] = case["content"]
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text.replace("{a*262144}", "a" * 262144).encode())


def flag(arguments: list[str], name: str, default: str = "") -> str:
    """The value of a flag, given as one word or two, with dashes or underscores."""
    for index, word in enumerate(arguments):
        key, equals, value = word.partition("=")
        if key.replace("_", "-") == name:
            return value if equals else arguments[index + 1]
    return default


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
