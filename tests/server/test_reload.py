"""A reload of frps: what changes at run time, what waits, and whom it touches."""

from __future__ import annotations

import asyncio
import ssl
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from aiofrp.config.load.decode import decode_server
from aiofrp.config.models.server import ServerConfig
from aiofrp.config.tools.compare import differences
from aiofrp.errors import ConfigError, LoginFailed
from aiofrp.server.reload import LIVE, change
from aiofrp.server.service import Server
from tests.support.certs import authority
from tests.support.tunnel import (
    client_config,
    echo,
    exchange,
    local_service,
    running_client,
    running_server,
    server_config,
)


def config(text: str) -> ServerConfig:
    return decode_server(tomllib.loads(text))


# The decision


def test_every_live_key_exists() -> None:
    whole = config("""
        log.level = "debug"
        auth.token = "t"
        auth.additionalScopes = ["HeartBeats"]
        auth.authenticationTimeout = 5
        auth.tokenSource = { type = "file", file = { path = "p" } }
        allowPorts = [{ single = 5 }]
        maxPortsPerClient = 5
        userConnTimeout = 5
        detailedErrorsToClient = false
        transport.maxPoolCount = 7
        transport.tls = { certFile = "c", keyFile = "k", trustedCaFile = "a" }
    """)
    assert set(differences(ServerConfig(), whole)) == LIVE | {"transport.tls.force"}


def test_what_is_applied_and_what_waits() -> None:
    old = config("bindPort = 1\n")
    outcome = change(
        old, config('bindPort = 2\nlog.level = "debug"\nlog.to = "x"\nallowPorts = [{ single = 5 }]\n')
    )
    assert outcome.applied == ("log.level", "allowPorts")
    assert outcome.waiting == ("bindPort", "log.to")
    running = outcome.config
    assert (running.bind_port, running.log.to, running.log.level) == (1, "console", "debug")
    assert [ports.pair for ports in running.allow_ports] == [(5, 5)]
    assert old.log.level == "info"


def test_nothing_changed() -> None:
    old = config("bindPort = 1\n")
    outcome = change(old, config("bindPort = 1\n"))
    assert (outcome.config, outcome.applied, outcome.waiting) == (old, (), ())


# The server

ENCRYPTED = """
    auth.token = "{token}"
    [[proxies]]
    name = "{name}"
    type = "tcp"
    localPort = {local}
    remotePort = {remote}
    transport.useEncryption = true
    transport.useCompression = true
"""


def at(server: Server, text: str) -> ServerConfig:
    """``text`` for a running server: its address unchanged."""
    return config(f'bindAddr = "127.0.0.1"\nbindPort = {server.address[1]}\n{text}')


async def test_a_new_token_counts_for_new_logins(free_ports: Callable[[], int]) -> None:
    first, second = free_ports(), free_ports()
    scopes = 'auth.additionalScopes = ["NewWorkConns", "HeartBeats"]\n'
    async with (
        running_server(server_config('auth.token = "old"\n' + scopes)) as server,
        local_service(echo) as local,
    ):
        port = server.address[1]
        old = client_config(port, scopes + ENCRYPTED.format(token="old", name="a", local=local, remote=first))
        new = client_config(
            port, scopes + ENCRYPTED.format(token="new", name="b", local=local, remote=second)
        )
        async with running_client(old):
            assert await exchange(first, b"before") == b"before"
            outcome = server.apply(at(server, 'auth.token = "new"\n' + scopes))
            assert (outcome.applied, outcome.waiting) == (("auth.token",), ())
            async with running_client(new):
                for _ in range(12):  # more than the pool holds
                    assert await exchange(first, b"old") == b"old"
                    assert await exchange(second, b"new") == b"new"
        with pytest.raises(LoginFailed, match="token in login doesn't match"):
            async with running_client(old):
                pass


async def test_ports_and_limits(free_ports: Callable[[], int]) -> None:
    good, bad = free_ports(), free_ports()
    proxies = "".join(
        f'[[proxies]]\nname = "{name}"\ntype = "tcp"\nlocalPort = 1\nremotePort = {port}\n'
        for name, port in (("good", good), ("bad", bad))
    )
    async with running_server(server_config()) as server:
        server.apply(at(server, f"allowPorts = [{{ single = {good} }}]\n"))
        async with running_client(client_config(server.address[1], proxies)) as client:
            errors = {proxy.config.name: proxy.state.error for proxy in client.proxies.running()}
        assert errors == {"good": "", "bad": "port not allowed"}
        server.apply(at(server, "maxPortsPerClient = 1\n"))
        async with running_client(client_config(server.address[1], proxies)) as client:
            errors = {proxy.config.name: proxy.state.error for proxy in client.proxies.running()}
        assert sorted(errors.values()) == ["", "exceed the max_ports_per_client"]


def tls(folder: Path, name: str) -> str:
    pair = authority(name)
    (folder / f"{name}.crt").write_bytes(pair.certificate)
    (folder / f"{name}.key").write_bytes(pair.key)
    return f'transport.tls = {{ certFile = "{folder}/{name}.crt", keyFile = "{folder}/{name}.key" }}\n'


async def shown_certificate(port: int) -> bytes:
    """The certificate a server shows, DER."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    found: bytes = writer.get_extra_info("ssl_object").getpeercert(True)
    writer.transport.abort()
    return found


async def test_certificates(tmp_path: Path) -> None:
    def der(name: str) -> bytes:
        return ssl.PEM_cert_to_DER_cert(authority(name).certificate.decode())

    async with running_server(server_config(tls(tmp_path, "one"))) as server:
        port = server.address[1]
        assert await shown_certificate(port) == der("one")
        server.apply(at(server, tls(tmp_path, "two")))
        assert await shown_certificate(port) == der("two")
        before = server.config
        with pytest.raises(ConfigError, match="no such file"):
            server.apply(
                at(server, 'transport.tls = { certFile = "none", keyFile = "none" }\nmaxPortsPerClient = 1\n')
            )
        assert server.config is before
        assert await shown_certificate(port) == der("two")
