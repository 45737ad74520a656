"""The leak gate sees what a test leaves behind, and nothing else; a test that does not end fails."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import uvloop

from tests.support.leaks import Baseline, tasks

ROOT = Path(__file__).parent.parent

LEAKY = """
import asyncio, socket

import pytest

kept = []

async def test_task():
    kept.append(asyncio.create_task(asyncio.sleep(60), name="forgotten"))

async def test_listener():
    kept.append(await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0))

def test_socket():
    kept.append(socket.socket())

async def test_clean():
    server = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
    server.close()
    await server.wait_closed()

@pytest.mark.timeout(0.2)
async def test_endless():
    await asyncio.sleep(60)
"""


def test_a_test_that_leaks_or_does_not_end_fails(tmp_path: Path) -> None:
    (tmp_path / "test_leaky.py").write_text(LEAKY)
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(tmp_path)]
    run = subprocess.run(
        [*command, "-rE", "-n0", "-p", "tests.conftest", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    shown = run.stdout
    assert "1 failed, 4 passed, 3 errors" in shown, shown
    assert "Failed: the test took more than 0.2 s" in shown
    assert "task forgotten" in shown
    assert "listening on port" in shown
    assert "ERROR test_leaky.py::test_clean" not in shown


def test_nothing_changed_is_no_leak() -> None:
    assert Baseline().leaks() == []


def test_descriptors_and_their_listening_ports() -> None:
    before = Baseline()
    with socket.create_server(("127.0.0.1", 0)) as server:
        (line,) = before.leaks()
        assert line == f"descriptor {server.fileno()}: listening on port {server.getsockname()[1]}"
    assert before.leaks() == []


def test_child_processes() -> None:
    before = Baseline()
    with subprocess.Popen(["sleep", "60"]) as child:
        try:
            (line,) = before.leaks()
            assert line.startswith(f"child process {child.pid}: ")
        finally:
            child.terminate()
    assert before.leaks() == []


@pytest.mark.both_loops
async def test_tasks_get_a_moment_to_end() -> None:
    before = Baseline(tasks())
    ending = asyncio.create_task(asyncio.sleep(0.02))
    assert await before.settled() == []
    assert ending.done()


@pytest.mark.both_loops
async def test_both_loops_run(request: pytest.FixtureRequest) -> None:
    on_uvloop = isinstance(asyncio.get_running_loop(), uvloop.Loop)
    assert on_uvloop == request.node.name.endswith("[uvloop]")
