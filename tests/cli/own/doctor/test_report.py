"""Findings, their lines and their JSON."""

from __future__ import annotations

import pytest

from aiofrp.cli.own.doctor import report
from aiofrp.cli.own.doctor.report import Finding, Outcome, Report
from aiofrp.errors import ConnectFailed


async def test_errors_become_problems() -> None:
    async def raising(error: BaseException) -> Finding:
        raise error

    shown: list[Finding] = []
    gathered = Report(shown.append)
    for error, text in (
        (ConnectFailed("refused"), "refused"),
        (FileNotFoundError(2, "No such file or directory"), "No such file or directory"),
        (ValueError("bad port"), "bad port"),
        (TimeoutError(), "no answer in time"),
    ):
        found = await gathered.check("a", raising(error), "mend it")
        assert (found.name, found.outcome, found.text, found.fix) == ("a", Outcome.PROBLEM, text, "mend it")
    assert shown == gathered.findings
    assert gathered.failed
    with pytest.raises(KeyError):
        await gathered.check("a", raising(KeyError()))


def test_what_is_no_problem() -> None:
    gathered = Report(lambda _: None)
    for finding in (report.ok("x"), report.note("x"), report.warning("x"), report.skipped("x")):
        gathered.add("a", finding)
    assert not gathered.failed


def test_lines() -> None:
    finding = Finding(Outcome.PROBLEM, "one\n  two\x1b[2J", "do\nthis", name="check", seconds=0.0124)
    assert report.line(finding, colour=False, marks=True) == (
        "✗ check                    12 ms  one; two\\x1b[2J → do; this"
    )
    assert report.line(finding, colour=False, marks=False) == (
        "XX check                    12 ms  one; two\\x1b[2J -> do; this"
    )
    assert report.line(finding, colour=True, marks=True).startswith("\x1b[31m✗\x1b[0m check")
    assert report.line(report.ok("fine"), colour=False, marks=False).isascii()
    assert report.time_text(3.14) == "3.1 s"


def test_plain_values() -> None:
    finding = Finding(Outcome.WARNING, "text", "fix", name="check", seconds=0.25)
    assert report.as_json(finding) == {
        "name": "check",
        "outcome": "warning",
        "text": "text",
        "fix": "fix",
        "ms": 250.0,
    }
