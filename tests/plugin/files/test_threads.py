"""Work in threads: results and errors come to the loop, and a hung disk keeps nothing else from ending."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from aiofrp.errors import Closed
from aiofrp.plugin.files.pieces import FileChanged
from aiofrp.plugin.files.threads import MAX_THREADS, FileThreads
from tests.support.ends import until


def raising(error: Exception) -> Callable[[], object]:
    def work() -> object:
        raise error

    return work


@pytest.mark.both_loops
async def test_results_and_errors() -> None:
    threads = FileThreads()
    results: list[object] = []
    threads.run(lambda: threading.current_thread().daemon, results.append, results.append)
    await until(lambda: len(results) == 1)
    errors = [OSError("broken"), FileChanged("shorter")]
    for error in errors:
        threads.run(raising(error), results.append, results.append)
    await until(lambda: len(results) == 3)
    assert set(results[1:]) == set(errors)
    assert results[0] is True
    threads.close()


async def test_a_fault_is_logged_and_fails_the_one(caplog: pytest.LogCaptureFixture) -> None:
    threads = FileThreads()
    failed: list[Exception] = []
    threads.run(raising(ZeroDivisionError("a mistake")), lambda result: None, failed.append)
    await until(lambda: failed)
    assert isinstance(failed[0], Closed)
    assert "a file could not be served" in caplog.text
    threads.close()


async def test_a_receiver_that_raises_harms_no_other(caplog: pytest.LogCaptureFixture) -> None:
    threads = FileThreads()
    results: list[object] = []
    threads.run(lambda: 0, lambda zero: results.append(1 // zero), results.append)
    threads.run(lambda: 2, results.append, results.append)
    await until(lambda: results == [2])
    assert "ZeroDivisionError" in caplog.text
    threads.close()


async def test_all_threads_hang_and_nobody_waits_for_them() -> None:
    threads = FileThreads()
    gate = threading.Event()
    results: list[object] = []
    for _ in range(MAX_THREADS + 1):
        threads.run(gate.wait, results.append, results.append)
    threads.close()
    assert not results
    gate.set()
    await until(lambda: len(results) == MAX_THREADS + 1)


async def test_threads_end_after_the_last_work() -> None:
    threads = FileThreads()
    found: list[threading.Thread] = []
    threads.run(threading.current_thread, found.append, lambda error: None)
    await until(lambda: found)
    assert found[0].is_alive()
    threads.close()
    await until(lambda: not found[0].is_alive())
    threads.run(threading.current_thread, found.append, lambda error: None)  # a response that was under way
    await until(lambda: len(found) == 2 and not found[1].is_alive())
