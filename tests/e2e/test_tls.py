"""TLS through whole tunnels: every row of what can be configured, over each stream transport."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

import pytest

from aiofrp.config.models.client import ClientConfig
from aiofrp.config.models.server import ServerConfig
from aiofrp.errors import LoginFailed
from aiofrp.transport.tls import fresh as freshtls
from tests.support.certs import NAME, Authority, authority
from tests.support.ports import free_port
from tests.support.tunnel import (
    client_config,
    echo,
    exchange,
    local_service,
    running_client,
    running_server,
    server_config,
)

either = pytest.mark.parametrize("protocol", ["tcp", "websocket", "kcp"])  # with TLS and without
every = pytest.mark.parametrize("protocol", ["tcp", "websocket", "kcp", "wss", "quic"])


class Folder:
    """Certificates in files, as configurations name them."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def pair(self, who: str, name: str = "tests") -> str:
        """TOML for the certificate of ``who``, signed by the authority ``name``."""
        self.write(who, authority(name))
        return f'transport.tls.certFile = "{self.path / who}.crt"\ntransport.tls.keyFile = "{self.path / who}.key"\n'

    def write(self, who: str, signed: Authority) -> None:
        (self.path / f"{who}.crt").write_bytes(signed.certificate)
        (self.path / f"{who}.key").write_bytes(signed.key)

    def ca(self, name: str = "tests", file: str = "ca.crt") -> str:
        """TOML that trusts the authority ``name``."""
        (self.path / file).write_bytes(authority(name).ca)
        return f'transport.tls.trustedCaFile = "{self.path / file}"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def listening(protocol: str, server: str) -> ServerConfig:
    """frps with these settings; a transport over UDP has the number of its TCP port."""
    port = free_port()
    own = f"{protocol}BindPort = {port}\n" if protocol in ("kcp", "quic") else ""
    return server_config(own + server, port=port)


async def works(protocol: str, server: str, client: str, address: str = "127.0.0.1") -> None:
    """A tunnel with these settings carries bytes."""
    remote = free_port()
    client = over(protocol) + client
    async with local_service(echo) as local, running_server(listening(protocol, server)) as frps:
        proxy = f'[[proxies]]\nname = "e"\ntype = "tcp"\nlocalPort = {local}\nremotePort = {remote}\n'
        toml = f'serverAddr = "{address}"\n{client}\n{proxy}'
        async with running_client(client_config(frps.address[1], toml)):
            data = bytes(range(256)) * 300
            reader, writer = await asyncio.open_connection(address if ":" in server else "127.0.0.1", remote)
            writer.write(data)
            assert await reader.readexactly(len(data)) == data
            writer.close()


async def fails(protocol: str, server: str, client: str) -> str:
    """Why a client with these settings cannot log in."""
    async with running_server(listening(protocol, server)) as frps:
        with pytest.raises(LoginFailed) as raised:
            async with running_client(client_config(frps.address[1], over(protocol) + client)):
                pass
    return str(raised.value)


def over(protocol: str) -> str:
    return f'transport.protocol = "{protocol}"\n'


FORCE = "transport.tls.force = true\n"
PLAIN = "transport.tls.enable = false\n"
LEAD_BYTE = "transport.tls.disableCustomTLSFirstByte = false\n"


@either
async def test_without_tls(protocol: str) -> None:
    await works(protocol, "", PLAIN)


@every
@pytest.mark.parametrize("mux", ["true", "false"])
async def test_forced_tls_takes_who_uses_it(protocol: str, mux: str) -> None:
    switch = f"transport.tcpMux = {mux}\n"
    await works(protocol, FORCE + switch, switch)


@either
async def test_forced_tls_refuses_who_does_not(protocol: str) -> None:
    reason = await fails(protocol, FORCE, PLAIN)
    assert "TLS is off here. Set transport.tls.enable = true" in reason


async def test_wss_has_tls_whatever_is_configured() -> None:
    await works("wss", FORCE, PLAIN)


@every
async def test_the_lead_byte(protocol: str) -> None:
    await works(protocol, "", LEAD_BYTE)


@every
async def test_a_client_that_verifies(protocol: str, folder: Folder) -> None:
    await works(protocol, folder.pair("server"), folder.ca())


@every
async def test_a_client_that_does_not_verify_takes_any_certificate(protocol: str, folder: Folder) -> None:
    await works(protocol, folder.pair("server", "unknown"), "")


@every
async def test_a_server_of_another_authority(protocol: str, folder: Folder) -> None:
    reason = await fails(protocol, folder.pair("server", "unknown"), folder.ca())
    assert "TLS: the peer's certificate was refused" in reason


@every
async def test_a_self_signed_server(protocol: str, folder: Folder) -> None:
    assert "TLS: the peer's certificate was refused" in await fails(protocol, "", folder.ca())


@every
@pytest.mark.parametrize("lead_byte", ["", LEAD_BYTE])
async def test_both_verify(protocol: str, lead_byte: str, folder: Folder) -> None:
    server = folder.pair("server") + folder.ca("clients", "clients.crt")
    client = folder.pair("client", "clients") + folder.ca()
    await works(protocol, server, lead_byte + client)


@every
async def test_a_client_without_a_certificate(protocol: str, folder: Folder) -> None:
    server = folder.pair("server") + folder.ca("clients", "clients.crt")
    assert "the server wants a certificate of this client" in await fails(protocol, server, folder.ca())


@every
async def test_a_client_of_another_authority(protocol: str, folder: Folder) -> None:
    server = folder.pair("server") + folder.ca("clients", "clients.crt")
    reason = await fails(protocol, server, folder.pair("client", "unknown"))
    why = {"quic": "the peer refused our certificate: it is not signed by a CA"}
    assert why.get(protocol, "alert unknown ca") in reason
    assert "the server does not trust the certificate of this client" in reason


@either
async def test_a_server_that_verifies_takes_nobody_in_the_clear(protocol: str, folder: Folder) -> None:
    reason = await fails(protocol, folder.pair("server") + folder.ca(), PLAIN)
    assert "TLS is off here. Set transport.tls.enable = true" in reason


@every
async def test_the_right_server_name(protocol: str, folder: Folder) -> None:
    name = f'transport.tls.serverName = "{NAME}"\n'
    await works(protocol, folder.pair("server"), name + folder.ca())


@every
async def test_a_wrong_server_name(protocol: str, folder: Folder) -> None:
    name = 'transport.tls.serverName = "other.test"\n'
    reason = await fails(protocol, folder.pair("server"), name + folder.ca())
    assert "it is not for other.test" in reason
    await works(protocol, folder.pair("server"), name)


@every
@pytest.mark.parametrize("bind", ["::1", "::", "0.0.0.0"])
async def test_bind_addresses(protocol: str, bind: str, folder: Folder) -> None:
    server = f'bindAddr = "{bind}"\n' + folder.pair("server")
    client = f'transport.tls.serverName = "{NAME}"\n' + folder.ca()
    await works(protocol, server, client, "::1")
    if bind != "::1":
        await works(protocol, server, client)


# Renewal


def served(port: int, name: str) -> bytes:
    """The certificate a new connection gets, DER; verified by the authority ``name``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=authority(name).ca.decode())
    with (
        socket.create_connection(("127.0.0.1", port), 5) as sock,
        context.wrap_socket(sock, server_hostname=NAME) as tls,
    ):
        found = tls.getpeercert(binary_form=True)
        assert found is not None
        return found


async def test_a_renewed_certificate_serves_new_connections_and_drops_no_old_one(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freshtls, "SERVER_CHECKS_EVERY", 0.0)
    remote = free_port()
    async with local_service(echo) as local, running_server(server_config(folder.pair("server"))) as server:
        port = server.address[1]
        proxy = f'[[proxies]]\nname = "e"\ntype = "tcp"\nlocalPort = {local}\nremotePort = {remote}\n'
        async with running_client(client_config(port, folder.ca() + proxy)):
            reader, writer = await asyncio.open_connection("127.0.0.1", remote)
            writer.write(b"before")
            assert await reader.readexactly(6) == b"before"
            first = await asyncio.to_thread(served, port, "tests")
            folder.write("server", authority("renewed"))
            second = await asyncio.to_thread(served, port, "renewed")
            assert first != second
            writer.write(b"after")
            assert await reader.readexactly(5) == b"after"
            assert await exchange(remote, b"new user, old session") == b"new user, old session"
            writer.close()


@every
async def test_over_every_transport(protocol: str, folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next client, who trusts nothing but the new certificate, gets it; the session of before goes on."""
    monkeypatch.setattr(freshtls, "SERVER_CHECKS_EVERY", 0.0)
    remote, later = free_port(), free_port()
    config = listening(protocol, folder.pair("server"))
    async with local_service(echo) as local, running_server(config) as server:
        port = server.address[1]

        def client(name: str, remote: int, trust: str) -> ClientConfig:
            proxy = (
                f'[[proxies]]\nname = "{name}"\ntype = "tcp"\nlocalPort = {local}\nremotePort = {remote}\n'
            )
            return client_config(port, over(protocol) + folder.ca(trust, f"{trust}.crt") + proxy)

        async with running_client(client("old", remote, "tests")):
            folder.write("server", authority("renewed"))
            async with running_client(client("new", later, "renewed")):
                assert await exchange(later, b"new") == b"new"
                assert await exchange(remote, b"old") == b"old"


async def test_a_client_reads_its_files_again_at_every_dial(folder: Folder) -> None:
    """The server moves to a certificate of another authority; the client is given that one while it runs."""
    remote, port = free_port(), free_port()
    config = server_config(folder.pair("server"), port=port)
    async with local_service(echo) as local:
        proxy = f'[[proxies]]\nname = "e"\ntype = "tcp"\nlocalPort = {local}\nremotePort = {remote}\n'
        async with (
            running_server(config) as first,
            running_client(client_config(port, folder.ca() + proxy)) as frpc,
        ):
            assert await exchange(remote, b"one") == b"one"
            folder.write("server", authority("moved"))
            folder.ca("moved")
            await first.stop(grace=0)
            async with running_server(config), asyncio.timeout(15):
                await frpc.proxies.settled()
                while not await _answers(remote):
                    await asyncio.sleep(0.05)


async def _answers(port: int) -> bool:
    try:
        return await exchange(port, b"two") == b"two"
    except OSError:
        return False
