"""The gate: an answer in the same call, or by a task that concerns one user alone."""

from __future__ import annotations

import asyncio

import pytest

from aiofrp.aio import Scope
from aiofrp.errors import AuthError, Closed, FrpError, TimedOut
from aiofrp.host import gate as gates
from aiofrp.host.gate import Ask, Gate
from aiofrp.host.user import UserInfo

USER = UserInfo("web", "tcp", ("192.0.2.1", 4711))


class Asking:
    """Admits ``count`` users, and knows what became of each."""

    def __init__(self, ask: Ask | None, *, stepped: bool = False) -> None:
        self.scope = Scope("test")
        self.gate = Gate(ask, self.scope, stepped=stepped)
        self.answers: list[str] = []

    def enter(self, user: UserInfo = USER) -> None:
        self.gate.admit(user, lambda: self.answers.append("ready"), self._refused)

    def _refused(self, error: FrpError) -> None:
        self.answers.append(f"{type(error).__name__}: {error}")

    async def settled(self, count: int) -> list[str]:
        async with asyncio.timeout(10):
            while len(self.answers) < count:
                await asyncio.sleep(0)
        return self.answers


async def test_where_nobody_is_asked_the_answer_comes_in_the_same_call_without_a_task() -> None:
    asking = Asking(None)
    before = len(asyncio.all_tasks())
    asking.enter()
    assert asking.gate.open
    assert asking.answers == ["ready"]
    assert len(asyncio.all_tasks()) == before


async def test_who_is_asked_gets_the_user_and_answers_later() -> None:
    seen: list[UserInfo] = []

    async def ask(user: UserInfo) -> None:
        seen.append(user)
        if user is not USER:
            raise AuthError("no")

    asking = Asking(ask)
    asking.enter()
    assert not asking.gate.open
    assert asking.answers == []
    assert await asking.settled(1) == ["ready"]
    asking.enter(UserInfo("other", "tcp", ("", 0)))
    assert await asking.settled(2) == ["ready", "AuthError: no"]
    assert [user.proxy_name for user in seen] == ["web", "other"]


async def test_one_who_hangs_holds_up_that_user_alone_until_the_time_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gates, "TIMEOUT", 0.2)

    async def ask(user: UserInfo) -> None:
        if user is USER:
            await asyncio.Event().wait()

    asking = Asking(ask)
    asking.enter()
    asking.enter(UserInfo("other", "tcp", ("", 0)))
    assert await asking.settled(1) == ["ready"]
    async with asyncio.timeout(10):
        while len(asking.answers) < 2:
            await asyncio.sleep(0.01)
    assert asking.answers[1].startswith(f"{TimedOut.__name__}: no answer within 0.2 s")


async def test_a_mistake_in_a_hook_refuses_the_user() -> None:
    async def ask(user: UserInfo) -> None:
        raise ZeroDivisionError

    asking = Asking(ask)
    asking.enter()
    assert await asking.settled(1) == ["Closed: internal error of the server"]


async def test_only_so_many_wait_and_all_are_refused_when_the_server_stops(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gates, "MAX_WAITING", 3)
    asked = 0

    async def ask(user: UserInfo) -> None:
        nonlocal asked
        asked += 1
        await asyncio.Event().wait()

    asking = Asking(ask)
    for _ in range(5):
        asking.enter()
    assert [answer.partition(":")[0] for answer in asking.answers] == [Closed.__name__] * 2
    while asked < 3:
        await asyncio.sleep(0)
    await asking.scope.close()
    assert asking.answers[2:] == ["Closed: the server stops"] * 3
    asking.enter()
    assert asking.answers[5:] == ["Closed: the server stops"]


# Without a task


async def test_an_answer_that_awaits_futures_alone_needs_no_task() -> None:
    answers = [asyncio.get_running_loop().create_future() for _ in range(3)]
    before = asyncio.all_tasks()

    async def ask(user: UserInfo) -> None:
        await answers[user.address[1]]

    asking = Asking(ask, stepped=True)
    for number in range(3):
        asking.enter(UserInfo("web", "tcp", ("192.0.2.1", number)))
    assert asyncio.all_tasks() == before
    answers[2].set_result(None)
    assert await asking.settled(1) == ["ready"]
    answers[0].set_exception(AuthError("no"))
    assert await asking.settled(2) == ["ready", "AuthError: no"]
    answers[1].set_exception(ZeroDivisionError())
    assert (await asking.settled(3))[2] == "Closed: internal error of the server"


async def test_without_a_task_too_only_so_many_wait_and_each_only_so_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gates, "MAX_WAITING", 2)
    monkeypatch.setattr(gates, "TIMEOUT", 0.2)
    never = asyncio.get_running_loop().create_future()
    left: list[UserInfo] = []

    async def ask(user: UserInfo) -> None:
        try:
            await asyncio.shield(never)
        finally:
            left.append(user)

    asking = Asking(ask, stepped=True)
    for _ in range(3):
        asking.enter()
    assert asking.answers == ["Closed: 2 users of the proxy are already waiting to be admitted"]
    assert (await asking.settled(3))[1:] == [
        "TimedOut: no answer within 0.2 s to whether the user may enter"
    ] * 2
    assert left == [USER] * 2
    never.set_result(None)
    await asyncio.sleep(0)
    assert len(asking.answers) == 3
    asking.enter()
    assert await asking.settled(4)


async def test_who_is_answered_in_the_same_call_enters_in_it() -> None:
    async def ask(user: UserInfo) -> None:
        if user is not USER:
            raise AuthError("no")

    asking = Asking(ask, stepped=True)
    asking.enter()
    asking.enter(UserInfo("other", "tcp", ("", 0)))
    assert asking.answers == ["ready", "AuthError: no"]
