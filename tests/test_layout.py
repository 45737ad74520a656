"""The layout of the source: each module says what it is, and none outgrows a reader."""

from __future__ import annotations

import ast
from pathlib import Path

TESTS = Path(__file__).parent
SOURCE = TESTS.parent / "src" / "aiofrp"

#: Parts whose every file has a test of its name at the same place below ``tests``.
TWINNED = ("config",)


def test_every_module_has_a_docstring() -> None:
    without = [
        str(path.relative_to(SOURCE))
        for path in sorted(SOURCE.rglob("*.py"))
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not without


def test_every_file_has_its_test() -> None:
    files = [path.relative_to(SOURCE) for part in TWINNED for path in sorted((SOURCE / part).rglob("*.py"))]
    without = [
        str(path)
        for path in files
        if path.name != "__init__.py" and not (TESTS / path.parent / f"test_{path.name}").exists()
    ]
    assert not without


def test_scripts_start_anywhere_and_stop_at_errors() -> None:
    folder = SOURCE.parent.parent
    scripts = [path for path in [*(folder / "scripts").iterdir(), folder / ".ci" / "run"] if _is_bash(path)]
    assert len(scripts) >= 5
    for path in scripts:
        text = path.read_text(encoding="utf-8")
        assert "set -euo pipefail" in text, path
        assert 'cd "$(dirname "${BASH_SOURCE[0]}")/.."' in text, path
        assert path.stat().st_mode & 0o111 == 0o111, path


def _is_bash(path: Path) -> bool:
    return path.is_file() and path.read_bytes().startswith(b"#!/usr/bin/env bash\n")
