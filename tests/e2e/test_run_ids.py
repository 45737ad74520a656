"""What a run id is worth to others: over another carrier, without the token, for a take-over, in logs and the API."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from aiofrp.client.service import Client
from aiofrp.logs import short_id
from aiofrp.server.service import Server
from aiofrp.wire.frp.codec import V1
from aiofrp.wire.frp.messages import LoginResp, NewVisitorConn, NewVisitorConnResp, StartWorkConn
from tests.support import procs
from tests.support.peers import needs_go
from tests.support.ports import free_port
from tests.support.rawclient import login, raw_client, work
from tests.support.tunnel import (
    PATIENCE,
    client_config,
    echo,
    local_service,
    running_client,
    running_server,
    server_config,
)

TOKEN = 'auth.token = "t"\n'
NO_MUX = "transport.tcpMux = false\n"


@asynccontextmanager
async def tunnel(
    toml: str = "", client_toml: str = "", server_toml: str = ""
) -> AsyncIterator[tuple[Server, Client, int]]:
    """A client with an echo service, and the port of its users."""
    remote = free_port()
    async with (
        local_service(echo) as local,
        running_server(server_config(TOKEN + toml + server_toml)) as server,
    ):
        entry = f'[[proxies]]\nname = "echo"\ntype = "tcp"\nlocalPort = {local}\nremotePort = {remote}\n'
        config = client_config(server.address[1], TOKEN + toml + client_toml + entry)
        async with running_client(config) as client:
            yield server, client, remote


async def works(remote: int) -> None:
    """A user gets his answer; he does not half-close, which frp takes for the end."""
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection("127.0.0.1", remote)
        try:
            writer.write(b"hello")
            assert await reader.readexactly(5) == b"hello"
        finally:
            writer.close()
            await writer.wait_closed()


# Work connections


@pytest.mark.parametrize("proof", [None, "t", "wrong"])
@pytest.mark.parametrize("thief", ["", 'transport.protocol = "websocket"\n', "quic"])
async def test_over_another_carrier_it_opens_nothing(
    thief: str, proof: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    quic = free_port()
    async with tunnel(server_toml=f"quicBindPort = {quic}\n") as (server, client, remote):
        port, over = (
            (quic, 'transport.protocol = "quic"\n') if thief == "quic" else (server.address[1], thief)
        )
        async with raw_client(port, over) as raw:
            answer = await raw.say(work(client.run_id, proof))
            assert isinstance(answer, StartWorkConn)
            unknown = await raw.say(work("f" * 16, proof))
            assert isinstance(unknown, StartWorkConn)
            shown = short_id(client.run_id)
            assert answer.error == unknown.error.replace("ffffff", shown), "it does not tell what exists"
            await asyncio.gather(*(works(remote) for _ in range(20)))
        assert f"[{shown}] a connection from" in caplog.text


async def test_over_quic_the_connection_of_the_login_counts() -> None:
    quic = free_port()
    remote = free_port()
    async with (
        local_service(echo) as local,
        running_server(server_config(TOKEN + f"quicBindPort = {quic}\n")) as server,
    ):
        entry = f'[[proxies]]\nname = "echo"\ntype = "tcp"\nlocalPort = {local}\nremotePort = {remote}\n'
        over = 'transport.protocol = "quic"\n'
        async with running_client(client_config(quic, TOKEN + over + entry)) as client:
            tcp = server.address[1]
            for port, toml in ((quic, over), (tcp, ""), (tcp, "transport.tls.enable = false\n")):
                async with raw_client(port, toml) as raw:
                    answer = await raw.say(work(client.run_id, "t"))
                    assert isinstance(answer, StartWorkConn)
                    assert answer.error
            await works(remote)


async def test_without_a_shared_carrier_our_client_proves_and_others_must(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with tunnel(NO_MUX) as (server, client, remote):
        await works(remote)
        for proof, wanted in ((None, "doesn't match"), ("wrong", "doesn't match")):
            async with raw_client(server.address[1], NO_MUX) as raw:
                answer = await raw.say(work(client.run_id, proof))
                assert isinstance(answer, StartWorkConn)
                assert wanted in answer.error
        await asyncio.gather(*(works(remote) for _ in range(20)))


async def test_a_proof_that_is_shown_is_judged() -> None:
    """Also for a client that shows none, as those of frp do: nobody has proved anything for it yet."""
    async with (
        running_server(server_config(TOKEN + NO_MUX)) as server,
        raw_client(server.address[1], NO_MUX) as raw,
    ):
        answer = await raw.say(login("t"))
        assert isinstance(answer, LoginResp)
        refused = await raw.say(work(answer.run_id, "wrong"))
        assert isinstance(refused, StartWorkConn)
        assert "doesn't match" in refused.error
        session = server.tables.sessions.find(answer.run_id)
        waiting = (await raw.open()).stream
        waiting.write(V1.encode(work(answer.run_id)))
        async with asyncio.timeout(10):
            while not session.pool._idle:
                await asyncio.sleep(0.01)
        waiting.close()


async def test_a_visitor_has_the_user_of_its_carrier() -> None:
    """A secret proxy for one user is not opened with that user's run id."""
    entry = '[[proxies]]\nname = "s"\ntype = "stcp"\nsecretKey = ""\nallowUsers = ["u"]\nlocalPort = 1\n'
    async with running_server(server_config(TOKEN)) as server:
        port = server.address[1]
        config = client_config(port, TOKEN + 'user = "u"\n' + entry)
        async with running_client(config) as client, raw_client(port) as raw:
            assert isinstance(await raw.say(login("t")), LoginResp)
            proof = login("")  # the secret is empty
            answer = await raw.say(
                NewVisitorConn(
                    proxy_name="u.s",
                    run_id=client.run_id,
                    sign_key=proof.privilege_key,
                    timestamp=proof.timestamp,
                )
            )
            assert isinstance(answer, NewVisitorConnResp)
            assert "no client control found" in answer.error


# Take-over


@pytest.mark.parametrize(
    "other",
    [
        {"user": "mallory"},
        {"client_id": "other"},
        {"user": "u", "client_id": "laptopx"},
        {"user": "u", "client_id": ""},
    ],
)
async def test_others_do_not_take_over(other: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    async with tunnel(client_toml='user = "u"\nclientID = "laptop"\n') as (server, client, remote):
        reader, writer = await asyncio.open_connection("127.0.0.1", remote)
        async with raw_client(server.address[1]) as raw:
            answer = await raw.say(login("t", run_id=client.run_id, **other))
            assert isinstance(answer, LoginResp)
            assert "in use by a client with another user, client id or credential" in answer.error
        writer.write(b"still here")
        assert await reader.readexactly(10) == b"still here"
        writer.close()
        assert len(server.tables.sessions) == 1
        assert [record.online for record in server.tables.clients.all()] == [True]
        assert client.run_id not in caplog.text


async def test_the_same_client_takes_over() -> None:
    async with running_server(server_config(TOKEN)) as server, raw_client(server.address[1]) as first:
        answer = await first.say(login("t", user="u", client_id="c"))
        assert isinstance(answer, LoginResp)
        async with raw_client(server.address[1]) as second:
            again = await second.say(login("t", user="u", client_id="c", run_id=answer.run_id))
            assert isinstance(again, LoginResp)
            assert (again.error, again.run_id) == ("", answer.run_id)
            assert len(server.tables.sessions) == 1


@pytest.mark.parametrize(
    ("user", "run_id"), [("", "u.laptop"), ("u", "laptop"), ("u.laptop", "u.laptop"), ("x", "u.laptop")]
)
async def test_a_run_id_that_is_a_clients_name_is_refused(user: str, run_id: str) -> None:
    async with tunnel(client_toml='user = "u"\nclientID = "laptop"\n') as (server, _, remote):
        async with raw_client(server.address[1]) as raw:
            answer = await raw.say(login("t", user=user, run_id=run_id))
            assert isinstance(answer, LoginResp)
            assert "is the name of another client" in answer.error
        (record,) = server.tables.clients.all()
        assert (record.key, record.online) == ("u.laptop", True)
        await works(remote)


# Logs and the API


async def test_logs_never_show_it_whole(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "aiofrp")
    async with tunnel() as (server, client, remote):
        await works(remote)
        whole = client.run_id
        async with raw_client(server.address[1]) as raw:
            await raw.say(work(whole))
            await raw.say(login("wrong", run_id=whole))
        async with raw_client(server.address[1]) as raw:
            await raw.say(login("t", run_id=whole, user="x"))
            await raw.say(login("t", run_id=whole))  # a take-over, as this client has no names
    assert f"[{short_id(whole)}]" in caplog.text
    assert "replaced by client" in caplog.text
    assert whole not in caplog.text


@pytest.mark.parametrize("password", [True, False])
async def test_the_api_shows_it_to_those_who_are_logged_in(password: bool) -> None:
    port = free_port()
    web = f"webServer.port = {port}\n" + (
        'webServer.user = "admin"\nwebServer.password = "secret"\n' if password else ""
    )
    headers = {"Authorization": aiohttp.encode_basic_auth("admin", "secret")} if password else {}
    async with (
        tunnel(server_toml=web) as (_, client, _),
        aiohttp.ClientSession(f"http://127.0.0.1:{port}", headers=headers) as http,
    ):
        key = client.run_id if password else short_id(client.run_id)
        for path in (
            "/api/clients",
            f"/api/clients?runId={key}",
            f"/api/clients/{key}",
            "/api/proxy/tcp",
            "/api/v2/clients",
            f"/api/v2/clients?runID={key}&clientID={key}",
            f"/api/v2/clients/{key}",
            f"/api/v2/proxies?clientID={key}",
        ):
            async with http.get(path) as response:
                assert response.status == 200, path
                text = await response.text()
            assert key in text.replace(path, ""), path
            assert (client.run_id in text) == password, path
        async with http.get(f"/api/v2/clients/{key}") as response:
            assert json.loads(await response.text())["data"]["status"]["proxyCount"] == 1


# Beside frp


def go_tomls(bind: int, remote: int, local: int) -> tuple[str, str]:
    server = f'bindAddr = "127.0.0.1"\nbindPort = {bind}\n{TOKEN}{NO_MUX}'
    client = f'serverAddr = "127.0.0.1"\nserverPort = {bind}\n{TOKEN}{NO_MUX}'
    entry = f'[[proxies]]\nname = "echo"\ntype = "tcp"\nlocalPort = {local}\nremotePort = {remote}\n'
    return server, client + entry


@needs_go
@pytest.mark.parametrize("scopes", ["", 'auth.additionalScopes = ["NewWorkConns"]\n'])
@pytest.mark.parametrize(("server", "client"), [("go", "ours"), ("ours", "go")])
async def test_proofs_beside_frp(server: procs.Side, client: procs.Side, scopes: str, tmp_path: Path) -> None:
    """frp's frps does not mind the proof, and its frpc that shows none is served."""
    bind, remote = free_port(), free_port()
    async with local_service(echo) as local:
        server_toml, client_toml = go_tomls(bind, remote, local)
        async with (
            procs.frps(tmp_path, scopes + server_toml, side=server),
            procs.frpc(tmp_path, scopes + client_toml, side=client),
        ):
            for _ in range(3):
                await works(remote)
