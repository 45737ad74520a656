"""``aiofrp serve``: a server without a file, which says what to type on the other machine."""

from __future__ import annotations

import os
import re
import shlex
import socket
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


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--port", "0"], "--port 0 is no port. Give 1 to 65535\n"),
        (["--port", "99999"], "--port 99999 is no port. Give 1 to 65535\n"),
        (["--port", "9" * 5000], "… is no port. Give 1 to 65535\n"),
        (["--http", "-1"], "--http -1 is no port. Give 1 to 65535, or 0 for none\n"),
        (["--https", "::1"], "--https ::1 is no port. Give 1 to 65535, or 0 for none\n"),
        (["--domain", "http://a"], "--domain 'http://a' is no host name"),
    ],
)
def test_wrong_flags(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", *words]) == 1
    assert message in capsys.readouterr().err


async def test_a_port_that_is_used_names_the_flag(tmp_path: Path, free_port: int) -> None:
    with socket.create_server(("127.0.0.1", free_port)):
        words = ["serve", "--port", str(free_port), "--token", "t"]
        code, text = await typed(words, {**os.environ, "XDG_CONFIG_HOME": str(tmp_path)})
    assert code == 1
    assert text.endswith("or choose another --port.\n")
    assert "bindPort" not in text


def test_the_line_to_type_names_host_and_port() -> None:
    assert "--token 'a b'\n" in instructions(7001, "a b")
    assert re.search(r"    aiofrp login \S+:7001 --token t\n", instructions(7001, "t"))


def test_words_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "7000"]) == 1
    assert capsys.readouterr().err == "aiofrp serve takes no 7000; ports are given by flags\n"
