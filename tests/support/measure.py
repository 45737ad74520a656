"""Branch coverage of a run with workers, where AIOFRP_COVERAGE names a folder for what they find.

A traced test takes two to three times as long, so that not every case of every test is measured: the first of each test
function is, where the package runs in the process of the test and its speed is no part of what the test shows. The
processes that a test starts are not measured.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pytest
from coverage import Coverage

ROOT = Path(__file__).parent.parent.parent

#: Folders whose tests start processes, or put much load on the package.
UNMEASURED = {"tests/bench", "tests/e2e", "tests/fuzz"}
#: Files of these folders that are measured all the same.
MEASURED = {
    f"tests/e2e/test_{name}.py"
    for name in ("http", "http2", "http_streams", "outbound", "stcp", "sudp", "udp")
}


def prepare() -> None:
    """Let the workers, which the calling process starts next, measure from their first import on."""
    if folder := os.environ.get("AIOFRP_COVERAGE"):
        os.environ["COVERAGE_PROCESS_START"] = str(ROOT / "pyproject.toml")
        os.environ["COVERAGE_FILE"] = f"{folder}/coverage"


def started() -> Measure | None:
    """What measures this process, if something does; the processes that it starts are not measured.

    All workers import the same while they collect; one of them measures that.
    """
    os.environ.pop("COVERAGE_PROCESS_START", None)
    coverage = Coverage.current()
    if coverage is None:
        return None
    imports = os.environ.get("PYTEST_XDIST_WORKER") == "gw0"
    if not imports:
        coverage.stop()
    return Measure(coverage, on=imports)


def chosen(nodes: Iterable[str]) -> set[str]:
    """Which of the tests are measured; the same in every worker, for all collect the same."""
    first: dict[str, str] = {}
    for node in nodes:
        path = node.partition("::")[0]
        if path in MEASURED or not any(path.startswith(f"{folder}/") for folder in UNMEASURED):
            first.setdefault(node.partition("[")[0], node)
    return set(first.values())


class Measure:
    """A plugin of pytest that switches measuring on and off between the tests of a worker."""

    def __init__(self, coverage: Coverage, *, on: bool) -> None:
        """``on``: whether ``coverage`` measures now."""
        self._coverage = coverage
        self._on = on
        self._chosen: set[str] = set()

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        self._chosen = chosen(item.nodeid for item in items)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        wanted = item.nodeid in self._chosen
        if wanted and not self._on:
            self._coverage.start()
        elif self._on and not wanted:
            self._coverage.stop()
        self._on = wanted
