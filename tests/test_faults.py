"""Faults are logged with their traceback, at a bounded rate and length."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

from aiofrp import faults
from aiofrp.faults import INTERVAL, MOST_KINDS, MOST_TEXT, FaultLog, describe, handle_loop_error


def raised(exc: BaseException) -> BaseException:
    """``exc`` with a traceback that ends here."""
    try:
        raise exc
    except BaseException as caught:  # noqa: BLE001 - it is handed back
        return caught


def of_kind(number: int) -> BaseException:
    """An exception whose kind no other number has."""
    return raised(type(f"Error{number}", (Exception,), {})("x"))


@pytest.fixture
def texts(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What was logged since the last call."""
    caplog.set_level(logging.ERROR, "aiofrp.faults")

    def taken() -> list[str]:
        found = [record.getMessage() for record in caplog.records]
        caplog.clear()
        return found

    return taken


def test_a_kind_is_logged_once_in_an_interval_and_counted_in_between(texts: Callable[[], list[str]]) -> None:
    now = [0.0]
    log = FaultLog(lambda: now[0])
    for _ in range(1000):
        log.report("a visitor", raised(ValueError("bad")))
    (text,) = texts()
    assert text.startswith("internal error: a visitor\n  File ")
    assert "in raised" in text
    assert text.endswith("ValueError: bad")
    log.report("another", of_kind(1))
    assert len(texts()) == 1
    now[0] = INTERVAL
    log.report("a visitor", raised(ValueError("bad")))
    (text,) = texts()
    assert "a visitor (999 more of this kind since the last record)" in text


def test_many_kinds_share_one_record(texts: Callable[[], list[str]]) -> None:
    log = FaultLog(lambda: 0.0)
    for number in range(10 * MOST_KINDS):
        log.report("x", of_kind(number))
    assert len(texts()) == MOST_KINDS + 1
    assert len(log._kinds) == MOST_KINDS + 1


def test_one_exception_is_reported_once(texts: Callable[[], list[str]]) -> None:
    log, exc = FaultLog(lambda: 0.0), raised(ValueError("bad"))
    log.report("by one way", exc)
    log.report("by another", exc)
    assert len(texts()) == 1
    assert not any(unsaid for _, unsaid in log._kinds.values())


def test_a_text_is_bounded() -> None:
    def deeper() -> None:
        deeper()

    with pytest.raises(RecursionError) as found:
        deeper()
    assert len(describe(found.value)) < 5000
    text = describe(raised(ValueError("y" * 10**6)))
    assert text.count("y") <= MOST_TEXT + 10
    assert "(1000000 characters)" in text


def test_a_call_goes_on(texts: Callable[[], list[str]]) -> None:
    def fail(_: object) -> None:
        raise asyncio.CancelledError

    faults._shared._kinds.clear()
    faults.call("something", fail, 1)
    assert texts()[0].startswith("internal error: something\n")
    with pytest.raises(KeyboardInterrupt):
        faults.call("something", lambda: (_ for _ in ()).throw(KeyboardInterrupt()).__next__())


async def test_the_loops_errors_go_the_same_way(texts: Callable[[], list[str]]) -> None:
    faults._shared._kinds.clear()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(handle_loop_error)

    def fail() -> None:
        raise ValueError("in a callback")

    for _ in range(5):
        loop.call_soon(fail)
    await asyncio.sleep(0.01)
    (text,) = texts()
    assert "ValueError: in a callback" in text
    handle_loop_error(loop, {"message": "only words"})
    assert texts() == ["only words"]


async def test_a_protocol_may_word_it_itself(texts: Callable[[], list[str]]) -> None:
    class Worded:
        def report_fault(self, exc: BaseException) -> None:
            said.append(exc)

    said: list[BaseException] = []
    exc = raised(ValueError("bad"))
    context: dict[str, Any] = {"message": "x", "exception": exc, "protocol": Worded()}
    handle_loop_error(asyncio.get_running_loop(), context)
    assert said == [exc]
    assert not texts()
