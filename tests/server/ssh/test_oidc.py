"""The gateway of a frps that takes tokens of an identity provider: ``--token`` is one, a key is worth as much."""

from __future__ import annotations

import time
from pathlib import Path

import asyncssh
import pytest

from tests.support.ends import until
from tests.support.identity import AUDIENCE, SUBJECT, forged, identity_provider, signed
from tests.support.ports import free_port
from tests.support.sshclient import ssh
from tests.support.tunnel import echo, exchange, local_service, running_server, server_config


@pytest.fixture
def gateway(port: int, host_key: Path) -> str:
    """The lines of frps that turn the gateway on, and ask for the token in every message."""
    return f"""
        auth.additionalScopes = ["HeartBeats", "NewWorkConns"]
        sshTunnelGateway.bindPort = {port}
        sshTunnelGateway.autoGenPrivateKeyPath = "{host_key}"
        """


def trust(issuer: str, gateway: str) -> str:
    return (
        f'auth.method = "oidc"\nauth.oidc.issuer = "{issuer}"\nauth.oidc.audience = "{AUDIENCE}"\n{gateway}'
    )


async def test_a_token_of_the_provider_opens_the_tunnel_and_names_its_subject(
    gateway: str, port: int
) -> None:
    remote = free_port()
    async with (
        identity_provider() as identity,
        running_server(server_config(trust(identity.issuer, gateway))) as server,
        local_service(echo) as target,
        ssh(port) as client,
    ):
        token = signed(identity.claims())
        await client.publish(f"tcp --token {token} -u bob -n a -r {remote}", target)
        (session,) = server.tables.sessions.all()
        assert (session.user, session.subject) == ("bob", SUBJECT)
        for _ in range(7):  # beyond the work connections that wait: later ones are proven too
            assert await exchange(remote, b"x") == b"x"


async def test_other_tokens_are_refused_with_the_reason(gateway: str, port: int) -> None:
    async with (
        identity_provider() as identity,
        running_server(server_config(trust(identity.issuer, gateway))) as server,
        local_service(echo) as target,
    ):
        claims = identity.claims()
        tokens = {
            "expired": signed(identity.claims(exp=time.time() - 3600)),
            "audience": signed(identity.claims(aud="another")),
            "unsigned": forged({"alg": "none"}, claims, b""),
            "secret": "secret",
            "none": "",
        }
        for index, token in enumerate(tokens.values()):
            async with ssh(port, local_addr=(f"127.0.0.{index + 2}", 0)) as client:
                await client.forward(target)
                text, status = await client.answer(f"tcp{token and f' --token {token}'} -r {free_port()}")
                assert status == 1
                assert text.startswith("login to the server failed: "), text
                assert not token or token not in text
        assert not server.tables.sessions.all()
        assert not len(server.proxies)


async def test_a_key_needs_no_token_of_the_provider(gateway: str, port: int, tmp_path: Path) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519", comment="alice")
    keys = tmp_path / "authorized"
    keys.write_text(key.export_public_key().decode())
    more = f'{gateway}sshTunnelGateway.authorizedKeysFile = "{keys}"\n'
    remote = free_port()
    async with (
        identity_provider() as identity,
        running_server(server_config(trust(identity.issuer, more))) as server,
        local_service(echo) as target,
    ):
        async with ssh(port, client_keys=[key]) as client:
            await client.publish(f"tcp -n a -r {remote}", target)
            assert [session.user for session in server.tables.sessions.all()] == ["alice"]
            assert await exchange(remote, b"x") == b"x"
        await until(lambda: not server.tables.sessions.all())
