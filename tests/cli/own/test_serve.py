"""``aiofrp serve``: a server without a file, which says what to type on the other machine."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

from aiofrp.cli.aiofrp import main
from aiofrp.cli.own.serve import instructions
from tests.cli.own.test_login import typed
from tests.support.procs import running


async def test_what_it_says_to_type_works(
    tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    program = [sys.executable, "-m", "aiofrp", "serve", "--port", str(free_port)]
    async with running(program, tmp_path / "serve") as server:
        await server.line("frps started successfully")
        line = await server.line("^    aiofrp login ")
        words = shlex.split(re.sub(r"login \S+:", "login 127.0.0.1:", line))
        assert (await typed(words[1:], {"XDG_CONFIG_HOME": str(tmp_path / "other")}))[0] == 0
        assert await server.stop() == 0


def test_the_line_to_type_names_host_and_port() -> None:
    assert re.search(r"    aiofrp login \S+:7001 --token t\n", instructions(7001, "t"))


def test_words_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "7000"]) == 1
    assert capsys.readouterr().err == "aiofrp serve takes no 7000; ports are given by flags\n"
