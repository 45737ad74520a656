"""The history file: what was saved is read again, and a file that fails is one line of the log."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from aiofrp.server.live.history import Amounts
from aiofrp.server.live.historyfile import HistoryFile, Saved, SavedProxy

SAVED = Saved(
    [(5, Amounts(1, 2, 3, 4)), (4, Amounts(2**60))],
    [(700_000, Amounts(9))],
    [SavedProxy("<p>", "tcp", "u", "c", 1.5, 2.5, 700_000, [1, 2, 0, 0, 0, 0, 7], [0] * 7)],
)


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]


def test_what_was_saved_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    file = HistoryFile(str(path))
    assert file.load() == Saved()
    assert file.save(SAVED)
    assert file.save(SAVED)
    assert HistoryFile(str(path)).load() == SAVED
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 2000])
def test_a_broken_file_is_one_line_and_stays_as_it_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    path = tmp_path / "history.db"
    path.write_bytes(content)
    file = HistoryFile(str(path))
    assert file.load() == Saved()
    assert not file.save(SAVED)
    assert len(errors(caplog)) == 1
    assert path.read_bytes() == content


@pytest.mark.parametrize("value", ["'x'", "-1", "1e300", "NULL"])
def test_a_file_with_other_values_is_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, value: str
) -> None:
    path = tmp_path / "history.db"
    HistoryFile(str(path)).save(SAVED)
    database = sqlite3.connect(path)
    database.execute(f"UPDATE hour SET traffic_in = {value}")
    database.commit()
    database.close()
    file = HistoryFile(str(path))
    assert file.load() == Saved()
    assert len(errors(caplog)) == 1
    assert file.save(SAVED)
    assert file.load() == SAVED


def test_no_folder_and_no_permission(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = HistoryFile(str(tmp_path / "missing" / "history.db"))
    assert not any(file.save(SAVED) for _ in range(3))
    assert len(errors(caplog)) == 1
    assert not HistoryFile(str(tmp_path)).save(SAVED)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk(caplog: pytest.LogCaptureFixture) -> None:
    assert not HistoryFile("/dev/full").save(SAVED)
    assert len(errors(caplog)) == 1


def test_a_file_in_use_is_not_waited_for_long(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiofrp.server.live.historyfile._BUSY", 0.05)
    path = tmp_path / "history.db"
    file = HistoryFile(str(path))
    file.save(SAVED)
    other = sqlite3.connect(path)
    other.execute("BEGIN EXCLUSIVE")
    assert not file.save(Saved())
    other.rollback()
    other.close()
    assert file.load() == SAVED
