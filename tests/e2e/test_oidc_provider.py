"""Logins with tokens of a certified provider in wide use, npm's oidc-provider; ``scripts/services`` installs it."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from aiofrp.errors import LoginFailed
from aiofrp.server.oidc import keys
from tests.support.identity import CLIENT
from tests.support.ports import free_port
from tests.support.procs import Program, running
from tests.support.realservices import ABSENT
from tests.support.tunnel import (
    client_config,
    echo,
    exchange,
    local_service,
    running_client,
    running_server,
    server_config,
)

NODE = Path(__file__).parents[1] / "node"
AUDIENCE = "https://frps.example/"
SECRET = "a secret/+%&=:"

pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or not (NODE / "node_modules/oidc-provider").is_dir(),
    reason=f"no oidc-provider: {ABSENT}",
)


@asynccontextmanager
async def provider(port: int, log: Path, *, kid: str, alg: str) -> AsyncIterator[Program]:
    """The provider on a port, which signs with a new key of this id and algorithm."""
    async with running(["node", str(NODE / "provider.js"), str(port), kid, alg], log) as program:
        await program.line("^listening$")
        yield program


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
async def test_a_tunnel_with_its_tokens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, algorithm: str
) -> None:
    """Also after its key has changed; a wrong audience and a wrong secret are refused with the cause."""
    monkeypatch.setattr(keys, "REFETCH", 0.0)
    port, remote = free_port(), free_port()
    issuer = f"http://127.0.0.1:{port}"
    scopes = 'auth.method = "oidc"\nauth.additionalScopes = ["HeartBeats", "NewWorkConns"]\n'
    frps = f'{scopes}auth.oidc.issuer = "{issuer}"\nauth.oidc.audience = "{AUDIENCE}"\n'
    frpc = (
        f'{scopes}auth.oidc.clientID = "{CLIENT}"\nauth.oidc.clientSecret = "{SECRET}"\nauth.oidc.scope = "tunnel"\n'
        f'auth.oidc.additionalEndpointParams.resource = "{AUDIENCE}"\nauth.oidc.tokenEndpointURL = "{issuer}/token"\n'
    )

    async def carries(server: int, local: int) -> None:
        proxy = f'[[proxies]]\nname = "p"\ntype = "tcp"\nlocalPort = {local}\nremotePort = {remote}\n'
        async with running_client(client_config(server, frpc + proxy)):
            assert await exchange(remote, b"hello") == b"hello"

    async def refused(server: int, text: str, cause: str) -> None:
        with pytest.raises(LoginFailed, match=cause):
            async with running_client(client_config(server, text)):
                pass

    async with local_service(echo) as local, AsyncExitStack() as stack:
        async with provider(port, tmp_path / "one.log", kid="one", alg=algorithm):
            address = (await stack.enter_async_context(running_server(server_config(frps)))).address[1]
            await carries(address, local)
            await refused(address, frpc.replace(SECRET, "wrong"), "invalid_client")
        async with provider(port, tmp_path / "two.log", kid="two", alg=algorithm):
            await carries(address, local)
            other = server_config(frps.replace(AUDIENCE, "https://other.example/"))
            async with running_server(other) as strict:
                await refused(strict.address[1], frpc, "expected audience")
