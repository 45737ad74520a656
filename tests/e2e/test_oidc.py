"""Whole tunnels whose clients log in with tokens of an identity provider."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from aiofrp.client.service import Client
from aiofrp.config.load.files import load_client, load_server
from aiofrp.errors import LoginFailed
from aiofrp.server.oidc.keys import REFETCH
from aiofrp.server.service import Server
from aiofrp.wire.frp.messages import Login, LoginResp, NewWorkConn, StartWorkConn
from tests.support import procs
from tests.support.formats import FORMATS, file_of
from tests.support.identity import (
    AUDIENCE,
    CLIENT,
    SECRET,
    IdentityProvider,
    forged,
    identity_provider,
    signed,
)
from tests.support.peers import needs_go
from tests.support.ports import free_port
from tests.support.procs import Side
from tests.support.rawclient import raw_client
from tests.support.tunnel import (
    PATIENCE,
    client_config,
    echo,
    exchange,
    local_service,
    running_client,
    running_server,
    server_config,
)

SCOPES = 'auth.additionalScopes = ["HeartBeats", "NewWorkConns"]\n'


def server_toml(identity: IdentityProvider, more: str = "") -> str:
    return f'auth.method = "oidc"\nauth.oidc.issuer = "{identity.issuer}"\nauth.oidc.audience = "{AUDIENCE}"\n{more}'


def client_toml(identity: IdentityProvider, more: str = "", secret: str = SECRET) -> str:
    return (
        f'auth.method = "oidc"\nauth.oidc.clientID = "{CLIENT}"\nauth.oidc.clientSecret = "{secret}"\n'
        f'auth.oidc.audience = "{AUDIENCE}"\nauth.oidc.tokenEndpointURL = "{identity.token_url}"\n{more}'
    )


def proxy_toml(local: int, remote: int) -> str:
    return f'[[proxies]]\nname = "p"\ntype = "tcp"\nlocalPort = {local}\nremotePort = {remote}\n'


@asynccontextmanager
async def surroundings(more: str = "") -> AsyncIterator[tuple[IdentityProvider, int, Server]]:
    """An identity provider, the port of a local service, and a frps that trusts the provider."""
    async with (
        identity_provider() as identity,
        local_service(echo) as local,
        running_server(server_config(server_toml(identity, more))) as server,
    ):
        yield identity, local, server


@pytest.mark.parametrize("mux", ["true", "false"])
@pytest.mark.parametrize("wire", ["v1", "v2"])
async def test_a_tunnel_with_tokens_in_every_message(mux: str, wire: str) -> None:
    remote = free_port()
    both = f"{SCOPES}transport.tcpMux = {mux}\n"
    async with surroundings(both) as (identity, local, server):
        more = f'{both}transport.wireProtocol = "{wire}"\ntransport.heartbeatInterval = 1\n'
        toml = client_toml(identity, more + proxy_toml(local, remote))
        async with running_client(client_config(server.address[1], toml)), asyncio.timeout(PATIENCE):
            for _ in range(3):
                assert await exchange(remote, b"hello") == b"hello"
        assert len(identity.forms) == 1  # one token for all
        assert identity.asked.count("/jwks") == 1


async def test_a_refused_secret_is_a_login_that_failed_with_the_cause() -> None:
    async with (
        identity_provider() as identity,
        running_server(server_config(server_toml(identity))) as server,
    ):
        client = Client(client_config(server.address[1], client_toml(identity, secret="wrong")))
        with pytest.raises(
            LoginFailed, match='couldn\'t generate OIDC token for login: oauth2: "invalid_client"'
        ):
            await client.run()


async def test_an_endpoint_that_is_down_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    remote = free_port()
    async with surroundings() as (identity, local, server):
        identity.failing = 503
        toml = client_toml(identity, "loginFailExit = false\n" + proxy_toml(local, remote))
        config = client_config(server.address[1], toml)
        async with running_client(config, settle=False) as client, asyncio.timeout(PATIENCE):
            while (
                "connect to server error: couldn't generate OIDC token for login: oauth2: cannot"
                not in caplog.text
            ):
                await asyncio.sleep(0.01)
            identity.failing = 0
            while not client.run_id:
                await asyncio.sleep(0.01)
            await client.proxies.settled()
            assert await exchange(remote, b"hello") == b"hello"


async def test_the_subject_belongs_to_the_session() -> None:
    async with surroundings(SCOPES) as (identity, _, server):
        mine, other = signed(identity.claims()), signed(identity.claims(sub="other"))
        async with raw_client(server.address[1]) as raw, raw_client(server.address[1]) as second:
            answer = await raw.say(Login(privilege_key=mine))
            assert isinstance(answer, LoginResp)
            assert not answer.error
            login = await second.say(Login(privilege_key=other))  # a subject that has logged in, elsewhere
            assert isinstance(login, LoginResp)
            assert not login.error
            wrong = await raw.say(NewWorkConn(run_id=answer.run_id, privilege_key=other))
            assert wrong == StartWorkConn(
                error="received different OIDC subject in login and ping. new subject: other"
            )
            wrong = await raw.say(NewWorkConn(run_id=answer.run_id))
            assert isinstance(wrong, StartWorkConn)
            assert wrong.error.startswith("invalid OIDC token in ping: oidc: malformed jwt")


async def refused(port: int, token: str) -> str:
    async with raw_client(port) as raw:
        answer = await raw.say(Login(privilege_key=token))
        assert isinstance(answer, LoginResp)
        assert not answer.run_id
        return answer.error


async def test_tokens_that_do_not_hold_are_refused_and_others_go_on() -> None:
    remote = free_port()
    async with surroundings() as (identity, local, server):
        port = server.address[1]
        toml = client_toml(identity, proxy_toml(local, remote))
        async with running_client(client_config(port, toml)), asyncio.timeout(PATIENCE):
            now = time.time()
            for token, text in {
                "": "malformed jwt",
                "x" * 9_000: "malformed jwt",
                forged({"alg": "none"}, identity.claims(), b""): "malformed jwt",
                forged({"alg": "HS256", "kid": "one"}, identity.claims()): "malformed jwt",
                forged({"alg": "RS256", "kid": "one"}, identity.claims()): "failed to verify signature",
                signed(identity.claims(), kid="two"): "failed to verify signature",
                signed(identity.claims(aud="\x00" * 500)): "expected audience",
                signed(identity.claims(iss="http://evil")): "a different provider",
                signed(identity.claims(exp=now - 1)): "token is expired",
                signed(identity.claims(nbf=now + 400)): "before the nbf",
            }.items():
                error = await refused(port, token)
                assert error.startswith("invalid OIDC token in login: ")
                assert text in error
            assert await exchange(remote, b"hello") == b"hello"


async def test_many_bad_logins_cost_the_provider_nothing_and_leave_nothing() -> None:
    remote = free_port()
    async with surroundings() as (identity, local, server):
        port = server.address[1]
        toml = client_toml(identity, proxy_toml(local, remote))
        async with running_client(client_config(port, toml)), asyncio.timeout(PATIENCE):
            await refused(port, forged({"alg": "RS256", "kid": "k"}, {}))
            asked, began = len(identity.asked), time.monotonic()
            for number in range(60):
                assert await refused(port, forged({"alg": "RS256", "kid": f"k{number}"}, identity.claims()))
            assert len(identity.asked) <= asked + 1 + (time.monotonic() - began) / REFETCH
            assert await exchange(remote, b"hello") == b"hello"
            assert len(server.tables.sessions) == 1


async def test_a_start_without_the_provider_is_one_line_with_its_hint_and_an_error(tmp_path: Path) -> None:
    path = tmp_path / "frps.toml"
    async with identity_provider() as identity:
        identity.failing = 404  # this is not tried again
        path.write_text(f'log.level = "error"\n{server_toml(identity)}')
        async with procs.running([*procs.command("frps"), "-c", str(path)], tmp_path / "out") as program:
            assert await program.ended() == 1
            error, hint = program.text.splitlines()
            assert error.startswith(f"cannot use the OIDC provider {identity.issuer}: ")
            assert hint.startswith("hint: ")


@pytest.mark.parametrize("form", FORMATS)
async def test_the_examples_of_the_documentation_as_typed(tmp_path: Path, form: str) -> None:
    """Only the addresses are those of this test's provider."""
    port, remote = free_port(), free_port()
    async with identity_provider() as identity, local_service(echo) as local:
        page = Path(__file__).parents[2].joinpath("docs/howto/oidc.md").read_text(encoding="utf-8")
        blocks = [block.split("```")[0] for block in page.split("```toml\n")[1:3]]
        audience = "https://oidc-audience.com/.default"
        server_text = blocks[0].replace("https://example-oidc-issuer.com/", identity.issuer)
        client_text = (
            blocks[1]
            .replace("https://example-oidc-endpoint.com/oauth2/v2.0/token", identity.token_url)
            .replace("98692467-37de-409a-9fac-bb2585826f18", CLIENT)
            .replace("oidc_secret", SECRET)
        )
        assert all(audience in text for text in (server_text, client_text))
        identity.audience = audience
        server_text = f'bindAddr = "127.0.0.1"\nbindPort = {port}\n{server_text}'
        client_text = (
            f'serverAddr = "127.0.0.1"\nserverPort = {port}\n{client_text}{proxy_toml(local, remote)}'
        )
        async with (
            running_server(load_server(str(file_of(tmp_path, "frps", server_text, form))).config),
            running_client(load_client(str(file_of(tmp_path, "frpc", client_text, form))).config),
            asyncio.timeout(PATIENCE),
        ):
            assert await exchange(remote, b"hello") == b"hello"


@needs_go
@pytest.mark.parametrize(("server", "client"), [("ours", "go"), ("go", "ours")])
async def test_with_gos_programs(tmp_path: Path, server: Side, client: Side) -> None:
    port, remote = free_port(), free_port()
    async with identity_provider() as identity, local_service(echo) as local:
        where = f'bindAddr = "127.0.0.1"\nbindPort = {port}\n'
        frpc = f'serverAddr = "127.0.0.1"\nserverPort = {port}\ntransport.heartbeatInterval = 1\nlog.level = "debug"\n'
        toml = frpc + client_toml(identity, SCOPES + proxy_toml(local, remote))
        async with (
            procs.frps(tmp_path, where + server_toml(identity, SCOPES), side=server),
            procs.frpc(tmp_path, toml, side=client) as program,
        ):
            await program.line("receive heartbeat from server")
            reader, writer = await asyncio.open_connection("127.0.0.1", remote)
            writer.write(b"hello")
            assert await reader.readexactly(5) == b"hello"
            writer.transport.abort()
