"""Rules and fixtures of the whole test suite.

- Async tests run on uvloop; marked ``both_loops`` they run on uvloop and on plain asyncio.
- Property tests try few examples; ``--hypothesis-profile=thorough`` tries many, as ``scripts/fuzz`` does.
- A test that takes more than its time fails, with the place where it waits; async ones, too.
- The leak gate: a test that leaves a task, a descriptor or a process behind fails.
- A failed test shows the end of every log file in its folder.
- A run without Go's frp, without the services of ``scripts/services``, without namespaces or without a C compiler says
  at its end what it could not test.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import warnings
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping

import pytest
import pytest_asyncio
import uvloop
from hypothesis import settings

from aiofrp.client import service
from tests.support import documents, loglimits, measure, namespaces, native, peers, ports, realservices
from tests.support.leaks import Baseline, tasks
from tests.support.limits import limited

#: Examples each property test tries. A deadline would fail tests on a busy machine; pytest's own time limit remains.
settings.register_profile("quick", max_examples=20, deadline=None)
settings.register_profile("thorough", max_examples=1000, deadline=None)
settings.load_profile("quick")

# The service manager of the machine, if there is one, wants to know of it and not of the programs under test.
os.environ.pop("NOTIFY_SOCKET", None)

#: Seconds after its time that an async test gets to end; then its whole process ends, all stacks shown.
GRACE = 60.0

#: Log files that a failed test shows, and characters of each.
LOGS_SHOWN, LOG_SHOWN = 12, 4000

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


class UvLoop(uvloop.Loop):
    """uvloop, able to close while a test has left something open.

    It warns about every open handle while it closes them; a warning that is an error ends that walk half way,
    and the loop then waits for ever for the rest. The leak gate has told of them by then.
    """

    def close(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            super().close()


@pytest.fixture(scope="session", autouse=True)
def _short_farewells() -> Iterator[None]:
    """A frpc in the process of a test ends soon: what it wrote last is with its server, which is in the same loop.
    Programs that a test starts end as they do in life."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service, "GRACE", 0.02)
        patch.setattr(service, "DATAGRAM_GRACE", 0.05)
        yield


@pytest.fixture
def the_loggers_afterwards() -> Iterator[None]:
    """For tests that set the log up: handlers and level are as before afterwards."""
    root = logging.getLogger("aiofrp")
    before, level, propagate = root.handlers[:], root.level, root.propagate
    yield
    for handler in root.handlers:
        handler.close()
    root.handlers[:], root.propagate = before, propagate
    root.setLevel(level)


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        measure.prepare()
    elif (measured := measure.started()) is not None:
        config.pluginmanager.register(measured)
    config.addinivalue_line("markers", "both_loops: run on uvloop and again on plain asyncio")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """The many objects of the collected tests live to the end: the garbage collector passes them over."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Mapping[str, LoopFactory]:
    """The loops an async test runs on; pytest-asyncio makes a case of each."""
    factories: dict[str, LoopFactory] = {"uvloop": UvLoop}
    if item.get_closest_marker("both_loops"):
        factories["asyncio"] = asyncio.SelectorEventLoop
    return factories


def pytest_itemcollected(item: pytest.Item) -> None:
    """Limit the time of async tests: uvloop swallows the exception that pytest-timeout raises in a signal handler."""
    if pytest_asyncio.is_async_test(item):
        marker = item.get_closest_marker("timeout")
        seconds = float(marker.args[0] if marker else item.config.getini("timeout"))
        item.obj = limited(item.obj, seconds)
        item.add_marker(pytest.mark.timeout(seconds + GRACE, method="thread"), append=False)


@pytest.fixture(autouse=True)
def leak_gate(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test after which something is left that was not there before; what it may log is not less for the
    tests before."""
    loglimits.refill()
    if pytest_asyncio.is_async_test(request.node):
        request.getfixturevalue("_leak_gate_of_loop")
        yield
        return
    before = Baseline()
    yield
    _fail_on(before.leaks())


@pytest.fixture
async def _leak_gate_of_loop() -> AsyncIterator[None]:
    """The gate for async tests: inside the loop, which gets a moment to close what the test closed."""
    before = Baseline(tasks())
    yield
    _fail_on(await before.settled())


def _fail_on(leaks: list[str]) -> None:
    if leaks:
        pytest.fail("the test left behind:\n  " + "\n  ".join(leaks), pytrace=False)


@pytest.fixture
def free_port() -> int:
    """A free port of this worker's own range; see :func:`tests.support.ports.free_port`."""
    return ports.free_port()


@pytest.fixture
def free_ports() -> Callable[[], int]:
    """A function that gives another free port at every call."""
    return ports.free_port


@pytest.fixture
def go_peers() -> peers.GoPeers:
    """Go's frps and frpc; skips the test where they are absent."""
    return peers.require()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    folder = getattr(item, "funcargs", {}).get("tmp_path")
    if report.when == "call" and report.failed and folder is not None:
        for log in sorted(folder.rglob("*.log"))[:LOGS_SHOWN]:
            report.sections.append((log.name, log.read_text(errors="replace")[-LOG_SHOWN:]))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = terminalreporter.stats.get("skipped", [])
    absent = (
        ("frp peers", peers.ABSENT),
        ("services", realservices.ABSENT),
        ("devices and namespaces", namespaces.ABSENT),
        ("site builders", documents.ABSENT),
        ("load generators in C", native.ABSENT),
    )
    for what, why in absent:
        if skipped := sum(why in str(report.longrepr) for report in reports):
            terminalreporter.write_line(f"NOT TESTED: {skipped} tests with real {what}: {why}", yellow=True)
