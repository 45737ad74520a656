"""What holds for both programs whatever they are asked to do."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

#: Modules that take long to load; none is needed to explain a program.
SLOW = ("pydantic", "asyncio", "uvloop", "aiohttp", "ssl", "cryptography", "argparse", "yaml", "msgspec")


@pytest.mark.parametrize("program", ["frps", "frpc"])
@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["completion", "bash"], ["--bogus"], ["help"]]
)
def test_explanations_load_nothing_slow(program: str, arguments: list[str]) -> None:
    code = (
        f"import sys\nfrom aiofrp.cli import {program}\n{program}.main({arguments!r})\n"
        f"print('loaded:', *(set({SLOW!r}) & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=True)
    assert done.stdout.splitlines()[-1] == "loaded:"


def test_a_reader_that_leaves_early_is_no_error() -> None:
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "aiofrp.cli.frpc", "--help"], stdout=writing, stderr=subprocess.PIPE
    )
    os.close(writing)
    os.close(reading)
    _, stderr = process.communicate()
    assert (process.returncode, stderr) == (1, b"")


def test_names_that_are_no_text_are_printed_as_they_came() -> None:
    path = b"no-\xff-file.toml"
    done = subprocess.run(
        [sys.executable, "-m", "aiofrp.cli.frpc", "verify", "-c", path], capture_output=True, check=False
    )
    assert done.stdout.splitlines()[0] == b"open " + path + b": no such file or directory"
    assert done.returncode == 1
