from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.config.load import glob as module
from aiofrp.config.load.glob import compile_pattern, included_files
from aiofrp.errors import ConfigError
from tests.config.batch import every


@every(
    [
        ("*.toml", "a.toml", True),
        ("*.toml", ".toml", True),
        ("*.toml", "a.tomlx", False),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("[a-c]x", "bx", True),
        ("[^a-c]x", "bx", False),
        ("[^a-c]x", "dx", True),
        ("[!a]", "!", True),
        ("[!a]", "b", False),
        (r"[\]]", "]", True),
        (r"\*", "*", True),
        (r"\*", "a", False),
        ("a.c", "abc", False),
        ("**", "anything", True),
        ("]", "]", True),
    ]
)
def test_patterns(pattern: str, name: str, match: bool) -> None:
    compiled = compile_pattern(pattern)
    assert compiled is not None
    assert bool(compiled.fullmatch(name)) is match


@every(["[", "[]", "[a", "[]a]", "a\\", "[a-]", "[-x]", "[z-a]"])
def test_malformed_patterns_match_nothing(pattern: str) -> None:
    compiled = compile_pattern(pattern)
    assert compiled is None or not compiled.fullmatch(pattern)


@given(st.text(alphabet="*?[]^-!\\ab./", max_size=12), st.text(alphabet="ab-]!", max_size=6))
def test_no_pattern_breaks(pattern: str, name: str) -> None:
    compiled = compile_pattern(pattern)
    if compiled:
        compiled.fullmatch(name)


def test_files_in_name_order_without_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("b.toml", "a.toml", "c.yaml"):
        (tmp_path / name).touch()
    (tmp_path / "d.toml").mkdir()
    assert included_files(f"{tmp_path}/*.toml") == [f"{tmp_path}/a.toml", f"{tmp_path}/b.toml"]
    monkeypatch.chdir(tmp_path)
    assert included_files("./*.yaml") == included_files("*.yaml") == [f"{tmp_path}/c.yaml"]
    assert included_files("none*") == included_files("[") == []


def test_missing_folders(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"^stat {tmp_path}/no: no such file or directory$"):
        included_files(f"{tmp_path}/no/*.toml")
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=f"^open {tmp_path}/file: not a directory$"):
        included_files(f"{tmp_path}/file/*")


def test_too_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FILES", 2)
    for name in "abc":
        (tmp_path / name).touch()
    with pytest.raises(ConfigError, match="more than 2 files"):
        included_files(f"{tmp_path}/*")
