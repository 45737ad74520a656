"""Logins that fail at first and would work later, as processes: with ``loginFailExit = false`` they are tried again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.certs import authority
from tests.support.ports import free_port
from tests.support.procs import Program, Side, command, frps, running

HINT = "set transport.tls.disableCustomTLSFirstByte = false"


@asynccontextmanager
async def frpc(folder: Path, port: int, toml: str) -> AsyncIterator[Program]:
    """frpc, which tries its login again unless ``toml`` says otherwise; not waited for."""
    exits = "" if "loginFailExit" in toml else "loginFailExit = false\n"
    file = folder / "frpc.toml"
    where = "" if "serverAddr" in toml else 'serverAddr = "127.0.0.1"\n'
    file.write_text(f"serverPort = {port}\n{where}{exits}{toml}")
    async with running([*command("frpc"), "-c", str(file)], folder / "frpc.log") as program:
        yield program


def write_files(folder: Path, who: str) -> None:
    """The certificate, key and CA of ``who``."""
    signed = authority()
    (folder / f"{who}.crt").write_bytes(signed.certificate)
    (folder / f"{who}.key").write_bytes(signed.key)
    (folder / f"{who}-ca.crt").write_bytes(signed.ca)


def tls_of(folder: Path, who: str) -> str:
    """TOML that names those files, whether they are there or not."""
    return "".join(
        f'transport.tls.{key} = "{folder}/{who}{end}"\n'
        for key, end in (("certFile", ".crt"), ("keyFile", ".key"), ("trustedCaFile", "-ca.crt"))
    )


@pytest.mark.parametrize("protocol", ["tcp", "websocket", "kcp", "quic"])
async def test_certificates_that_come_later(tmp_path: Path, protocol: str) -> None:
    port = free_port()
    write_files(tmp_path, "server")
    datagrams = f"{protocol}BindPort = {port}\n" if protocol in ("kcp", "quic") else ""
    server = f"bindPort = {port}\n{datagrams}{tls_of(tmp_path, 'server')}"
    async with frps(tmp_path, server) as program:
        client = f'transport.protocol = "{protocol}"\ntransport.tls.serverName = "frp.test"\n'
        async with frpc(tmp_path, port, client + tls_of(tmp_path, "client")) as late:
            await late.line(f"connect to server error: open {tmp_path}/client.*: no such file or directory")
            write_files(tmp_path, "client")
            await late.line("login to server success")
            assert program.running


async def test_certificates_that_are_missing_end_a_client_that_is_to_exit(tmp_path: Path) -> None:
    port = free_port()
    text = "loginFailExit = true\n" + tls_of(tmp_path, "client")
    async with frps(tmp_path, f"bindPort = {port}\n"), frpc(tmp_path, port, text) as client:
        assert await client.ended() == 1
        await client.line(
            r"login to the server failed: open .*client\.crt: no such file or directory\. With login"
        )


TOKEN_SOURCE = '[auth.tokenSource]\ntype = "file"\nfile.path = "{}/token"\n'


async def test_a_token_that_comes_later(tmp_path: Path) -> None:
    port = free_port()
    async with (
        frps(tmp_path, f'bindPort = {port}\nauth.token = "secret"\n'),
        frpc(tmp_path, port, TOKEN_SOURCE.format(tmp_path)) as late,
    ):
        await late.line(
            "connect to server error: failed to resolve auth.tokenSource: .*no such file", count=2
        )
        written = tmp_path / "written"
        written.write_text("secret\n")
        written.rename(tmp_path / "token")  # at once, so that no half of it is read
        await late.line("login to server success")


async def test_a_client_that_waits_for_its_token_can_be_ended(tmp_path: Path) -> None:
    async with frpc(tmp_path, free_port(), TOKEN_SOURCE.format(tmp_path)) as client:
        await client.line("connect to server error: failed to resolve auth.tokenSource")
        assert await client.stop() == 0


@pytest.mark.parametrize("side", ["ours", "go"])
async def test_a_token_that_is_missing_ends_a_client_that_is_to_exit(tmp_path: Path, side: Side) -> None:
    file = tmp_path / "frpc.toml"
    file.write_text("loginFailExit = true\nlog.disablePrintColor = true\n" + TOKEN_SOURCE.format(tmp_path))
    async with running([*command("frpc", side), "-c", str(file)], tmp_path / "frpc.log") as client:
        assert await client.ended() == 1
        token = f"{tmp_path}/token"
        why = f"failed to read file {token}: open {token}: no such file or directory"
        assert client.text.splitlines()[-1] == f"failed to resolve auth.tokenSource: {why}"


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ('transport.proxyURL = "http://127.0.0.1:1"', "dial tcp 127.0.0.1:1: connect: connection refused"),
        ('transport.proxyURL = "http://nowhere.invalid:1"', "lookup .*: no such host"),
        ('transport.connectServerLocalIP = "192.0.2.1"', "cannot assign requested address|invalid argument"),
        ('serverAddr = "nowhere.invalid"', "lookup .*: no such host"),
    ],
)
async def test_other_things_that_may_come_later(tmp_path: Path, setting: str, why: str) -> None:
    async with frpc(tmp_path, free_port(), setting + "\n") as client:
        await client.line(f"connect to server error: .*({why})")
        await client.line("try to connect to server", count=2)
        assert client.running


@pytest.mark.parametrize("login_fail_exit", ["true", "false"])
async def test_a_port_of_https_proxies_says_what_to_set(tmp_path: Path, login_fail_exit: str) -> None:
    port = free_port()
    async with frps(tmp_path, f"bindPort = {port}\nvhostHTTPSPort = {port}\n"):
        async with frpc(tmp_path, port, f"loginFailExit = {login_fail_exit}\n") as client:
            if login_fail_exit == "true":
                assert await client.ended() == 1
                await client.line("login to the server failed: TLS: tlsv1 unrecognized name")
            else:
                await client.line("connect to server error: TLS: tlsv1 unrecognized name$")
            await client.line(f"hint: .*{HINT}")
            assert client.text.count("hint: ") == 1
        async with frpc(tmp_path, port, "transport.tls.disableCustomTLSFirstByte = false\n") as client:
            await client.line("login to server success")
