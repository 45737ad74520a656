"""``aiofrp share``: one line makes a service public, a signal ends it; what cannot be shared is named."""

from __future__ import annotations

import asyncio
import re
import shlex
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
        program = [sys.executable, "-m", "aiofrp", "share", *words, *where]
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


async def test_a_web_service_by_domain_with_a_password(tmp_path: Path, free_port: int) -> None:
    toml = f'auth.token = "secret"\nvhostHTTPPort = {free_port}\nsubDomainHost = "example.test"'
    async with local_service(saying("hi")) as local, running_server(server_config(toml)) as server:
        where = ["--server", f"127.0.0.1:{server.address[1]}", "--token", "secret"]
        words = [str(local), "--subdomain", "a", "--password", "u:p"]
        program = [sys.executable, "-m", "aiofrp", "share", *words, *where]
        async with running(program, tmp_path / "share") as process, user_of(free_port) as user:
            await process.line(rf"^http://a\.example\.test:{free_port}$")
            assert (await user.get("a.example.test", "/")).status == 401
            answer = await user.get("a.example.test", "/", "Authorization: Basic dTpw")
            assert answer.body == b"hi"


async def test_visitors_of_a_secret_service_type_the_printed_line(tmp_path: Path, free_port: int) -> None:
    async with local_service(echo) as local, running_server(server_config('auth.token = "secret"')) as server:
        where = ["--server", f"127.0.0.1:{server.address[1]}", "--token", "secret"]
        program = [sys.executable, "-m", "aiofrp", "share", str(local), "--secret", "k $1", *where]
        async with running(program, tmp_path / "share") as process:
            line = await process.line("^frpc stcp visitor ")
            assert "--token TOKEN" in line
            assert line.endswith(" --sk 'k $1' --bind-port 9000")
            words = shlex.split(line.replace("TOKEN", "secret").replace("9000", str(free_port)))
            visitor = [sys.executable, "-m", "aiofrp.cli.frpc", *words[1:]]
            async with running(visitor, tmp_path / "visitor") as visiting:
                await visiting.line("start visitor success")
                assert await exchange(free_port, b"hello") == b"hello"


async def test_an_application_of_the_current_folder(tmp_path: Path) -> None:
    (tmp_path / "site_of_share.py").write_text(
        "async def app(scope, receive, send):\n"
        "    if scope['type'] == 'http':\n"
        "        await send({'type': 'http.response.start', 'status': 200, 'headers': []})\n"
        "        await send({'type': 'http.response.body', 'body': b'app'})\n"
    )
    async with shared(tmp_path, "site_of_share:app") as (_, address), user_of(port_of(address)) as user:
        assert address.startswith("http://")
        assert (await user.get("a", "/")).body == b"app"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["8000"],
            "which server? Give --server HOST:PORT, set AIOFRP_SERVER, or save one with `aiofrp login",
        ),
        ([], "aiofrp share needs TARGET"),
        (["1", "2"], "aiofrp share takes one TARGET, not also 2"),
        (["nothing", *SERVER], "what is nothing? Give a port, host:port, a folder that exists"),
        (["./a:b", *SERVER], "what is './a:b'?"),
        (
            ["8000", "--password", "u:p", *SERVER],
            "--password is for folders, and for web services with --domain or --subdomain",
        ),
        (["8000", "--cert", "c", "--key", "k", *SERVER], "--cert and --key are for https:"),
        (["https:1", "--cert", "c", *SERVER], "--cert and --key belong together"),
        (["1", "--udp", "--domain", "a", *SERVER], "--udp is for a port alone"),
        (["1", "--secret", "s", "--domain", "a", *SERVER], "--secret and --domain exclude each other"),
        (["1", "--port", "x", *SERVER], "--port x is no port. Give 1 to 65535, or 0 for any free one\n"),
        (
            ["1", "--secret", "", *SERVER],
            "--secret '' has nothing in it. Give a value, or leave the flag out",
        ),
        (["1", "--domain", "a", "--password", "", *SERVER], "--password '' has nothing in it"),
        (["1", "--subdomain", "", *SERVER], "--subdomain '' has nothing in it"),
        (["1", "--subdomain", "a" * 64, *SERVER], "… is not one word"),
        (["1", "--server", "::1"], "--server ::1 is no address of a server"),
        (["1", "--qr=maybe", *SERVER], "--qr maybe is neither true nor false"),
        (["", *SERVER], "aiofrp share got an empty word for TARGET"),
        (["::1", *SERVER], "what is ::1? Give a port, host:port"),
        (["a b:80", *SERVER], "what is 'a b:80'?"),
        (["9" * 5000, *SERVER], "… has no port that exists"),
        (
            ["https:1", "--cert", "/no/c", "--key", "/no/k", *SERVER],
            "--cert '/no/c': no such file or directory\n",
        ),
        (["1", *SERVER], "or set the port of --server to its bindPort"),
        (["no_module_x:app", *SERVER], "there is no module no_module_x for the application no_module_x:app"),
        (["8000", "--domain", "a", "--password", "p", *SERVER], "--password USER:PASSWORD"),
        ([".", "--password", "p", *SERVER], "--password USER:PASSWORD"),
        ([".", "--password", "u:", *SERVER], "--password USER:PASSWORD"),
        (["99999", *SERVER], "99999 has no port that exists. Give the port of your service, 1 to 65535"),
        (["0", *SERVER], "0 has no port that exists"),
        (["host:99999", *SERVER], "host:99999 has no port that exists"),
        (["https:abc", *SERVER], "https:abc has no port that exists"),
        (["1", "--port", "99999", *SERVER], "--port 99999 is no port. Give 1 to 65535, or 0"),
        (["1", "--port", "5", "--domain", "a", *SERVER], "--port is for a port of its own: leave it out"),
        (["1", "--domain", "a b", *SERVER], "--domain 'a b' is no host name. Give the name alone, such as"),
        (["1", "--domain", "http://a.example", *SERVER], "--domain 'http://a.example' is no host name"),
        (
            ["1", "--subdomain", "a.b", *SERVER],
            "--subdomain a.b is not one word. Give one word; a whole name",
        ),
        (["json:app", *SERVER], "the module json has no application app"),
    ],
)
def test_what_cannot_be_shared(
    words: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.delenv("AIOFRP_SERVER", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert main(["share", *words]) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "reason"), [("missing", "cannot be reached (No such file"), ("file", "is no Unix domain socket")]
)
def test_a_socket_that_nobody_listens_on_is_warned_about(
    name: str, reason: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / name
    assert main(["share", f"unix:{path}", "--password", "u:p", *SERVER]) == 1
    assert f"warning: {path} {reason}" in capsys.readouterr().err


def test_a_wrong_variable_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIOFRP_SERVER", "a:99999")
    assert main(["share", "8000"]) == 1
    assert capsys.readouterr().err.startswith("AIOFRP_SERVER a:99999 is no address of a server")


async def test_a_refusal_is_said_once(tmp_path: Path) -> None:
    async with running_server(server_config('auth.token = "secret"')) as server:
        where = ["--server", f"127.0.0.1:{server.address[1]}", "--token", "secret"]
        program = [sys.executable, "-m", "aiofrp", "share", "8000", "--domain", "a.test", *where]
        async with running(program, tmp_path / "share") as process:
            assert await process.ended() == 1
    refusal, hint = process.text.splitlines()
    assert re.fullmatch(
        r"the server refuses the http proxy \S+: type \[http\] not supported when vhost http port is not set",
        refusal,
    )
    assert hint.startswith("hint: frps has no port for http proxies. Set vhostHTTPPort in frps's file")
