"""``aiofrp share``: one line makes a service public, a signal ends it; what cannot be shared is named."""

from __future__ import annotations

import asyncio
import re
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from aiofrp.cli.aiofrp import main
from tests.support.procs import Program, running
from tests.support.tunnel import echo, exchange, local_service, running_server, server_config, unix_service
from tests.support.web import saying, user_of

SERVER = ["--server", "127.0.0.1:7"]


@asynccontextmanager
async def shared(folder: Path, *words: str) -> AsyncIterator[tuple[Program, str]]:
    """The running command and the address it prints."""
    async with running_server(server_config('auth.token = "secret"')) as server:
        where = ["--server", f"127.0.0.1:{server.address[1]}", "--token", "secret"]
        program = [sys.executable, "-m", "aiofrp.cli.aiofrp", "share", *words, *where]
        async with running(program, folder / "share") as process:
            yield process, await process.line(r"^\S*127\.0\.0\.1:\d+/?$")


def port_of(address: str) -> int:
    found = re.search(r":(\d+)/?$", address)
    assert found
    return int(found[1])


async def test_a_port(tmp_path: Path) -> None:
    async with local_service(echo) as local, shared(tmp_path, str(local)) as (process, address):
        assert await exchange(port_of(address), b"hello") == b"hello"
        assert await process.stop() == 0
        assert process.text == f"{address}\n"


async def test_a_web_service_with_https_in_front(tmp_path: Path) -> None:
    async with local_service(saying("hi")) as local, shared(tmp_path, f"https:{local}") as (_, address):
        assert address.startswith("https://")
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(address), ssl=context)
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        async with asyncio.timeout(30):
            assert (await reader.read()).endswith(b"\r\n\r\nhi")
        writer.transport.abort()


@pytest.mark.skipif(sys.platform == "win32", reason="static_file")
async def test_a_folder_with_a_password(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "a.txt").write_text("hi")
    async with (
        shared(tmp_path, str(folder), "--password", "u:p:q") as (_, address),
        user_of(port_of(address)) as user,
    ):
        assert address.startswith("http://")
        assert (await user.get("a", "/a.txt")).status == 401
        assert (await user.get("a", "/a.txt", "Authorization: Basic dTpwOnE=")).body == b"hi"


async def test_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "s"
    async with unix_service(str(path), echo), shared(tmp_path, f"unix:{path}") as (_, address):
        assert await exchange(port_of(address), b"hello") == b"hello"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["8000"], "which server? Give --server HOST:PORT, or set AIOFRP_SERVER"),
        (["nothing", *SERVER], "what is nothing? Give a port, host:port, a folder that exists"),
        (["./a:b", *SERVER], "what is ./a:b?"),
        (["8000", "--password", "u:p", *SERVER], "--password is for folders"),
        (["8000", "--cert", "c", "--key", "k", *SERVER], "--cert and --key are for https:"),
        (["https:1", "--cert", "c", *SERVER], "--cert and --key belong together"),
    ],
)
def test_what_cannot_be_shared(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIOFRP_SERVER", raising=False)
    assert main(["share", *words]) == 1
    assert message in capsys.readouterr().err
