"""Run ids and client ids: two logins at once, one that is cancelled, one that dies before it begins. Nothing stays
claimed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import cast

import pytest
import pytest_asyncio

from aiofrp import logs
from aiofrp.errors import AuthError, FrpError, ProxyError
from aiofrp.server.hooks import NoHooks, Op
from aiofrp.server.oidc.verifier import Trusting
from aiofrp.server.publish.proxies import Proxies
from aiofrp.server.session.auth import TokenVerifier
from aiofrp.server.session.control import ServerControl
from aiofrp.server.session.sessions import ControlSession, Sessions, gives_way
from aiofrp.server.tables import Tables, tables_of
from aiofrp.wire.frp.codec import V1
from aiofrp.wire.frp.messages import Login
from tests.support.ends import until
from tests.support.rawclient import login, raw_client
from tests.support.tunnel import running_server, server_config


class Slow(ServerControl):
    """A session whose proxies stop when the test allows it."""

    allowed: asyncio.Event

    async def stop_proxies(self) -> None:
        await self.allowed.wait()
        await super().stop_proxies()


@pytest_asyncio.fixture
async def tables() -> AsyncIterator[Tables]:
    made = tables_of(server_config(), {})
    yield made
    await made.scope.close()
    assert_empty(made.sessions)


def assert_empty(sessions: Sessions) -> None:
    assert not len(sessions)
    assert not sessions._clients
    assert not sessions._before


def session(tables: Tables, run_id: str = "r", user: str = "", client_id: str = "") -> ServerControl:
    login = Login(user=user, client_id=client_id)
    return ServerControl(tables, Proxies(tables), login, run_id, V1, None, TokenVerifier("", ()))


async def entered(tables: Tables, run_id: str = "r", user: str = "", client_id: str = "") -> ServerControl:
    control = session(tables, run_id, user, client_id)
    await control.enter()
    return control


async def slow(tables: Tables, client_id: str = "") -> Slow:
    login = Login(client_id=client_id)
    control = Slow(tables, Proxies(tables), login, "r", V1, None, TokenVerifier("", ()))
    control.allowed = asyncio.Event()
    await control.enter()
    return control


async def test_a_session_is_found_once_it_runs_and_gone_when_it_is_closed(tables: Tables) -> None:
    control = await entered(tables, "r", "u", "c")
    with pytest.raises(ProxyError, match=r"run id \[r\] is no longer current"):
        tables.sessions.find("r")
    control.running = True
    assert tables.sessions.find("r") is control
    assert tables.sessions.all() == [control]
    await control.close()
    with pytest.raises(ProxyError, match=r"no client control found for run id \[r\]"):
        tables.sessions.find("r")


@pytest.mark.parametrize(
    ("other", "text"),
    [
        (("r", "v", ""), "in use by a client with another user, client id or credential"),
        (("r", "u", ""), "in use by a client with another user, client id or credential"),
        (("r", "u", "d"), "in use by a client with another user, client id or credential"),
        (("s", "u", "c"), r"client_id \[c\] for user \[u\] is already online"),
    ],
)
async def test_another_client_is_refused(tables: Tables, other: tuple[str, str, str], text: str) -> None:
    control = await entered(tables, "r", "u", "c")
    with pytest.raises(AuthError, match=text):
        await entered(tables, *other)
    assert tables.sessions.all() == [control]
    await control.close()


async def test_the_run_id_of_another_subject_is_refused(tables: Tables) -> None:
    control = await entered(tables, "r", "u", "c")
    other = ServerControl(
        tables, Proxies(tables), Login(user="u", client_id="c"), "r", V1, None, Trusting("somebody")
    )
    with pytest.raises(AuthError, match="in use by a client with another user, client id or credential"):
        await other.enter()
    assert tables.sessions.all() == [control]
    await control.close()


@pytest.mark.parametrize("client_id", ["", "c"])
async def test_a_newer_session_begins_when_the_older_is_closed(tables: Tables, client_id: str) -> None:
    old = await slow(tables, client_id)
    new = session(tables, client_id=client_id)
    entering = asyncio.create_task(new.enter())
    await until(lambda: old._closing)
    assert not entering.done()
    old.allowed.set()
    await entering
    assert old._closed.is_set()
    assert tables.sessions.all() == [new]
    await new.close()


@pytest.mark.parametrize("client_id", ["", "c"])
async def test_of_two_logins_at_once_the_newer_enters_and_both_wait_for_the_old(
    tables: Tables, client_id: str
) -> None:
    old = await slow(tables, client_id)
    first, second = (session(tables, client_id=client_id) for _ in range(2))
    entering = asyncio.create_task(first.enter())
    await until(lambda: old._closing)
    newer = asyncio.create_task(second.enter())
    await until(lambda: first._closed.is_set())
    assert not entering.done()
    assert not newer.done(), "the old one still has its names and ports"
    old.allowed.set()
    with pytest.raises(ProxyError, match="control was replaced during login"):
        await entering
    await newer
    assert old._closed.is_set()
    assert tables.sessions.all() == [second]
    await second.close()


async def test_of_two_clients_at_once_the_first_keeps_the_run_id(tables: Tables) -> None:
    both = [session(tables, "r", user) for user in "uv"]
    results = await asyncio.gather(*(control.enter() for control in both), return_exceptions=True)
    assert results[0] is None
    assert isinstance(results[1], AuthError)
    assert tables.sessions.all() == [both[0]]
    await both[0].close()


@pytest.mark.parametrize("client_id", ["", "c"])
async def test_a_login_that_is_cancelled_claims_nothing_and_the_old_one_still_ends(
    tables: Tables, client_id: str
) -> None:
    old = await slow(tables, client_id)
    entering = asyncio.create_task(session(tables, client_id=client_id).enter())
    await until(lambda: old._closing)
    entering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await entering
    assert_empty(tables.sessions)
    old.allowed.set()
    await asyncio.wait_for(old._closed.wait(), 10)
    later = await entered(tables, client_id=client_id)
    await old.close()  # once more: it takes nothing from the later one
    assert tables.sessions.all() == [later]
    await later.close()


async def test_a_session_that_is_closed_while_it_enters_stays_out(tables: Tables) -> None:
    old = await slow(tables)
    control = session(tables)
    entering = asyncio.create_task(control.enter())
    await until(lambda: old._closing)
    await control.close()
    old.allowed.set()
    with pytest.raises(ProxyError, match="control was replaced during login"):
        await entering


class AtTheDoor(NoHooks):
    """Keeps logins waiting."""

    asked = frozenset({Op.LOGIN})

    def __init__(self) -> None:
        self.came = asyncio.Event()
        self.go_on = asyncio.Event()

    async def login(self, message: Login, address: str) -> Login:
        self.came.set()
        await self.go_on.wait()
        return message


async def test_a_client_that_is_gone_before_its_session_begins_leaves_nothing() -> None:
    async with running_server(server_config('auth.token = "t"\n')) as server:
        server.tables.hooks = hooks = AtTheDoor()
        async with raw_client(server.address[1]) as raw:
            talk = await raw.open()
            talk.stream.write(V1.encode(login("t", user="u", client_id="c")))
            await asyncio.wait_for(hooks.came.wait(), 10)
        hooks.go_on.set()
        await until(lambda: not len(server.tables.sessions) and not server.tables.scope._tasks)
        async with raw_client(server.address[1]) as raw:
            answer = await raw.say(login("t", user="u", client_id="c"))
            assert not getattr(answer, "error", "no answer")


async def test_a_session_that_cannot_begin_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def start(*_: object) -> None:
        raise FrpError("the test fails it")

    monkeypatch.setattr(ServerControl, "start", start)
    async with running_server(server_config('auth.token = "t"\n')) as server:
        async with raw_client(server.address[1]) as raw:
            talk = await raw.open()
            talk.stream.write(V1.encode(login("t", user="u", client_id="c")))
            await until(lambda: "the test fails it" in caplog.text)
        assert_empty(server.tables.sessions)


@pytest.mark.parametrize(
    ("newer", "alive", "gives"),
    [
        (("u", "s"), False, True),
        (("u", "s"), True, False),
        (("v", "s"), False, False),
        (("u", "t"), False, False),
    ],
)
async def test_a_dead_session_gives_way_to_the_same_user_with_the_same_credential(
    newer: tuple[str, str], alive: bool, gives: bool
) -> None:
    replaced = []

    def made(user: str, subject: str) -> ControlSession:
        async def answers() -> bool:
            return alive

        async def replaced_by(other: object) -> None:
            replaced.append(other)

        session = SimpleNamespace(
            user=user,
            subject=subject,
            run_id="r",
            log=logs.get("tests"),
            answers=answers,
            replaced_by=replaced_by,
        )
        return cast(ControlSession, session)

    old, new = made("u", "s"), made(*newer)
    assert await gives_way(old, new) is gives
    assert replaced == [new] * gives
    assert not await gives_way(old, old)
