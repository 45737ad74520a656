"""Websocket, wss, wire protocol v2 and TLS beside the real programs. Needs ``FRP_GO_BIN``."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest

from aiofrp.client import service as client_service
from aiofrp.server.session.control import ServerControl
from aiofrp.wire.frp.opening import LoginV2, NegotiatedV2
from aiofrp.wire.transforms.aead import ALGORITHMS
from tests.e2e.test_matrix import echoed
from tests.support.certs import NAME, authority
from tests.support.peers import GoPeers
from tests.support.ports import free_port
from tests.support.procs import Side, command, frpc, frps, running
from tests.support.tlsrelay import tls_relay
from tests.support.tunnel import (
    client_config,
    echo,
    local_service,
    running_client,
    running_server,
    server_config,
)

PAIRS: list[tuple[Side, Side]] = [("ours", "go"), ("go", "ours")]
pairs = pytest.mark.parametrize(("server", "client"), PAIRS)
carriers = pytest.mark.parametrize("protocol", ["tcp", "websocket", "kcp"])
every = pytest.mark.parametrize("protocol", ["tcp", "websocket", "kcp", "quic"])
V2 = 'transport.wireProtocol = "v2"\nauth.token = "secret"\n'


def proxy(local: int, remote: int) -> str:
    return f'[[proxies]]\nname = "e"\ntype = "tcp"\nlocalPort = {local}\nremotePort = {remote}\n'


def frps_config(bind: int, server: str, client: str, address: str = "127.0.0.1") -> str:
    """TOML of a frps for that client; a transport over UDP has the number of its TCP port."""
    udp = next(
        (f"{protocol}BindPort = {bind}\n" for protocol in ("kcp", "quic") if f'"{protocol}"' in client), ""
    )
    return f'bindAddr = "{address}"\nbindPort = {bind}\nproxyBindAddr = "127.0.0.1"\n{udp}{server}'


async def works(
    folder: Path, sides: tuple[Side, Side], server: str, client: str, *, address: str = "127.0.0.1"
) -> None:
    """A tunnel of real processes with these settings carries bytes."""
    bind, remote = free_port(), free_port()
    data = bytes(range(256)) * 400
    async with (
        local_service(echo) as local,
        frps(folder, frps_config(bind, server, client, address), side=sides[0]),
        frpc(
            folder,
            f'serverAddr = "{address}"\nserverPort = {bind}\n{client}\n{proxy(local, remote)}',
            side=sides[1],
        ),
    ):
        assert await echoed(remote, data) == data


async def refused(folder: Path, sides: tuple[Side, Side], server: str, client: str) -> str:
    """What frpc prints when it ends because it could not log in."""
    bind = free_port()
    path = folder / f"refused-{bind}.toml"
    path.write_text(f'serverAddr = "127.0.0.1"\nserverPort = {bind}\n{client}\n', encoding="utf-8")
    start = [*command("frpc", sides[1]), "-c", str(path)]
    async with (
        frps(folder, frps_config(bind, server, client), side=sides[0]),
        running(start, path.with_suffix(".log")) as program,
    ):
        assert await program.ended() == 1
        return program.text


# wss


@pytest.mark.parametrize("mux", ["true", "false"])
async def test_our_frpc_behind_a_relay_that_ends_tls_before_their_frps(
    tmp_path: Path, go_peers: GoPeers, mux: str
) -> None:
    switch = f"transport.tcpMux = {mux}\n"
    bind, remote = free_port(), free_port()
    async with (
        local_service(echo) as local,
        frps(tmp_path, f'bindAddr = "127.0.0.1"\nbindPort = {bind}\n{switch}', side="go"),
        tls_relay(bind, authority().server_context()) as port,
        running_client(
            client_config(
                port,
                f'transport.protocol = "wss"\ntransport.tls.serverName = "{NAME}"\n'
                f'transport.tls.trustedCaFile = "{_ca(tmp_path)}"\n{switch}{proxy(local, remote)}',
            )
        ),
    ):
        assert await echoed(remote, b"x" * 100_000) == b"x" * 100_000


@pytest.mark.parametrize("mux", ["true", "false"])
@pytest.mark.parametrize("relay", [True, False])
async def test_their_frpc_with_and_without_a_relay_before_our_frps(
    tmp_path: Path, go_peers: GoPeers, mux: str, relay: bool
) -> None:
    """Without: beyond the reference, our frps ends wss itself."""
    switch = f"transport.tcpMux = {mux}\n"
    remote = free_port()
    async with local_service(echo) as local, running_server(server_config(switch)) as server:
        bind = server.address[1]
        async with tls_relay(bind, authority().server_context()) as port:
            toml = f'serverAddr = "127.0.0.1"\nserverPort = {port if relay else bind}\ntransport.protocol = "wss"\n'
            async with frpc(tmp_path, toml + switch + proxy(local, remote), side="go"):
                assert await echoed(remote, b"x" * 100_000) == b"x" * 100_000


def _ca(folder: Path) -> Path:
    path = folder / "relay-ca.crt"
    path.write_bytes(authority().ca)
    return path


# Wire protocol v2


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_our_frpc_logs_in_with_either_cipher(
    tmp_path: Path, go_peers: GoPeers, algorithm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_service, "LoginV2", partial(LoginV2, algorithms=(algorithm,)))
    bind, remote = free_port(), free_port()
    heartbeat = "transport.heartbeatInterval = 1\n"
    async with (
        local_service(echo) as local,
        frps(tmp_path, f'bindAddr = "127.0.0.1"\nbindPort = {bind}\nauth.token = "secret"\n', side="go"),
        running_client(client_config(bind, V2 + heartbeat + proxy(local, remote))),
    ):
        assert await echoed(remote, b"hello") == b"hello"


@pytest.mark.parametrize(
    ("features", "algorithm"), [("", "aes-256-gcm"), ("cpu.aes=off", "xchacha20-poly1305")]
)
async def test_their_frpc_logs_in_with_either_cipher(
    tmp_path: Path, go_peers: GoPeers, features: str, algorithm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It prefers the second on machines without AES instructions."""
    monkeypatch.setenv("GODEBUG", features)
    remote = free_port()
    async with (
        local_service(echo) as local,
        running_server(server_config('auth.token = "secret"')) as server,
        frpc(
            tmp_path,
            f'serverAddr = "127.0.0.1"\nserverPort = {server.address[1]}\n{V2}{proxy(local, remote)}',
            side="go",
        ),
    ):
        assert await echoed(remote, b"hello") == b"hello"
        (session,) = server.tables.sessions.all()
        assert isinstance(session, ServerControl)
        assert isinstance(session.codec, NegotiatedV2)
        assert session.codec.algorithm == algorithm


async def test_both_versions_on_one_server(tmp_path: Path, go_peers: GoPeers) -> None:
    """Our frps serves their clients of both versions at once, and ours."""
    ports = [free_port() for _ in range(3)]
    async with local_service(echo) as local, running_server(server_config('auth.token = "secret"')) as server:
        base = f'serverAddr = "127.0.0.1"\nserverPort = {server.address[1]}\nauth.token = "secret"\n'
        named = [proxy(local, port).replace('"e"', f'"e{port}"') for port in ports]
        async with (
            frpc(tmp_path, base + named[0], side="go"),
            frpc(tmp_path, base + 'transport.wireProtocol = "v2"\n' + named[1], side="go"),
            running_client(client_config(server.address[1], V2 + named[2])),
        ):
            answers = await asyncio.gather(*(echoed(port, b"%d" % port) for port in ports))
            assert answers == [b"%d" % port for port in ports]


@pairs
async def test_tokens_that_differ(tmp_path: Path, go_peers: GoPeers, server: Side, client: Side) -> None:
    printed = await refused(tmp_path, (server, client), 'auth.token = "other"\n', V2)
    assert "token in login doesn't match token from configuration" in printed


# TLS


@pairs
@carriers
async def test_forced_tls(
    tmp_path: Path, go_peers: GoPeers, server: Side, client: Side, protocol: str
) -> None:
    force, over = "transport.tls.force = true\n", f'transport.protocol = "{protocol}"\n'
    await works(tmp_path, (server, client), force, over)
    await refused(tmp_path, (server, client), force, over + "transport.tls.enable = false\n")


@pairs
@carriers
async def test_the_lead_byte(
    tmp_path: Path, go_peers: GoPeers, server: Side, client: Side, protocol: str
) -> None:
    lead = f'transport.protocol = "{protocol}"\ntransport.tls.disableCustomTLSFirstByte = false\n'
    await works(tmp_path, (server, client), "", lead)


@pairs
@carriers
async def test_both_verify(
    tmp_path: Path, go_peers: GoPeers, server: Side, client: Side, protocol: str
) -> None:
    certificates = {side: _certificates(tmp_path, side) for side in ("frps", "frpc")}
    over = f'transport.protocol = "{protocol}"\n'
    await works(tmp_path, (server, client), certificates["frps"], over + certificates["frpc"])
    name = f'transport.tls.serverName = "{NAME}"\n'
    await works(tmp_path, (server, client), certificates["frps"], over + name + certificates["frpc"])
    wrong = name.replace(NAME, "other.test")
    await refused(tmp_path, (server, client), certificates["frps"], over + wrong + certificates["frpc"])
    ca_only = certificates["frpc"].splitlines()[-1] + "\n"
    await refused(tmp_path, (server, client), certificates["frps"], over + ca_only)


@pairs
@every
@pytest.mark.parametrize("address", ["::1", "127.0.0.1"])
async def test_bind_addresses(
    tmp_path: Path, go_peers: GoPeers, server: Side, client: Side, protocol: str, address: str
) -> None:
    over = f'transport.protocol = "{protocol}"\n'
    await works(tmp_path, (server, client), "", over, address=address)


@pairs
@every
async def test_a_server_name_that_is_checked(
    tmp_path: Path, go_peers: GoPeers, server: Side, client: Side, protocol: str
) -> None:
    """One-way TLS: the server shows a certificate, and the client none."""
    shows = "".join(line + "\n" for line in _certificates(tmp_path, "frps").splitlines()[:2])
    trusts = _certificates(tmp_path, "frpc").splitlines()[2] + "\n"
    over = f'transport.protocol = "{protocol}"\n{trusts}transport.tls.serverName = '
    await works(tmp_path, (server, client), shows, f'{over}"{NAME}"\n')
    await refused(tmp_path, (server, client), shows, f'{over}"other.test"\n')


def _certificates(folder: Path, who: str) -> str:
    """TOML for a certificate and the CA that signed it."""
    files = {"certFile": f"{who}.crt", "keyFile": f"{who}.key", "trustedCaFile": f"{who}-ca.crt"}
    for name, content in zip(
        files.values(), (authority().certificate, authority().key, authority().ca), strict=True
    ):
        (folder / name).write_bytes(content)
    return "".join(f'transport.tls.{key} = "{folder / name}"\n' for key, name in files.items())
