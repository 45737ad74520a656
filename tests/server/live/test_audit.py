"""The audit log: in memory and in its file, which may fail."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aiofrp.server.live.audit import MOST_KEPT, MOST_TEXT, AuditLog


async def test_operations_in_memory_and_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    audit = AuditLog(str(path), lambda: 5.0)
    await audit.add("admin@192.0.2.1", "kick", "c\n1", "why", "ok")
    await audit.add("admin@192.0.2.1", "disable", "p", "x" * 9999, "ok")
    assert [operation.action for operation in audit.newest()] == ["disable", "kick"]
    assert len(audit.newest()[0].detail) == MOST_TEXT
    first, second = [json.loads(line) for line in path.read_text().splitlines()]
    assert (first.pop("at"), first.pop("by")) == (5.0, "admin@192.0.2.1")
    assert first == {"action": "kick", "target": "c\n1", "detail": "why", "result": "ok"}
    assert second["action"] == "disable"
    assert path.stat().st_mode & 0o777 == 0o600


async def test_memory_is_limited() -> None:
    audit = AuditLog()
    for number in range(MOST_KEPT + 10):
        await audit.add("a", "close", str(number), "", "ok")
    assert (len(audit.newest()), audit.newest()[0].target) == (MOST_KEPT, str(MOST_KEPT + 9))


async def test_a_file_that_cannot_be_written_is_one_line_of_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "missing" / "audit.log"
    audit = AuditLog(str(path))
    for _ in range(3):
        await audit.add("a", "kick", "c", "", "ok")
    assert [record.levelname for record in caplog.records].count("ERROR") == 1
    path.parent.mkdir()
    await audit.add("a", "kick", "d", "", "ok")
    assert json.loads(path.read_text())["target"] == "d"
    assert len(audit.newest()) == 4


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
async def test_a_full_disk(caplog: pytest.LogCaptureFixture) -> None:
    audit = AuditLog("/dev/full")
    await audit.add("a", "kick", "c", "", "ok")
    assert len(audit.newest()) == 1
    assert "cannot write the audit file /dev/full" in caplog.text
