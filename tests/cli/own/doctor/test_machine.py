"""Checks of the machine."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from aiofrp.cli.own.doctor import machine
from aiofrp.cli.own.doctor.report import Outcome, Report
from aiofrp.compiled.facts import in_words
from aiofrp.config.models.shared import LogConfig


def test_this_machine(tmp_path: Path) -> None:
    report = Report(lambda _: None)
    machine.check_machine(report, LogConfig(to=str(tmp_path / "new" / "log")))
    assert [finding.name for finding in report.findings] == [
        "versions",
        "open files",
        "clock",
        "encryption",
        "log",
    ]
    assert in_words() in report.findings[0].text
    assert not report.failed


def test_few_open_files(monkeypatch: pytest.MonkeyPatch) -> None:
    for limit, outcome in ((100, Outcome.WARNING), (65536, Outcome.OK), (sys.maxsize, Outcome.OK)):
        monkeypatch.setattr(machine, "file_limit", lambda limit=limit: limit)
        assert machine.files().outcome is outcome


def test_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.clock(0).outcome is Outcome.PROBLEM
    for known, outcome in ((True, Outcome.OK), (False, Outcome.WARNING), (None, Outcome.OK)):
        monkeypatch.setattr(machine, "_synchronized", lambda known=known: known)
        assert machine.clock(time.time()).outcome is outcome


def test_an_openssl_that_does_not_use_the_processor() -> None:
    vectors = frozenset({"fpu", "avx512f", "vaes", "vpclmulqdq"})
    assert machine.encryption((3, 0), vectors).outcome is Outcome.NOTE
    for openssl, features in (((3, 1), vectors), ((3, 0), vectors - {"vaes"}), ((1, 1), frozenset())):
        assert machine.encryption(openssl, features).outcome is Outcome.OK


def test_logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "log")
    assert machine.log_file(path).outcome is Outcome.OK
    monkeypatch.setattr(machine, "_LITTLE_SPACE", 1 << 62)
    assert machine.log_file(path).outcome is Outcome.WARNING
    monkeypatch.setattr("os.access", lambda *_: False)
    assert machine.log_file(path).outcome is Outcome.PROBLEM
