"""The command ``aiofrp``: its version, its help and its completion; each command has a test of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from aiofrp.cli.aiofrp import main
from aiofrp.compiled.facts import MODULES, in_words
from aiofrp.version import __version__


def test_it_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "aiofrp", "--version"]
    compiled = f" ({in_words()})" if MODULES else ""
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said == f"{__version__}{compiled}\n"


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == main(["help"]) == main(["--help"]) == 0
    text = capsys.readouterr().out
    for name in ("completion", "config", "help", "init", "login", "serve", "share"):
        assert text.count(f"\n  {name} ") == 3


def test_completion_knows_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bash"]) == 0
    text = capsys.readouterr().out
    assert '"aiofrp share")' in text
    assert "--subdomain" in text


def test_an_unknown_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["shar"]) == 1
    assert 'unknown command "shar" for "aiofrp"' in capsys.readouterr().err
