"""The plugin unix_domain_socket through a whole tunnel: layers, PROXY headers, sockets that are absent or abstract."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path

import pytest

from tests.support.ports import free_port
from tests.support.tunnel import (
    PATIENCE,
    client_config,
    echo,
    exchange,
    local_service,
    running_client,
    running_server,
    server_config,
    unix_service,
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Unix domain sockets")


def proxy(path: str, remote: int, more: str = "") -> str:
    return f"""
[[proxies]]
name = "docker"
type = "tcp"
remotePort = {remote}
{more}
[proxies.plugin]
type = "unix_domain_socket"
unixPath = "{path}"
"""


@pytest.mark.parametrize(
    "more",
    [
        "",
        "transport.useEncryption = true\ntransport.useCompression = true\n",
        'transport.bandwidthLimit = "9MB"',
    ],
    ids=["plain", "layers", "limit"],
)
async def test_bytes_pass_both_ways(tmp_path: Path, more: str) -> None:
    path, remote = str(tmp_path / "s"), free_port()
    data = bytes(range(256)) * 4096
    async with (
        unix_service(path, echo),
        running_server(server_config()) as server,
        running_client(client_config(server.address[1], proxy(path, remote, more))),
    ):
        assert await exchange(remote, data) == data
        assert await asyncio.gather(*(exchange(remote, b"%d" % i) for i in range(20))) == [
            b"%d" % i for i in range(20)
        ]


@pytest.mark.skipif(sys.platform != "linux", reason="abstract sockets are Linux's")
async def test_a_leading_at_sign_names_an_abstract_socket() -> None:
    remote = free_port()
    path = f"@aiofrp-test-{remote}"
    async with (
        unix_service(path, echo),
        running_server(server_config()) as server,
        running_client(client_config(server.address[1], proxy(path, remote))),
    ):
        assert await exchange(remote, b"abstract") == b"abstract"


async def test_the_proxy_header_comes_first(tmp_path: Path) -> None:
    path, remote = str(tmp_path / "s"), free_port()
    more = 'transport.proxyProtocolVersion = "v1"'
    async with (
        unix_service(path, echo),
        running_server(server_config()) as server,
        running_client(client_config(server.address[1], proxy(path, remote, more))),
    ):
        head, _, rest = (await exchange(remote, b"body")).partition(b"\r\n")
        assert head.startswith(b"PROXY TCP4 127.0.0.1 127.0.0.1 ")
        assert rest == b"body"


@pytest.mark.parametrize("path", ["absent", "not-a-socket", "x" * 100])
async def test_a_socket_that_cannot_be_reached_ends_the_user_and_nothing_else(
    tmp_path: Path, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The cause is in the log, the proxy stays up, and other proxies do not notice."""
    (tmp_path / "not-a-socket").write_text("a file")
    remote, other = free_port(), free_port()
    where = str(tmp_path / path)
    async with local_service(echo) as local, running_server(server_config()) as server:
        beside = f'[[proxies]]\nname = "other"\ntype = "tcp"\nlocalPort = {local}\nremotePort = {other}\n'
        async with running_client(client_config(server.address[1], proxy(where, remote) + beside)):
            assert await exchange(remote, b"") == b""
            told = f"dial to uds {where} error: dial unix {where}: "[:200]
            assert any(told in record.getMessage() for record in caplog.records)
            assert await exchange(other, b"goes on") == b"goes on"
            with contextlib.suppress(FileNotFoundError, OSError):
                (tmp_path / path).unlink()
            if path != "x" * 100:
                async with unix_service(where, echo):
                    assert await exchange(remote, b"now it is there") == b"now it is there"


async def test_a_service_that_ends_in_the_middle_ends_the_user(tmp_path: Path) -> None:
    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(4)
        writer.write(b"half")

    path, remote = str(tmp_path / "s"), free_port()
    async with (
        unix_service(path, half),
        running_server(server_config()) as server,
        running_client(client_config(server.address[1], proxy(path, remote))),
        asyncio.timeout(PATIENCE),
    ):
        assert await exchange(remote, b"full") == b"half"
