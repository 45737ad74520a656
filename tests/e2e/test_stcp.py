"""The stcp proxy and its visitors through a whole tunnel, ours on every side."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from aiofrp.client.service import Client
from aiofrp.server.service import Server
from aiofrp.server.session.control import ServerControl
from tests.support.ends import until
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

MIXES = list(itertools.product((True, False), repeat=4))


def proxy(local: int, extra: str = "", kind: str = "stcp") -> str:
    return f"""
[[proxies]]
name = "secret"
type = "{kind}"
secretKey = "abc"
localPort = {local}
{extra}
"""


def visitor(port: int, extra: str = "", key: str = "abc", kind: str = "stcp", name: str = "v") -> str:
    return f"""
[[visitors]]
name = "{name}"
type = "{kind}"
serverName = "secret"
secretKey = "{key}"
bindPort = {port}
{extra}
"""


def layers(encryption: bool, compression: bool) -> str:
    return (
        f"transport.useEncryption = {str(encryption).lower()}\n"
        f"transport.useCompression = {str(compression).lower()}"
    )


@asynccontextmanager
async def meeting(
    proxy_side: str, visitor_side: str, *, switch: str = "", server_switch: str = ""
) -> AsyncIterator[tuple[Server, Client]]:
    """A server, the client with the proxy and another with the visitor, which is given."""
    async with running_server(server_config(switch + server_switch)) as server:
        port = server.address[1]
        async with (
            running_client(client_config(port, switch + proxy_side)),
            running_client(client_config(port, switch + visitor_side)) as client,
        ):
            await until(lambda: client.run_id)
            yield server, client


async def listening(client: Client, name: str = "v") -> None:
    await until(lambda: client.visitors.find(name))


@pytest.mark.parametrize(("mux", "inner", "outer", "v2"), MIXES)
async def test_every_mix_of_layers_on_both_legs(mux: bool, inner: bool, outer: bool, v2: bool) -> None:
    port = free_port()
    switch = f"transport.tcpMux = {str(mux).lower()}\n"
    data = os.urandom(200_000) + bytes(300_000)
    wire = 'transport.wireProtocol = "v2"\n' if v2 else ""
    async with local_service(echo) as local:
        proxy_side = proxy(local, layers(inner, not inner))
        visitor_side = wire + visitor(port, layers(outer, outer))
        async with meeting(proxy_side, visitor_side, switch=switch) as (_, client):
            await listening(client)
            assert await exchange(port, data) == data
            answers = await asyncio.gather(*(exchange(port, b"%d" % i) for i in range(20)))
            assert answers == [b"%d" % i for i in range(20)]


async def served(port: int) -> bool:
    """Whether a user of a visitor gets an answer; one that is refused sees the end at once."""
    try:
        return await exchange(port, b"hello") == b"hello"
    except ConnectionError:
        return False


@pytest.mark.parametrize(
    ("owner", "allowed", "user", "server_user", "enters"),
    [
        ("", "", "", "", True),
        ("alice", "", "alice", "", True),
        ("alice", "", "bob", "alice", False),
        ("alice", "allowUsers = ['bob', 'carl']", "bob", "alice", True),
        ("alice", "allowUsers = ['bob', 'carl']", "alice", "", False),
        ("alice", "allowUsers = ['*']", "dave", "alice", True),
        ("alice", "", "", "alice", False),
    ],
)
async def test_who_may_enter(
    owner: str, allowed: str, user: str, server_user: str, enters: bool, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    async with local_service(echo) as local:
        proxy_side = f'user = "{owner}"\n' + proxy(local, allowed)
        visitor_side = f'user = "{user}"\n' + visitor(port, f'serverUser = "{server_user}"')
        async with meeting(proxy_side, visitor_side) as (_, client):
            await listening(client)
            assert await served(port) is enters
    refused = f"visitor connection of [{owner}.secret] user [{user}] not allowed"
    assert (refused in caplog.text) is not enters


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (visitor(0, key="wrong"), "visitor connection of [secret] auth failed"),
        (visitor(0).replace('"secret"', '"other"'), "custom listener for [other] doesn't exist"),
    ],
)
async def test_what_the_server_refuses(entry: str, reason: str, caplog: pytest.LogCaptureFixture) -> None:
    port = free_port()
    side = entry.replace("bindPort = 0", f"bindPort = {port}")
    async with local_service(echo) as local, meeting(proxy(local), side) as (_, client):
        await listening(client)
        assert not await served(port)
    assert f"dialRawVisitorConn error: start new visitor connection error: {reason}" in caplog.text


async def test_a_server_that_hides_its_reasons(caplog: pytest.LogCaptureFixture) -> None:
    port = free_port()
    side = visitor(port, key="wrong")
    hidden = "detailedErrorsToClient = false\n"
    async with local_service(echo) as local, meeting(proxy(local), side, server_switch=hidden) as (_, client):
        await listening(client)
        assert not await served(port)
    assert "start new visitor connection error: register visitor conn error" in caplog.text


async def test_a_name_has_one_door() -> None:
    async with local_service(echo) as local, running_server(server_config()) as server:
        port = server.address[1]
        async with running_client(client_config(port, proxy(local))):
            assert len(server.tables.doors) == 1
            async with running_client(client_config(port, proxy(local))) as second:
                (running,) = second.proxies.running()
                assert running.state.error == "proxy [secret] already exists"
        await until(lambda: not len(server.tables.doors))


async def test_visitors_close_with_the_session_and_come_back() -> None:
    port = free_port()
    async with local_service(echo) as local, meeting(proxy(local), visitor(port)) as (server, client):
        await listening(client)
        before = client.visitors.find("v")
        session = server.tables.sessions.find(client.run_id)
        assert isinstance(session, ServerControl)
        await session.close()
        await until(lambda: client.visitors.find("v") is None)
        with pytest.raises(ConnectionError):
            await exchange(port, b"nobody")
        await listening(client)
        assert client.visitors.find("v") is not before
        assert await served(port)


async def test_a_visitor_whose_port_is_taken_waits_for_it(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiofrp.client.visitors.RETRY_EVERY", 0.05)
    caplog.set_level("INFO")
    async with local_service(echo) as taken, meeting("", visitor(taken)) as (_, client):
        await until(lambda: "try to start visitor [v]" in caplog.text)
        assert client.visitors.find("v") is None
    text = f"[v] start error: listen tcp 127.0.0.1:{taken}: bind: address already in use"
    assert text in caplog.text


async def test_a_visitor_without_a_port_listens_nowhere() -> None:
    async with local_service(echo) as local, meeting(proxy(local), visitor(-1)) as (_, client):
        await listening(client)


async def test_a_reload_touches_changed_visitors_only(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    ports = [free_port() for _ in range(3)]
    first = visitor(ports[0], name="kept") + visitor(ports[1], name="moved")
    second = visitor(ports[0], name="kept") + visitor(ports[2], name="moved")
    async with local_service(echo) as local, meeting(proxy(local), first) as (server, client):
        await listening(client, "moved")
        kept = client.visitors.find("kept")
        reader, writer = await asyncio.open_connection("127.0.0.1", ports[0])
        writer.write(b"before")
        assert await reader.readexactly(6) == b"before"
        await client.visitors.update(client_config(server.address[1], second).visitors)
        assert client.visitors.find("kept") is kept
        with pytest.raises(ConnectionError):
            await exchange(ports[1], b"")
        assert await served(ports[2])
        writer.write(b"after")
        assert await reader.readexactly(5) == b"after"
        writer.close()
    assert "visitor added: [kept moved]" in caplog.text
    assert "visitor removed: [moved]" in caplog.text
    assert "[moved] start visitor success" in caplog.text
