"""Log lines: which are written, of whom they speak, and what peers can cause."""

from __future__ import annotations

import asyncio
import logging
import time

import pytest

from aiofrp import logs

pytestmark = pytest.mark.usefixtures("the_loggers_afterwards")


def test_names_stand_before_the_text(capsys: pytest.CaptureFixture[str]) -> None:
    logs.setup(level="debug")
    log = logs.get("aiofrp.x").bind("dd6a1fad99859bef").bind("100%", "")
    log.info("start proxy success")
    log.debug("%d", 5)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("] [dd6a1fad99859bef] [100%] start proxy success")
    assert lines[1].endswith("] [dd6a1fad99859bef] [100%] 5")


def test_the_position_is_that_of_the_caller(capsys: pytest.CaptureFixture[str]) -> None:
    logs.setup(level="trace")
    log = logs.get("aiofrp.x")
    log.info("%d", 1)
    log.trace("two")
    log.log(logging.WARNING, "three")
    assert capsys.readouterr().out.count(" [tests/test_logs.py:") == 3


def test_the_position_of_compiled_code_is_that_of_its_text(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "PLACES", {"a text of %s": ("aiofrp/host/relay.py", 91)})
    logs.setup()
    logs.get("aiofrp.x").info("a text of %s", "mine")
    assert capsys.readouterr().out.endswith(" [host/relay.py:91] a text of mine\n")


def test_the_level_is_switched_at_run_time(capsys: pytest.CaptureFixture[str]) -> None:
    logs.setup(level="warn")
    log = logs.get("aiofrp.x")
    log.info("one")
    logs.set_level("trace")
    log.trace("two")
    logs.set_level("error")
    log.warning("three")
    assert [line.rpartition(" ")[2] for line in capsys.readouterr().out.splitlines()] == ["two"]


# Lines that peers can cause


async def test_a_limited_logger_counts_what_it_leaves_out(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_COUNT_AFTER", 0.1)
    caplog.set_level(logging.INFO, "aiofrp")
    log = logs.get("aiofrp.test").limited(logs.Rate(3, 0.001))
    for number in range(100):
        log.bind(f"client{number}").warning("refused %s", number)
    log.warning("another kind")
    assert [record.getMessage() for record in caplog.records] == [
        "[client0] refused 0",
        "[client1] refused 1",
        "[client2] refused 2",
        "another kind",
    ]
    async with asyncio.timeout(10):
        while len(caplog.records) < 5:
            await asyncio.sleep(0.01)
    assert caplog.records[4].getMessage() == "97 more lines were left out like: refused %s"
    assert caplog.records[4].levelno == logging.WARNING


async def test_a_limited_logger_is_full_again_after_a_while(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "aiofrp")
    log = logs.get("aiofrp.test").limited(logs.Rate(1, 1000))
    for number in range(3):
        log.info("hello %d", number)
        await asyncio.sleep(0.01)
    assert len(caplog.records) == 3


@pytest.mark.parametrize("value", ["x" * 100_000, ValueError("x" * 100_000), ("x" * 100_000,)])
def test_a_limited_logger_shortens_values(value: object, caplog: pytest.LogCaptureFixture) -> None:
    logs.get("aiofrp.test").limited(logs.SELDOM).warning("refused: %s (%d)", value, 7)
    assert len(caplog.text) < 500
    assert "(7)" in caplog.text


@pytest.mark.parametrize(
    ("run_id", "shown"),
    [("0123456789abcdef", "012345"), ("abcdefgh", "abcd"), ("ab", "a"), ("a", "a"), ("", "")],
)
def test_a_run_id_is_shown_in_part(run_id: str, shown: str) -> None:
    assert logs.short_id(run_id) == shown


def test_the_count_is_written_although_its_loop_has_ended(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program may run several loops one after the other: a kind of line does not stay silent for ever."""
    log = logs.get("aiofrp.test.loops").limited(logs.Rate(1, 1))

    async def lines(count: int) -> None:
        for number in range(count):
            log.warning("refused %s", number)

    asyncio.run(lines(3))
    later = time.monotonic() + 60
    monkeypatch.setattr(time, "monotonic", lambda: later)
    asyncio.run(lines(1))
    assert [record.getMessage() for record in caplog.records] == [
        "refused 0",
        "2 more lines were left out like: refused %s",
        "refused 0",
    ]
