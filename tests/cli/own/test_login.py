"""``aiofrp login``: a server that answers is kept and used by ``aiofrp share``; one that refuses is not."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from aiofrp.cli.aiofrp import main
from aiofrp.cli.own.share import with_port
from tests.support.procs import running
from tests.support.tunnel import echo, exchange, local_service, running_server, server_config


async def typed(words: list[str], environ: Mapping[str, str]) -> tuple[int, str]:
    """The exit code of ``aiofrp`` and what it printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "aiofrp", *words),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=dict(environ),
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


async def test_login_and_then_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("AIOFRP_SERVER", raising=False)
    async with local_service(echo) as local, running_server(server_config('auth.token = "secret"')) as server:
        where = f"127.0.0.1:{server.address[1]}"
        code, text = await typed(["login", where, "--token", "wrong"], os.environ)
        assert code == 1
        assert "token in login doesn't match token from configuration" in text
        assert not (tmp_path / "aiofrp").exists()

        code, text = await typed(["login", where, "--token", "secret"], os.environ)
        path = tmp_path / "aiofrp" / "server.toml"
        assert (code, text) == (0, f"{where} is saved in {path}. Now: aiofrp share 8000\n")

        async with running(
            [sys.executable, "-m", "aiofrp", "share", str(local)], tmp_path / "share"
        ) as share:
            address = await share.line(r"^127\.0\.0\.1:\d+$")
            assert await exchange(int(address.rpartition(":")[2]), b"hello") == b"hello"


def test_a_host_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    for word in ("a:b", "::1", "7000", "http://a:7000"):
        assert main(["login", word, "--token", "t"]) == 1
        assert re.match(
            r"HOST '?\S+ is no address of a server\. Give HOST or HOST:PORT", capsys.readouterr().err
        )
    assert main(["login", "", "--token", "t"]) == 1
    assert capsys.readouterr().err.startswith("Error: aiofrp login got an empty word for HOST\n")


def test_errors_name_what_was_typed(capsys: pytest.CaptureFixture[str], free_port: int) -> None:
    assert main(["login", f"127.0.0.1:{free_port}", "--token", "t"]) == 1
    text = capsys.readouterr().err
    assert "hint: nothing listens on" in text
    assert "or set the port of HOST:PORT to its bindPort" in text
    assert "serverPort" not in text
    assert "loginFailExit" not in text


def test_the_usual_port() -> None:
    assert with_port("a.example") == "a.example:7000"
    assert with_port("a.example:1") == "a.example:1"
    assert with_port("[::1]") == "[::1]:7000"
    assert with_port("[::1]:1") == "[::1]:1"
