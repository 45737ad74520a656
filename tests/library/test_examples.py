"""The examples of the library, run as their first lines say."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

import aiofrp
from tests.support.procs import running
from tests.support.tunnel import echo, exchange, local_service

EXAMPLES = Path(__file__).parents[2] / "examples" / "library"


def test_embed() -> None:
    done = subprocess.run([sys.executable, EXAMPLES / "embed.py"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "it says: Hello from inside"


async def test_share(tmp_path: Path) -> None:
    options = {"bind_addr": "127.0.0.1", "bind_port": 0, "auth": {"token": "secret"}}
    async with aiofrp.Server(options) as server, local_service(echo) as local:
        command = [sys.executable, str(EXAMPLES / "share.py"), str(local), server.address, "secret"]
        async with running(command, tmp_path / "log") as program:
            line = await program.line(f"port {local} is at ")
            assert await exchange(int(line.rpartition(":")[2]), b"hello") == b"hello"
            program.send(signal.SIGINT)
            assert await program.ended() == 0
            assert program.text.endswith("no longer shared\n")
        async with running([*command[:-1], "wrong"], tmp_path / "log2") as program:
            assert await program.ended() == 1
            assert "error: login to the server failed" in program.text


@pytest.mark.parametrize("environment", [{}, {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}])
def test_shop(environment: dict[str, str]) -> None:
    """As the example says it: also where pytest finds the plugin by itself."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "aiofrp.pytest_plugin", "-p", "no:cacheprovider"]
    command += ["-c", "/dev/null", str(EXAMPLES / "test_shop.py")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    assert "2 passed" in done.stdout, done.stdout


@pytest.mark.parametrize("name", ["share.py", "accounts.py"])
def test_without_arguments_there_is_no_traceback(name: str) -> None:
    done = subprocess.run([sys.executable, str(EXAMPLES / name)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr[:14]) == (1, "usage: python ")
