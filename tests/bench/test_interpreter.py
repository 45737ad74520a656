"""Which Python the programs are measured with, and what the report says of it."""

from __future__ import annotations

import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from bench import interpreter
from bench.interpreter import Interpreter, ask, chosen, described


def test_this_python_says_how_it_was_built() -> None:
    found = ask(sys.executable)
    assert found is not None
    assert found.version == ".".join(map(str, sys.version_info[:3]))
    assert found.seconds > 0
    assert found.version in str(found)
    assert found.openssl in ssl.OPENSSL_VERSION
    assert str(found).endswith(f"with {found.openssl}")


def test_one_that_cannot_run_the_programs_is_passed_over(tmp_path: Path) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o700)
    assert ask(str(program)) is None
    assert ask(str(tmp_path / "missing")) is None


@pytest.mark.parametrize(("seconds", "taken"), [((1.0, 0.8), "/b"), ((1.0, 0.99), "/a"), ((0.8, 1.0), "/a")])
def test_the_quickest_is_taken_and_this_one_where_none_is_clearly_quicker(
    seconds: tuple[float, float], taken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {
        path: Interpreter(path, "3.11.7", [], one, "OpenSSL 3.0.1")
        for path, one in zip(("/a", "/b"), seconds, strict=True)
    }
    monkeypatch.setattr(interpreter, "known", lambda: tuple(found.values()))
    assert chosen().path == taken
    assert ("times as quick" in described()) is (taken == "/b")


def test_its_command_line_runs_this_checkout() -> None:
    command = chosen().command("aiofrp.cli.frps")
    said = subprocess.run([*command, "-v"], capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout.strip().startswith("0.")
