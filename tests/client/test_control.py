"""The control session of frpc: credentials that take their time, and messages that others expect."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from aiofrp.client.auth import Credentials, TokenCredentials
from aiofrp.client.service import Client
from aiofrp.errors import AuthError
from aiofrp.server.service import Server
from aiofrp.wire.frp.messages import NatHoleResp, NatHoleSid, NewWorkConn, Ping
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
)


class Slow:
    """The token, shown a little later; heartbeats and work connections fail while it is ``expired``."""

    def __init__(self) -> None:
        self._token = TokenCredentials("t", ("HeartBeats", "NewWorkConns"))
        self.expired = False
        self.pings = 0

    async def login(self, timestamp: int) -> str:
        return await self._token.login(timestamp)

    async def ping(self) -> Ping:
        self.pings += 1
        await self._wait()
        return await self._token.ping()

    async def work_connection(self, run_id: str) -> NewWorkConn:
        await self._wait()
        return await self._token.work_connection(run_id)

    async def _wait(self) -> None:
        await asyncio.sleep(0)
        if self.expired:
            raise AuthError("expired")


@asynccontextmanager
async def tunnel(credentials: Credentials, remote: int) -> AsyncIterator[tuple[Server, Client]]:
    """A tcp proxy on ``remote``, with these credentials."""
    scopes = 'auth.token = "t"\nauth.additionalScopes = ["HeartBeats", "NewWorkConns"]\n'
    async with local_service(echo) as local, running_server(server_config(scopes)) as server:
        toml = (
            scopes
            + "transport.heartbeatInterval = 1\n"
            + f'[[proxies]]\nname = "p"\ntype = "tcp"\nlocalPort = {local}\nremotePort = {remote}\n'
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("aiofrp.client.service.TokenCredentials", lambda *args, **kwargs: credentials)
            async with running_client(client_config(server.address[1], toml)) as client:
                yield server, client


async def test_credentials_that_take_their_time_are_awaited() -> None:
    slow, remote = Slow(), free_port()
    async with tunnel(slow, remote) as (_, client), asyncio.timeout(PATIENCE):
        assert await exchange(remote, b"hello") == b"hello"
        control = client._control
        assert control is not None
        while slow.pings < 2:
            await asyncio.sleep(0.01)
        assert not control.lost.done()


async def test_without_a_credential_a_heartbeat_is_left_out_and_a_work_connection_is_not_made(
    caplog: pytest.LogCaptureFixture,
) -> None:
    slow, remote = Slow(), free_port()
    async with tunnel(slow, remote) as (_, client), asyncio.timeout(PATIENCE):
        assert await exchange(remote, b"hello") == b"hello"
        slow.expired = True
        control = client._control
        assert control is not None
        while "error during ping authentication: expired" not in caplog.text:
            await asyncio.sleep(0.01)
        assert not control.lost.done()
        while control.idle_work:  # one may be pooled, with a credential of before
            assert await exchange(remote, b"hello") == b"hello"
        _, writer = await asyncio.open_connection("127.0.0.1", remote)
        while "new work connection failed: expired" not in caplog.text:
            await asyncio.sleep(0.01)
        writer.transport.abort()


async def test_a_message_reaches_who_expects_it_and_others_are_logged_alone() -> None:
    remote = free_port()
    credentials = TokenCredentials("t", ("HeartBeats", "NewWorkConns"))
    async with tunnel(credentials, remote) as (server, client), asyncio.timeout(PATIENCE):
        (running,) = client.proxies.running()
        came: asyncio.Future[NatHoleResp] = asyncio.get_running_loop().create_future()
        end = running.messages.expect(NatHoleResp, came.set_result, "7")
        session = server.tables.sessions.find(client.run_id)
        told: asyncio.Future[NatHoleSid] = asyncio.get_running_loop().create_future()
        session.messages.expect(NatHoleSid, told.set_result)
        for transaction in ("6", "7"):
            session.messages.send(NatHoleResp(transaction_id=transaction))
        assert (await came).transaction_id == "7"
        end()
        running.messages.send(NatHoleSid(sid="s"))
        assert (await told).sid == "s"
        assert await exchange(remote, b"still here") == b"still here"
