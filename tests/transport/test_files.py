"""Open files: who leaves the last ones for others, and how often that is checked."""

from __future__ import annotations

import logging

import pytest

from aiofrp.transport import files
from aiofrp.transport.files import FILES_OF_CONNECTION, MOST_UNCHECKED, FileWatch, is_last


@pytest.mark.parametrize(("limit", "last"), [(80, 70), (1024, 896), (1_000_000, 998_976)])
def test_the_last_eighth_is_left_and_at_most_a_thousand(
    limit: int, last: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "file_limit", lambda: limit)
    assert not is_last(last - 1)
    assert is_last(last)


def test_connections_cannot_reach_the_last_files_between_two_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "file_limit", lambda: 8000)
    first_kept = 8000 - 1000
    watch, number, checks = FileWatch(), 5, 0

    def descriptor() -> int:
        nonlocal checks
        checks += 1
        return number

    admitted = 0
    while not watch.has_last(descriptor):
        admitted += 1
        assert number < first_kept
        number += FILES_OF_CONNECTION
    assert admitted == (first_kept - 5 + FILES_OF_CONNECTION - 1) // FILES_OF_CONNECTION
    assert checks < admitted / 4
    assert watch.has_last(descriptor)  # and every further one is checked


def test_a_connection_that_has_ended_is_no_reason_to_refuse_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "file_limit", lambda: 100)
    watch = FileWatch()
    assert not watch.has_last(lambda: None)
    assert watch.has_last(lambda: 99)


def test_it_is_checked_again_after_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "file_limit", lambda: 1_000_000)
    watch = FileWatch()
    assert not watch.has_last(lambda: 5)
    monkeypatch.setattr(files, "file_limit", lambda: 4)  # as prlimit does
    answers = [watch.has_last(lambda: 5) for _ in range(MOST_UNCHECKED + 1)]
    assert answers == [False] * MOST_UNCHECKED + [True]


def test_refused_users_are_logged_once_a_minute(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(files, "file_limit", lambda: 80)
    monkeypatch.setattr(logging.getLogger("aiofrp"), "propagate", True)
    now = 1000.0
    refusals = files.Refusals(lambda: now)
    for _ in range(100):
        refusals.add()
    assert len(caplog.messages) == 1
    now += files.REFUSALS_EVERY
    refusals.add()
    first, second = caplog.messages
    assert first.startswith(
        "too many open files: 1 users are refused, as the limit of open files is 80\nhint: "
    )
    assert "may have 80 files open" in first
    assert "LimitNOFILE=" in first
    assert second.startswith("too many open files: 100 users are refused")


def test_the_last_files_are_counted_as_refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[None] = []
    monkeypatch.setattr(files, "file_limit", lambda: 80)
    monkeypatch.setattr(files.Refusals, "add", lambda _: counted.append(None))
    assert is_last(79)
    assert FileWatch().has_last(lambda: 79)
    assert not is_last(5)
    assert len(counted) == 2
