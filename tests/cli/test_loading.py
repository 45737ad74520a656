"""Which modules the programs load: what takes long waits until the configuration names it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.procs import running
from tests.support.tunnel import echo, exchange, local_service

#: What no ordinary start needs: a tcp proxy over TLS and tcpMux.
NEVER = {
    "aiohttp", "h2", "qh3", "websockets", "prometheus_client", "joserfc", "asyncssh", "pydantic", "yaml", "OpenSSL",
    "dns", "spnego", "uvicorn", "pyroute2", "email", "importlib.metadata", "tempfile", "cryptography.x509",
    "cryptography.hazmat.primitives.serialization", "aiofrp.config.legacy.client", "aiofrp.config.load.template",
    "aiofrp.http.serve", "aiofrp.webserver", "aiofrp.stream.kcp", "aiofrp.server.plugins", "aiofrp.plugin.common",
    "aiofrp.server.oidc", "aiofrp.client.oidc", "aiofrp.server.ssh", "aiofrp.vnet.device", "aiofrp.library",
    "difflib", "httptools", "aiofrp.wire.http", "aiofrp.wire.dial", "aiofrp.stream.quic", "aiofrp.stream.websocket",
    "aiofrp.client.httpcheck", "aiofrp.http", "encodings.idna",
}  # fmt: skip
#: What the commands to a running frpc do not need besides: they answer in the time of a bare Python and its
#: sockets.
NEVER_FOR_STATUS = NEVER - {"encodings.idna"} | {
    "uvloop", "cryptography", "aiofrp.stream", "aiofrp.proxy", "asyncio", "ssl", "http", "urllib",
    "aiofrp.config.models.client", "aiofrp.config.load", "aiofrp.transport",
}  # fmt: skip

#: Modules of one program, at most: 430 when this was written, 545 before.
MOST = 450 if sys.version_info < (3, 12) else 460  # later versions split modules of their own

PROGRAM = """
import atexit, sys
def tell():
    print("loaded:", *sys.modules)
    sys.stdout.flush()
atexit.register(tell)
from aiofrp.cli import {name}
sys.exit({name}.main(sys.argv[1:]))
"""


def loaded(text: str) -> set[str]:
    """The modules that are named in the output of :data:`PROGRAM`."""
    (line,) = [line for line in text.splitlines() if line.startswith("loaded:")]
    return set(line.split()[1:])


def needless(modules: set[str], never: set[str]) -> set[str]:
    """Those of ``never`` that are loaded, or have a part that is."""
    return {name for name in never if any(f"{module}.".startswith(f"{name}.") for module in modules)}


async def test_a_start_loads_what_the_configuration_names(
    tmp_path: Path, free_ports: Callable[[], int]
) -> None:
    port, remote = free_ports(), free_ports()
    server_file, client_file = tmp_path / "s.toml", tmp_path / "c.toml"
    server_file.write_text(f'bindAddr = "127.0.0.1"\nbindPort = {port}\n')
    words = [sys.executable, "-c", PROGRAM.format(name="frps"), "-c", str(server_file)]
    async with local_service(echo) as local, running(words, tmp_path / "s.log") as server:
        await server.line("frps started successfully")
        client_file.write_text(
            f'serverAddr = "127.0.0.1"\nserverPort = {port}\n[[proxies]]\nname = "a"\ntype = "tcp"\n'
            f"localPort = {local}\nremotePort = {remote}\n"
        )
        words = [sys.executable, "-c", PROGRAM.format(name="frpc"), "-c", str(client_file)]
        async with running(words, tmp_path / "c.log") as client:
            await client.line("start proxy success")
            assert await exchange(remote, b"hello") == b"hello"
            for program in (client, server):
                assert await program.stop() == 0
                modules = loaded(program.text)
                assert not needless(modules, NEVER)
                assert len(modules) < MOST


@pytest.mark.parametrize(
    ("command", "code", "never"),
    [("verify", 0, NEVER - {"email", "tempfile"}), ("status", 1, NEVER_FOR_STATUS)],
)
async def test_commands_load_little(
    tmp_path: Path, free_port: int, command: str, code: int, never: set[str]
) -> None:
    file = tmp_path / "c.toml"
    file.write_text(
        f'webServer.port = {free_port}\n[[proxies]]\nname = "a"\ntype = "tcp"\nlocalPort = 1\nremotePort = 2\n'
    )
    words = [sys.executable, "-c", PROGRAM.format(name="frpc"), command, "-c", str(file)]
    async with running(words, tmp_path / "log") as program:
        assert await program.ended() == code
    assert not needless(loaded(program.text), never)
