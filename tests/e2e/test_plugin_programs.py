"""The plugins socks5, tls2raw, http_proxy and https2http with curl, git and openssl; beside the reference, too."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.certs import NAME, authority
from tests.support.peers import needs_go
from tests.support.ports import free_port
from tests.support.procs import PATIENCE, Side, command, frps, running
from tests.support.realservices import needs, program
from tests.support.tunnel import local_service

Sides = tuple[Side, Side]  # frps, frpc

SIDES = [
    pytest.param(("ours", "ours"), id="ours"),
    pytest.param(("ours", "go"), id="ours-go", marks=needs_go),
    pytest.param(("go", "ours"), id="go-ours", marks=needs_go),
]
FILE = bytes(range(256)) * 1024
PROXIES = """
serverAddr: 127.0.0.1
serverPort: {server}
proxies:
- name: socks
  type: tcp
  remotePort: {socks}
  transport: {{useEncryption: true, useCompression: true}}
  plugin: {{type: socks5, username: abc, password: def}}
- name: tls
  type: tcp
  remotePort: {tls}
  plugin:
    type: tls2raw
    localAddr: 127.0.0.1:{local}
    crtPath: {folder}/tls.crt
    keyPath: {folder}/tls.key
- name: proxy
  type: tcp
  remotePort: {proxy}
  plugin: {{type: http_proxy, httpUser: abc, httpPassword: def}}
- name: secure
  type: tcp
  remotePort: {secure}
  plugin:
    type: https2http
    localAddr: 127.0.0.1:{web}
    crtPath: {folder}/tls.crt
    keyPath: {folder}/tls.key
"""


@dataclass
class Tunnel:
    """The ports of the proxies, and of a web server with the files of ``folder``."""

    folder: Path
    socks: int
    tls: int
    web: int
    proxy: int
    secure: int

    async def run(self, *arguments: str, given: bytes = b"") -> bytes:
        """What a program prints, which must succeed; it knows no proxies and settings of this machine."""
        environment = {
            name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")
        } | {"HOME": str(self.folder), "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
        with tempfile.TemporaryFile() as typed:  # no pipe: a program may end before it is written to
            typed.write(given)
            typed.seek(0)
            process = await asyncio.create_subprocess_exec(
                program(arguments[0]),
                *arguments[1:],
                stdin=typed,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=self.folder,
                env=environment,
            )
        try:
            async with asyncio.timeout(3 * PATIENCE):  # git starts many programs
                printed, errors = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode == 0, errors.decode()
        return printed


async def one_line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send the first line back, and finish."""
    writer.write(await reader.readline())


@asynccontextmanager
async def tunnel(folder: Path, sides: Sides) -> AsyncIterator[Tunnel]:
    made = Tunnel(folder, *(free_port() for _ in range(5)))
    server = free_port()
    (folder / "tls.crt").write_bytes(authority().certificate)
    (folder / "tls.key").write_bytes(authority().key)
    (folder / "file").write_bytes(FILE)
    web = [sys.executable, "-u", "-m", "http.server", str(made.web), "--bind", "127.0.0.1"]
    config = folder / "frpc.yaml"
    async with (
        local_service(one_line) as local,
        running(web, folder / "web.log") as files,
        frps(folder, f"bindPort = {server}\n", side=sides[0]),
    ):
        config.write_text(
            PROXIES.format(
                server=server,
                socks=made.socks,
                tls=made.tls,
                web=made.web,
                proxy=made.proxy,
                secure=made.secure,
                local=local,
                folder=folder,
            )
        )
        client = [*command("frpc", sides[1]), "-c", str(config)]
        async with running(client, folder / "frpc.log") as frpc:
            await frpc.line("start proxy success", count=4)
            await files.line("Serving HTTP")
            yield made


@needs("curl", "git", "openssl")
@pytest.mark.parametrize("sides", SIDES)
async def test_curl_git_and_openssl(tmp_path: Path, sides: Sides) -> None:
    async with tunnel(tmp_path, sides) as made:
        proxy = f"abc:def@127.0.0.1:{made.socks}"
        for option, host in (("--socks5", "127.0.0.1"), ("--socks5-hostname", "localhost")):
            url = f"http://{host}:{made.web}/file"
            assert await made.run("curl", "-sS", "--fail", option, proxy, url) == FILE

        (tmp_path / "work").mkdir()
        (tmp_path / "work" / "page").write_text("a page")
        git = ["git", "-c", "user.name=a", "-c", "user.email=a@a.test", "-C", "work"]
        await made.run("git", "init", "-q", "work")
        await made.run(*git, "add", "page")
        await made.run(*git, "commit", "-q", "-m", "first")
        await made.run("git", "clone", "-q", "--bare", "work", "work.git")
        await made.run("git", "-C", "work.git", "update-server-info")
        url = f"http://localhost:{made.web}/work.git"
        through = {"copy": f"socks5h://{proxy}", "another": f"http://abc:def@127.0.0.1:{made.proxy}"}
        for copy, via in through.items():
            await made.run("git", "-c", f"http.proxy={via}", "clone", "-q", url, copy)
            assert (tmp_path / copy / "page").read_text() == "a page"

        (tmp_path / "ca.crt").write_bytes(authority().ca)
        options = ["-connect", f"127.0.0.1:{made.tls}", "-servername", NAME, "-verify_return_error"]
        for version in ("-tls1_2", "-tls1_3"):
            printed = await made.run(
                "openssl", "s_client", "-quiet", "-CAfile", "ca.crt", version, *options, given=b"hello\n"
            )
            assert printed == b"hello\n"

        for version in ("--http1.1", "--http2"):
            options = ["--cacert", "ca.crt", "--connect-to", f"::127.0.0.1:{made.secure}"]
            assert await made.run("curl", "-sS", "--fail", version, *options, f"https://{NAME}/file") == FILE
