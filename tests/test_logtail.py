"""The last lines of the log in memory."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from aiofrp import faults, logs
from aiofrp.logforms import TRACE
from aiofrp.loghandlers import Console
from aiofrp.logtail import MOST_CHARACTERS, MOST_LINES, LogTail


def test_the_last_lines_by_level_text_and_number() -> None:
    tail = LogTail()
    assert (tail.last_id, tail.lines()) == (0, [])
    for level in (TRACE, logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
        tail.add(1.5, level, f"Level {level}")
    assert [line.name for line in tail.lines()] == ["trace", "debug", "info", "warn", "error"]
    assert [line.id for line in tail.lines(level="warn")] == [4, 5]
    assert [line.id for line in tail.lines(q="LEVEL 1")] == [2]
    assert [line.id for line in tail.lines(limit=2)] == [4, 5]
    assert [line.id for line in tail.lines(after=3)] == [4, 5]
    assert tail.last_id == 5


def test_lines_and_characters_are_limited() -> None:
    tail = LogTail()
    for _ in range(MOST_LINES + 5):
        tail.add(1.0, logging.INFO, "x" * 2 * MOST_CHARACTERS)
    lines = tail.lines()
    assert (len(lines), lines[0].id, len(lines[0].text)) == (MOST_LINES, 6, MOST_CHARACTERS)


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[LogTail]:
    """The tail of this process, empty."""
    root = logging.getLogger("aiofrp")
    before, passes = root.handlers[:], root.propagate
    monkeypatch.setattr(logs, "_tail", None)
    yield logs.keep_tail()
    root.handlers[:], root.propagate = before, passes


def test_it_gets_what_any_logger_writes(kept: LogTail) -> None:
    log = logs.get("aiofrp.test").bind("p")
    logging.getLogger("aiofrp").setLevel(logging.INFO)
    log.warning("by %s", "logging")  # where another program set up the log
    handler = Console(colour=False)
    logs.setup(handler)
    log.info("by our %s", "handler")
    log.debug("not at this level")
    faults.FaultLog().report("something", ValueError("wrong"))
    texts = [line.text.partition("\n")[0] for line in kept.lines()]
    assert texts == ["[p] by logging", "[p] by our handler", "internal error: something"]
    assert logs.keep_tail() is kept
