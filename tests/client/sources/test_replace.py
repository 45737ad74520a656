"""A file is replaced as a whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from aiofrp.client.sources import replace
from aiofrp.client.sources.replace import replace_file
from aiofrp.errors import ConfigError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "file"
    file.write_bytes(b"old")
    return file


def names(file: Path) -> list[str]:
    return sorted(entry.name for entry in file.parent.iterdir())


def test_the_new_content_has_the_permissions_asked_for(file: Path) -> None:
    before = os.umask(0o077)
    try:
        replace_file(str(file), b"new", 0o644)
    finally:
        os.umask(before)
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"new", 0o644)
    assert names(file) == ["file"]


def test_a_draft_that_was_left_is_replaced_and_a_link_in_its_place_leads_nowhere(file: Path) -> None:
    draft, other = file.with_name("file.tmp"), file.with_name("other")
    other.write_bytes(b"not ours")
    draft.symlink_to(other)
    replace_file(str(file), b"new", 0o600)
    assert (file.read_bytes(), other.read_bytes()) == (b"new", b"not ours")
    assert names(file) == ["file", "other"]


def fails(monkeypatch: pytest.MonkeyPatch, call: str, code: int) -> None:
    """Let a call of the operating system fail."""

    def failing(*args: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(replace.os, call, failing)  # type: ignore[attr-defined]  # the module's own os


@pytest.mark.parametrize(
    ("call", "code", "message"),
    [
        ("open", errno.EROFS, "failed to create temp file: open {file}.tmp: read-only file system"),
        ("fsync", errno.ENOSPC, "failed to write temp file: write {file}.tmp: no space left on device"),
        (
            "replace",
            errno.EBUSY,
            "failed to rename temp file: rename {file}.tmp {file}: device or resource busy",
        ),
    ],
)
def test_a_failure_leaves_the_old_content_and_nothing_else(
    file: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int, message: str
) -> None:
    with monkeypatch.context() as patch:
        fails(patch, call, code)
        with pytest.raises(ConfigError) as raised:
            replace_file(str(file), b"new", 0o600)
    assert str(raised.value) == message.format(file=file)
    assert file.read_bytes() == b"old"
    assert names(file) == ["file"]


def test_a_file_that_is_a_mount_is_written_to_where_that_is_allowed(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        fails(patch, "replace", errno.EBUSY)
        replace_file(str(file), b"new", 0o600, in_place=True)
        fails(patch, "replace", errno.EACCES)
        with pytest.raises(ConfigError, match="permission denied"):
            replace_file(str(file), b"newer", 0o600, in_place=True)
    assert file.read_bytes() == b"new"
    assert names(file) == ["file"]
