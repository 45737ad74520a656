"""The plugin tls2raw through a whole tunnel: layers, the PROXY header, certificates and services that fail."""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.certs import NAME, authority
from tests.support.ports import free_port
from tests.support.tunnel import (
    PATIENCE,
    Handler,
    client_config,
    echo,
    exchange,
    local_service,
    running_client,
    running_server,
    server_config,
)

LAYERS = "transport.useEncryption = true\ntransport.useCompression = true\n"
LIMIT = 'transport.bandwidthLimit = "9MB"\n'


def proxy(local: str, remote: int, more: str = "", options: str = "", name: str = "tls") -> str:
    return f"""
[[proxies]]
name = "{name}"
type = "tcp"
remotePort = {remote}
{more}
[proxies.plugin]
type = "tls2raw"
localAddr = "{local}"
{options}
"""


@asynccontextmanager
async def tunnel(handler: Handler, more: str = "", options: str = "") -> AsyncIterator[int]:
    """The port of a proxy with the plugin, before a service."""
    remote = free_port()
    async with local_service(handler) as local, running_server(server_config()) as server:
        text = proxy(f"127.0.0.1:{local}", remote, more, options)
        async with running_client(client_config(server.address[1], text)):
            yield remote


def trusting() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def exchange_tls(port: int, data: bytes, context: ssl.SSLContext | None = None) -> bytes:
    """Send ``data`` within TLS; as many bytes as come back until so many have come, or the end."""
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=context or trusting(), server_hostname=NAME
        )
        try:
            writer.write(data)
            return await reader.readexactly(len(data))
        except asyncio.IncompleteReadError as exc:
            return exc.partial
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()


def pair(folder: Path, name: str = "tests") -> str:
    """The options for a certificate, written into ``folder``."""
    certificate, key = folder / "tls.crt", folder / "tls.key"
    certificate.write_bytes(authority(name).certificate)
    key.write_bytes(authority(name).key)
    return f'crtPath = "{certificate}"\nkeyPath = "{key}"\n'


@pytest.mark.parametrize("more", ["", LAYERS, LIMIT], ids=["plain", "layers", "limit"])
async def test_bytes_pass_both_ways(tmp_path: Path, more: str) -> None:
    data = bytes(range(256)) * 2048
    async with tunnel(echo, more, pair(tmp_path)) as remote:
        context = authority().client_context()
        assert await exchange_tls(remote, data, context) == data
        answers = await asyncio.gather(*(exchange_tls(remote, b"%d" % number) for number in range(10)))
        assert answers == [b"%d" % number for number in range(10)]


async def test_the_service_gets_the_proxy_header_and_sees_no_user_before_the_handshake() -> None:
    connected: list[bytes] = []

    async def service(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.append(await reader.readline())
        writer.write(await reader.readexactly(4))

    async with tunnel(service, 'transport.proxyProtocolVersion = "v1"') as remote:
        assert (await exchange(remote, b"GET / HTTP/1.1\r\n\r\n"))[:1] in (b"", b"\x15")
        assert not connected
        assert await exchange_tls(remote, b"body") == b"body"
        assert connected[0].startswith(b"PROXY TCP4 127.0.0.1 127.0.0.1 ")


async def test_a_certificate_that_cannot_be_read_is_an_error_of_that_proxy_alone(tmp_path: Path) -> None:
    broken, other = free_port(), free_port()
    (tmp_path / "tls.crt").write_text("no certificate")
    options = f'crtPath = "{tmp_path / "tls.crt"}"\nkeyPath = "{tmp_path / "tls.key"}"\n'
    async with local_service(echo) as local, running_server(server_config()) as server:
        where = f"127.0.0.1:{local}"
        text = proxy(where, broken, options=options) + proxy(where, other, name="other")
        async with running_client(client_config(server.address[1], text)) as client:
            states = {running.config.name: running.state for running in client.proxies.running()}
            assert states["tls"].phase.value == "start error"
            assert states["tls"].error == f"open {tmp_path / 'tls.key'}: no such file or directory"
            assert await exchange_tls(other, b"goes on") == b"goes on"


@pytest.mark.parametrize("local", ["127.0.0.1", "127.0.0.1:http:x", "[::1]"])
async def test_an_address_that_is_none(local: str) -> None:
    async with (
        running_server(server_config()) as server,
        running_client(client_config(server.address[1], proxy(local, free_port()))) as client,
    ):
        (running,) = client.proxies.running()
        assert running.state.error == f"localAddr: [{local}] is not an address of the form host:port"


async def test_a_service_that_is_not_there(caplog: pytest.LogCaptureFixture) -> None:
    remote, local = free_port(), free_port()
    async with (
        running_server(server_config()) as server,
        running_client(client_config(server.address[1], proxy(f":{local}", remote))),
    ):
        assert await exchange_tls(remote, b"hello") == b""
        wanted = f"dial to local addr error: dial tcp localhost:{local}: "
        assert len([line for line in caplog.messages if wanted in line]) == 1
        async with local_service(echo, host="localhost", port=local):
            assert await exchange_tls(remote, b"now it is there") == b"now it is there"


async def test_random_first_bytes() -> None:
    """Ten thousand of them, on few connections at a time, and the service is there as before."""
    rng = random.Random(6)
    async with tunnel(echo) as remote:

        async def some(count: int) -> None:
            for _ in range(count):
                data = rng.randbytes(rng.randrange(1, 40))
                if rng.random() < 0.5:
                    data = b"\x16\x03\x01\x00" + data
                with contextlib.suppress(ConnectionError):
                    await exchange(remote, data)

        await asyncio.gather(*(some(63) for _ in range(8)))
        assert await exchange_tls(remote, b"still") == b"still"


async def test_behind_an_https_proxy() -> None:
    """frps finds the proxy by the name in the ClientHello, and the plugin ends the TLS."""
    port = free_port()
    async with (
        local_service(echo) as local,
        running_server(server_config(f"vhostHTTPSPort = {port}")) as server,
    ):
        text = proxy(f"127.0.0.1:{local}", 0).replace(
            'type = "tcp"\nremotePort = 0', f'type = "https"\ncustomDomains = ["{NAME}"]'
        )
        async with running_client(client_config(server.address[1], text)):
            assert await exchange_tls(port, b"by its name") == b"by its name"
