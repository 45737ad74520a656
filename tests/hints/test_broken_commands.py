"""Commands that cannot ask a running frpc, and programs that cannot open a port or a log."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import tomllib
from pathlib import Path

import pytest

from aiofrp import loghandlers
from aiofrp.cli import frpc
from aiofrp.errors import FrpError
from aiofrp.server.service import Server
from tests.hints.broken import NGINX, answers, split, waits
from tests.support.ports import free_port
from tests.support.tunnel import client_config, local_service, running_client, running_server, server_config


async def status(folder: Path, toml: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What ``frpc status`` prints with a file."""
    path = folder / "frpc.toml"
    path.write_text(toml)
    code = await asyncio.to_thread(frpc.main, ["status", "-c", str(path), "--api-timeout", "1s"])
    assert code == 1
    seen = capsys.readouterr()
    return seen.out + seen.err


def check(said: str, line: str, cause: str, step: str) -> None:
    first, hints = split(said)
    assert line in first, said
    assert len(hints) == 1, said
    assert cause in hints[0], said
    assert step in hints[0], said


async def test_status_without_an_api(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check(
        await status(tmp_path, 'serverAddr = "127.0.0.1"\n', capsys),
        "web server port should be set if you want to use this feature",
        "the file has no webServer.port",
        "Write webServer.port = 7400 into the file",
    )


async def test_status_of_a_frpc_that_does_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check(
        await status(tmp_path, f"webServer.port = {free_port()}\n", capsys),
        "connect: connection refused",
        "nothing listens on 127.0.0.1:",
        "Start frpc with this file",
    )


async def test_status_with_a_wrong_password(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    port = free_port()
    api = f'webServer.port = {port}\nwebServer.user = "me"\nwebServer.password = '
    async with (
        running_server(server_config()) as server,
        running_client(client_config(server.address[1], f'{api}"right"\n')),
    ):
        check(
            await status(tmp_path, f'{api}"wrong"\n', capsys),
            "api status code [401]",
            "another webServer.user or webServer.password",
            "Write the user and the password into the file",
        )


@pytest.mark.parametrize(
    ("service", "line", "cause", "step"),
    [
        (answers(NGINX.replace(b"400 Bad Request", b"404 No")), "api status code [404]", "not the API of frpc",
         "correct webServer.port"),
        (answers(b"SSH-2.0-x\r\n"), "this is no answer of a frpc", "not the API of frpc", "correct webServer.port"),
        (waits, "context deadline exceeded", "did not answer in time", "Check with `ss -tlnp`"),
    ],
)  # fmt: skip
async def test_status_of_something_else(
    service: object, line: str, cause: str, step: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with local_service(service) as port:  # type: ignore[arg-type]
        check(await status(tmp_path, f"webServer.port = {port}\n", capsys), line, cause, step)


@pytest.mark.parametrize(
    ("toml", "line", "cause", "step"),
    [
        ("bindPort = {busy}\n", "create server listener error", "has the tcp port {busy}", "another bindPort"),
        ("kcpBindPort = {busy_udp}\n", "listen on kcp", "has the udp port {busy_udp}", "another kcpBindPort"),
        ("webServer.port = {busy}\n", "listen tcp", "has the tcp port", "another webServer.port"),
        ("vhostHTTPPort = {busy}\n", "create vhost http", "has the tcp port", "another vhostHTTPPort"),
        ('bindAddr = "192.0.2.1"\n', "listen tcp 192.0.2.1", "192.0.2.1 is no address of this machine", "Set bindAddr"),
        ('transport.tls.certFile = "/none.crt"\ntransport.tls.keyFile = "/none.key"\n', "open /none.crt",
         "there is no file /none.crt", "Correct certFile"),
    ],
)  # fmt: skip
async def test_a_frps_that_cannot_start(toml: str, line: str, cause: str, step: str) -> None:
    with (
        socket.create_server(("0.0.0.0", 0)) as busy,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
    ):
        udp.bind(("127.0.0.1", 0))
        ports = {"busy": busy.getsockname()[1], "busy_udp": udp.getsockname()[1]}
        config = server_config('webServer.addr = "0.0.0.0"\n' if "webServer" in toml else "")
        tree = tomllib.loads(toml.format(**ports))
        tree.setdefault("bindAddr", "127.0.0.1")
        tree.setdefault("bindPort", config.bind_port)
        with pytest.raises(FrpError) as caught:
            await start(tree)
    check(str(caught.value), line, cause.format(**ports), step)


async def start(tree: dict[str, object]) -> None:
    """Start frps with a configuration as a file has it."""
    from aiofrp.config.load.decode import decode_server

    server = Server(decode_server(tree))
    await server.start()
    await server.stop(0)


def test_a_low_port_needs_a_privilege() -> None:
    """Asked of the catalogue, as tests may run as root."""
    from aiofrp.server.explain import listen_hint

    error = FrpError("create server listener error, listen tcp 0.0.0.0:80: bind: permission denied")
    hint = listen_hint(error, server_config("vhostHTTPPort = 80\n"))
    assert hint is not None
    assert (hint.code, hint.key) == ("port-privileged", "vhostHTTPPort")
    assert "CAP_NET_BIND_SERVICE" in hint.step


@pytest.mark.parametrize(
    ("number", "cause"), [(errno.ENOSPC, "the disk is full"), (errno.EACCES, "the program may not write")]
)
def test_a_log_that_cannot_be_written(
    number: int,
    cause: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(*arguments: object, **options: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("aiofrp.loghandlers.os.open", fails)
    handler = loghandlers.DailyFile(str(tmp_path / "frps.log"), 3)
    handler.close()
    said = capsys.readouterr().err
    first, second = said.splitlines()
    assert first == f"cannot write the log file {tmp_path}/frps.log: {os.strerror(number)}; lines are lost"
    assert second.startswith(f"hint: {cause}")
