"""Server plugins on a frps in this loop: what they decide takes effect, and whom one that fails or hangs holds up."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from aiofrp.client.service import Client
from aiofrp.config.load.files import load_client, load_server
from aiofrp.server import service as service_module
from aiofrp.server.plugins import caller
from aiofrp.server.service import Server
from aiofrp.wire.frp.messages import LoginResp, StartWorkConn
from tests.support.formats import FORMATS, file_of
from tests.support.pluginservice import Asked, PluginService, allow, hang, plugin_service, raw
from tests.support.ports import free_port
from tests.support.rawclient import login, raw_client, work
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


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not done():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def plugged(*ops: str, toml: str = "") -> AsyncIterator[tuple[PluginService, Server]]:
    """A plugin for ``ops`` and a frps that asks it."""
    async with plugin_service() as plugin, running_server(server_config(toml + plugin.table(*ops))) as server:
        yield plugin, server


def proxy(remote: int, *, name: str = "p", kind: str = "tcp", local: int = 1, more: str = "") -> str:
    return (
        f'[[proxies]]\nname = "{name}"\ntype = "{kind}"\nlocalPort = {local}\nremotePort = {remote}\n{more}'
    )


def states(client: Client) -> dict[str, tuple[str, str]]:
    """Where each proxy is and its error, by name."""
    return {p.config.name: (p.state.remote_addr, p.state.error) for p in client.proxies.running()}


def instead(**content: Any) -> Callable[[Asked], Any]:
    """Answer with the content that was asked about, changed."""

    async def decide(asked: Asked) -> Any:
        return {"unchange": False, "content": asked.content | content}

    return decide


def rejecting(reason: str) -> Callable[[Asked], Any]:
    async def decide(asked: Asked) -> Any:
        return {"reject": True, "reject_reason": reason}

    return decide


def answering(response: Any) -> Callable[[Asked], Any]:
    async def decide(asked: Asked) -> Any:
        return response

    return decide


# Login


async def test_a_login_is_allowed_changed_or_rejected() -> None:
    async with plugged("Login") as (plugin, server), raw_client(server.address[1]) as raw_one:
        plugin.decide = instead(
            user="boss", run_id="0123456789abcdef", pool_count=7, client_id="", metas={"a": "b"}
        )
        answer = await raw_one.say(login(user="me", client_id="c", max_message=9000, metas={"x": "y"}))
        assert answer == LoginResp(version="0.70.1", run_id="0123456789abcdef")
        (session,) = server.tables.sessions.all()
        assert (session.user, session.client_id, session.info.metas) == ("boss", "", {"a": "b"})
        assert (session.login.pool_count, session.login.max_message) == (7, 9000)
        (asked,) = plugin.asked
        assert asked.content["user"] == "me"
        assert re.fullmatch(r"127\.0\.0\.1:[0-9]+", asked.content["client_address"])
        assert "aiofrp_max_message" not in asked.content
        for decide, error in (
            (rejecting("not you"), "not you"),
            (rejecting(""), "rejected by plugin [p]"),
            (rejecting("é" * 20_000), "é" * 2048),
            (instead(pool_count=-1), "pool_count -1 is out of range 0..1000000"),
        ):
            plugin.decide = decide
            assert await raw_one.say(login()) == LoginResp(version="0.70.1", error=error)


async def test_a_login_whose_content_is_blanked_fails_with_the_token_and_gets_a_new_run_id_without() -> None:
    async def nothing(asked: Asked) -> Any:
        return {}

    for token in ("t", ""):
        async with (
            plugged("Login", toml=f'auth.token = "{token}"\n') as (plugin, server),
            raw_client(server.address[1]) as raw_one,
        ):
            plugin.decide = nothing
            answer = await raw_one.say(login(token, run_id="0123456789abcdef"))
            assert isinstance(answer, LoginResp)
            if token:
                assert "token in login doesn't match" in answer.error
            else:  # an empty digest is not that of an empty token either
                assert answer.error


FAILURES = {
    "status": (raw({}, "500 No"), "do http request error code: 500"),
    "garbage": (raw([]), "no JSON object"),
    "null": (raw({"content": None}), "content of the answer is null"),
    "type": (
        raw({"unchange": True, "content": {"user": 5, "proxy_name": 5}}),
        "Expected `str`, got `int`|user",
    ),
    "no HTTP": (b"SSH-2.0-x\r\n\r\n", 'Post "http://.*": malformed HTTP response'),
    "huge": (raw({"x": "y" * 1_100_000}), "more than 1048576 bytes"),
}


@pytest.mark.parametrize("name", FAILURES)
async def test_a_plugin_that_fails_refuses_the_event_with_one_line(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    response, cause = FAILURES[name]
    async with plugged("Login") as (plugin, server), raw_client(server.address[1]) as raw_one:
        plugin.decide = answering(response)
        refused = LoginResp(version="0.70.1", error="send Login request to plugin error")
        assert await raw_one.say(login()) == refused
        plugin.decide = allow
        assert not (await raw_one.say(login())).error  # type: ignore[union-attr]
    lines = [record for record in caplog.records if "plugin [p] error" in record.getMessage()]
    (line,) = lines
    request_id = plugin.asked[0].request_id
    assert re.fullmatch("[0-9a-f]{16}", request_id)
    begin = f"[reqid: {request_id}] send Login request to plugin [p] error: "
    assert line.getMessage().startswith(begin)
    assert re.search(cause, line.getMessage())
    assert line.levelno == logging.WARNING


async def test_a_plugin_that_is_away_refuses_and_is_found_again() -> None:
    port = free_port()
    table = f'[[httpPlugins]]\nname = "p"\naddr = "127.0.0.1:{port}"\npath = "/"\nops = ["Login"]\n'
    async with running_server(server_config(table)) as server, raw_client(server.address[1]) as raw_one:
        for _ in range(2):  # there, and gone again
            assert (await raw_one.say(login())).error == "send Login request to plugin error"  # type: ignore[union-attr]
            async with plugin_service(port=port) as plugin:
                assert not (await raw_one.say(login())).error  # type: ignore[union-attr]
                plugin.drop_all()
                assert not (await raw_one.say(login())).error  # type: ignore[union-attr]


async def test_a_login_that_hangs_holds_up_nobody_and_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caller, "TIMEOUT", 3)
    async with plugged("Login") as (plugin, server), raw_client(server.address[1]) as raw_one:

        async def hang_for_one(asked: Asked) -> Any:
            return await (hang if asked.content.get("user") == "slow" else allow)(asked)

        plugin.decide = hang_for_one
        slow = asyncio.create_task((await raw_one.open()).say(login(user="slow")))
        await until(lambda: len(plugin.asked) == 1)
        assert not (await raw_one.say(login(user="quick"))).error  # type: ignore[union-attr]
        assert (await slow).error == "send Login request to plugin error"  # type: ignore[union-attr]


# The chain


async def test_each_plugin_sees_what_the_one_before_left_under_one_request_id() -> None:
    asked: list[tuple[str, Asked]] = []

    def noting(name: str, decide: Callable[[Asked], Any]) -> Callable[[Asked], Any]:
        async def noted(one: Asked) -> Any:
            asked.append((name, one))
            return await decide(one)

        return noted

    async with plugin_service() as one, plugin_service() as two, plugin_service() as three:
        one.decide = noting("one", instead(user="a", client_address="1.2.3.4:5"))
        two.decide = noting("two", instead(metas={"k": "<&>"}))
        three.decide = noting("three", allow)
        tables = one.table("Login") + two.table("Login", "Ping", name="q") + three.table("Login", name="r")
        async with running_server(server_config(tables)) as server, raw_client(server.address[1]) as raw_one:
            assert not (await raw_one.say(login(user="me"))).error  # type: ignore[union-attr]
            assert [name for name, _ in asked] == ["one", "two", "three"]
            assert len({each.request_id for _, each in asked}) == 1
            assert asked[1][1].content["user"] == "a"
            assert asked[2][1].content["client_address"] == "1.2.3.4:5"
            assert asked[2][1].content["metas"] == {"k": "<&>"}
            (session,) = server.tables.sessions.all()
            assert (session.user, session.info.metas) == ("a", {"k": "<&>"})
            two.decide = noting("two", rejecting("no"))
            assert (await raw_one.say(login())).error == "no"  # type: ignore[union-attr]
            assert [name for name, _ in asked[3:]] == ["one", "two"]
            assert asked[3][1].request_id != asked[0][1].request_id


@pytest.mark.parametrize("form", FORMATS)
async def test_the_example_of_the_documents(tmp_path: Path, form: str) -> None:
    """A user manager and a port manager; metadatas of the client and of the proxy."""
    port, remote = free_port(), free_port()
    async with plugin_service() as users, plugin_service() as ports:
        frps = (
            f'bindAddr = "127.0.0.1"\nbindPort = {port}\n'
            '[[httpPlugins]]\nname = "user-manager"\n'
            f'addr = "127.0.0.1:{users.port}"\npath = "/handler"\nops = ["Login"]\n'
            '[[httpPlugins]]\nname = "port-manager"\n'
            f'addr = "127.0.0.1:{ports.port}"\npath = "/handler"\nops = ["NewProxy"]\n'
        )
        frpc = (
            f'serverAddr = "127.0.0.1"\nserverPort = {port}\n'
            'user = "fake"\nmetadatas.token = "fake"\nmetadatas.version = "1.0.0"\n\n[[proxies]]\nname = "ssh"\n'
            f'type = "tcp"\nlocalPort = 22\nremotePort = {remote}\nmetadatas.id = "123"\n'
        )
        async with (
            running_server(load_server(str(file_of(tmp_path, "frps", frps, form))).config),
            running_client(load_client(str(file_of(tmp_path, "frpc", frpc, form))).config) as client,
        ):
            assert states(client) == {"ssh": (f":{remote}", "")}
        (login_asked,), (proxy_asked,) = users.asked, ports.asked
        metas = {"token": "fake", "version": "1.0.0"}
        assert (login_asked.op, login_asked.content["metas"]) == ("Login", metas)
        assert (proxy_asked.op, proxy_asked.content["metas"]) == ("NewProxy", {"id": "123"})
        assert proxy_asked.content["user"]["metas"] == metas


# Proxies


async def test_a_proxy_is_moved_renamed_or_rejected() -> None:
    first, second, third = free_port(), free_port(), free_port()
    async with local_service(echo) as local, plugged("NewProxy", "Login") as (plugin, server):

        async def decide(asked: Asked) -> Any:
            if asked.op == "Login":
                return await instead(user="boss")(asked)
            name = asked.content["proxy_name"]
            if name == "u.moved":
                return await instead(remote_port=second)(asked)
            return {"reject": True, "reject_reason": f"no {name}"}

        plugin.decide = decide
        proxies = proxy(first, name="moved", local=local) + proxy(
            third, name="other", more="metadatas.id = '7'\n"
        )
        toml = 'user = "u"\nmetadatas.m = "1"\n' + proxies
        async with running_client(client_config(server.address[1], toml)) as client:
            assert states(client) == {"moved": (f":{second}", ""), "other": ("", "no u.other")}
            assert await exchange(second, b"hello") == b"hello"
            (other,) = [asked for asked in plugin.of("NewProxy") if asked.content["proxy_name"] == "u.other"]
            assert other.content == {
                "user": {"user": "boss", "metas": {"m": "1"}, "run_id": client.run_id},
                "proxy_name": "u.other",
                "proxy_type": "tcp",
                "metas": {"id": "7"},
                "remote_port": third,
            }


async def test_the_end_of_a_proxy_is_told_to_every_plugin_also_when_one_fails(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with plugin_service() as bad, plugin_service() as good:
        bad.decide = answering(raw({}, "500 No"))
        tables = bad.table("CloseProxy", name="bad") + good.table("CloseProxy")
        toml = (
            'user = "u"\n'
            + proxy(free_port(), name="a")
            + proxy(free_port(), name="b")
            + proxy(free_port(), name="c")
        )
        server = Server(server_config(tables))
        await server.start()
        async with running_client(client_config(server.address[1], toml)) as client:
            run_id = client.run_id
            (first, *rest) = [p.config for p in client.proxies.running()]
            await client.proxies.update(tuple(rest))
            await until(lambda: len(good.asked) == 1)
            assert good.asked[0].content == {
                "user": {"user": "u", "metas": None, "run_id": run_id},
                "proxy_name": f"u.{first.name}",
            }
        await until(lambda: len(good.asked) == 3)  # the session ends
        assert {asked.content["proxy_name"] for asked in good.asked} == {"u.a", "u.b", "u.c"}
        assert len(bad.asked) == 3
        await server.stop(0)
    assert (
        caplog.text.count("send CloseProxy request to plugin [bad] error: do http request error code: 500")
        == 3
    )


async def test_the_end_of_the_program_is_told_within_a_limit(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    toml = "".join(proxy(free_port(), name=f"n{number}") for number in range(5))
    for slow in (False, True):
        if slow:
            monkeypatch.setattr(service_module, "NOTICE_GRACE", 0.05)
        async with plugin_service(hang if slow else allow) as plugin:
            server = Server(server_config(plugin.table("CloseProxy")))
            await server.start()
            async with running_client(client_config(server.address[1], "loginFailExit = false\n" + toml)):
                await server.stop(0)
            assert slow or len(plugin.asked) == 5
        assert ("before hooks are told that 5 proxies are closed" in caplog.text) is slow


# Heartbeats and work connections


async def test_a_ping_is_judged_and_one_that_hangs_holds_up_only_its_session() -> None:
    remote = free_port()
    async with local_service(echo) as local, plugged("Ping", "NewProxy") as (plugin, server):
        pings = "transport.heartbeatInterval = 1\n"

        async def hang_for_one(asked: Asked) -> Any:
            slow = asked.op == "Ping" and asked.content["user"]["user"] == "slow"
            return await (hang if slow else allow)(asked)

        plugin.decide = hang_for_one
        config = client_config(server.address[1], 'user = "slow"\n' + pings + proxy(remote, local=local))
        async with running_client(config):
            await until(lambda: bool(plugin.of("Ping")))
            (asked,) = plugin.of("Ping")
            assert asked.content["user"]["user"] == "slow"
            assert await exchange(remote, b"hello") == b"hello"  # its users go on
            quick = client_config(
                server.address[1], 'user = "quick"\n' + pings + proxy(free_port(), local=local)
            )
            async with running_client(quick) as client:
                assert [error for _, error in states(client).values()] == [""]
                await until(lambda: len(plugin.of("Ping")) >= 3)
                plugin.decide = rejecting("no longer")
                control = client._control
                assert control is not None
                await until(control.lost.done)
                assert "no longer" in str(control.lost.result())


async def test_a_work_connection_is_rejected_or_waits_alone() -> None:
    async with plugged("NewWorkConn") as (plugin, server), raw_client(server.address[1]) as raw_one:
        answer = await raw_one.say(login(user="u"))
        assert isinstance(answer, LoginResp)
        plugin.decide = rejecting("not today")
        assert await raw_one.say(work(answer.run_id)) == StartWorkConn(error="not today")
        (asked,) = plugin.asked
        assert asked.content == {
            "user": {"user": "u", "metas": None, "run_id": answer.run_id},
            "run_id": answer.run_id,
        }
        plugin.decide = hang
        waiting = asyncio.create_task((await raw_one.open()).say(work(answer.run_id)))
        await until(lambda: len(plugin.asked) == 2)
        plugin.decide = allow
        given = asyncio.create_task((await raw_one.open()).say(work(answer.run_id)))
        session: Any = server.tables.sessions.find(answer.run_id)
        await until(lambda: len(session.pool._idle) == 1)
        assert not waiting.done()
        await session.close()
        assert await waiting is None
        assert await given is None


# Users


async def answers(port: int) -> bytes:
    try:
        return await exchange(port, b"hello")
    except ConnectionError:
        return b""


async def test_users_are_asked_about_and_changes_are_ignored(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    remote = free_port()
    async with local_service(echo) as local, plugged("NewUserConn") as (plugin, server):
        config = client_config(server.address[1], 'user = "u"\n' + proxy(remote, local=local))
        async with running_client(config) as client:
            assert await answers(remote) == b"hello"
            (asked,) = plugin.asked
            assert asked.content["user"] == {"user": "u", "metas": None, "run_id": client.run_id}
            assert (asked.content["proxy_name"], asked.content["proxy_type"]) == ("u.p", "tcp")
            assert re.fullmatch(r"127\.0\.0\.1:[0-9]+", asked.content["remote_addr"])
            plugin.decide = instead(proxy_name="x", remote_addr="y")
            assert await answers(remote) == b"hello"
            plugin.decide = rejecting("no entry")
            assert await answers(remote) == b""
            assert "no entry" in caplog.text
            plugin.decide = answering(raw({}, "500 No"))
            assert await answers(remote) == b""
    (line,) = [record for record in caplog.records if "plugin [p] error" in record.getMessage()]
    assert line.levelno == logging.INFO


async def test_a_plugin_that_hangs_holds_up_that_user_alone() -> None:
    remote = free_port()
    async with (
        local_service(echo) as local,
        plugged("NewUserConn") as (plugin, server),
        running_client(client_config(server.address[1], proxy(remote, local=local))),
    ):
        plugin.decide = hang
        waits = asyncio.create_task(answers(remote))
        await until(lambda: len(plugin.asked) == 1)
        plugin.decide = allow
        assert await answers(remote) == b"hello"
        assert not waits.done()
        plugin.drop_all()
        assert await waits == b""


async def test_users_of_http_and_udp_are_not_asked_about() -> None:
    vhost, remote = free_port(), free_port()
    toml = f"vhostHTTPPort = {vhost}\n"
    async with plugged("NewUserConn", toml=toml) as (plugin, server):
        config = client_config(
            server.address[1],
            '[[proxies]]\nname = "h"\ntype = "http"\nlocalPort = 1\ncustomDomains = ["a.test"]\n'
            + proxy(remote, kind="udp"),
        )
        async with running_client(config):
            for name in ("h", "p"):
                published = server.tables.published.find(name)
                assert published is not None
                assert published.half.context.admits_all
        assert not plugin.asked
