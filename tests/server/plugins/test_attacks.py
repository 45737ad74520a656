"""Plugins that hang in every way while many users and clients wait for them: nobody else notices."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from aiofrp.server.plugins import caller
from tests.server.plugins.test_chain import answers, plugged, proxy, rejecting, states, until
from tests.support.pluginservice import Asked, allow, hang
from tests.support.ports import free_port
from tests.support.rawclient import login, raw_client
from tests.support.tunnel import client_config, echo, exchange, local_service, running_client

#: Users that come to the proxy whose plugin hangs.
USERS = 40


async def begin(asked: Asked) -> Any:
    """The beginning of an answer, and no more."""
    return b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"


async def promise(asked: Asked) -> Any:
    """Interim responses, and no more."""
    return b"HTTP/1.1 100 Continue\r\n\r\n" * 100


@pytest.mark.parametrize("shape", [hang, begin, promise], ids=lambda shape: shape.__name__)
async def test_many_users_at_a_plugin_that_hangs_wait_alone_and_not_for_ever(
    shape: Callable[[Asked], Awaitable[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caller, "TIMEOUT", 3)
    slow, quick = free_port(), free_port()
    async with local_service(echo) as local, plugged("NewUserConn", "Login") as (plugin, server):

        async def decide(asked: Asked) -> Any:
            waits = asked.content.get("proxy_name") == "slow"
            return await (shape if waits else allow)(asked)

        plugin.decide = decide
        proxies = proxy(slow, name="slow", local=local) + proxy(quick, name="quick", local=local)
        async with running_client(client_config(server.address[1], proxies)):
            users = [asyncio.create_task(answers(slow)) for _ in range(USERS)]

            def waiting() -> bool:
                return len(plugin.of("NewUserConn")) + sum(user.done() for user in users) >= USERS

            await until(waiting)
            assert await exchange(quick, b"hello") == b"hello"
            async with raw_client(server.address[1]) as other:
                assert not (await other.say(login())).error  # type: ignore[union-attr]
            assert set(await asyncio.gather(*users)) == {b""}
            assert await exchange(quick, b"hello") == b"hello"


async def test_a_proxy_whose_plugin_hangs_holds_up_its_client_alone() -> None:
    first, second = free_port(), free_port()
    async with local_service(echo) as local, plugged("NewProxy", "NewWorkConn") as (plugin, server):

        async def decide(asked: Asked) -> Any:
            return await (hang if asked.content.get("proxy_name") == "slow.late" else allow)(asked)

        plugin.decide = decide
        port = server.address[1]
        one = 'user = "slow"\n' + proxy(first, name="p", local=local)
        both = client_config(port, one + proxy(free_port(), name="late"))
        quick = 'user = "quick"\n' + proxy(second, local=local)
        async with running_client(client_config(port, one)) as client:
            await client.proxies.update(both.proxies)
            await until(lambda: len(plugin.of("NewProxy")) == 2)
            async with running_client(client_config(port, quick)) as other:
                assert [error for _, error in states(other).values()] == [""]
                assert await exchange(second, b"hello") == b"hello"
            assert await exchange(first, b"hello") == b"hello"  # users of the client that waits
            plugin.decide = rejecting("too late")
            plugin.drop_all()  # what was asked over a kept connection is asked once more
            await until(lambda: states(client)["late"][1] == "too late")


async def test_a_plugin_that_dies_refuses_those_who_wait_and_serves_again_when_it_is_back() -> None:
    remote = free_port()
    async with local_service(echo) as local, plugged("NewUserConn") as (plugin, server):
        plugin.decide = hang
        async with running_client(client_config(server.address[1], proxy(remote, local=local))):
            users = [asyncio.create_task(answers(remote)) for _ in range(USERS)]
            await until(lambda: len(plugin.asked) == USERS)
            plugin.decide = allow
            plugin.drop_all()
            assert set(await asyncio.gather(*users)) == {b""}
            assert await asyncio.gather(*(answers(remote) for _ in range(20))) == [b"hello"] * 20
