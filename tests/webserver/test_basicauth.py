"""Guessed passwords: how many a source has, and who waits for it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from aiofrp.config.models.types import Secret
from aiofrp.webserver.basicauth import FAILURE_DELAY, MAX_WAITING, BasicAuth, Guesses, TooManyGuesses
from tests.support.admin import basic
from tests.support.ports import free_port
from tests.support.tunnel import running_server, server_config

Guess = Callable[[aiohttp.ClientSession, str], Coroutine[Any, Any, list[int]]]

GOOD = basic("u", "p")
WRONG = basic("u", "wrong")


@asynccontextmanager
async def serving() -> AsyncIterator[str]:
    """frps with a password; gives the address of a page."""
    port = free_port()
    web = f'webServer = {{ addr = "127.0.0.1", port = {port}, user = "u", password = "p" }}\n'
    async with running_server(server_config(web)):
        yield f"http://127.0.0.1:{port}/api/serverinfo"


@asynccontextmanager
async def source(address: str) -> AsyncIterator[aiohttp.ClientSession]:
    """A session whose connections come from ``address``."""
    connector = aiohttp.TCPConnector(local_addr=(address, 0), limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield session


#: Wrong passwords that were looked at, in the running test.
looked_at: list[str] = []


async def ask(session: aiohttp.ClientSession, url: str, credentials: str) -> int:
    async with session.get(url, headers={"Authorization": credentials} if credentials else {}) as answer:
        await answer.read()
        if answer.status == 401 and credentials:
            looked_at.append(credentials)
        return answer.status


async def guess_one_after_the_other(session: aiohttp.ClientSession, url: str) -> list[int]:
    return [await ask(session, url, WRONG) for _ in range(4)]


async def guess_at_once(session: aiohttp.ClientSession, url: str) -> list[int]:
    return await asyncio.gather(*(ask(session, url, WRONG) for _ in range(200)))


async def guess_among_requests_without(session: aiohttp.ClientSession, url: str) -> list[int]:
    return await asyncio.gather(*(ask(session, url, WRONG if n % 10 == 0 else "") for n in range(100)))


@pytest.mark.parametrize("guess", [guess_one_after_the_other, guess_at_once, guess_among_requests_without])
async def test_guesses_of_one_source_take_turns_and_other_sources_do_not_wait(guess: Guess) -> None:
    """The answer to others comes before five guesses are looked at, of which ten wait."""
    looked_at.clear()
    async with serving() as url, source("127.0.0.2") as attacker, source("127.0.0.3") as admin:
        began = time.monotonic()
        guessing = asyncio.create_task(guess(attacker, url))
        waits: list[int] = []
        while not guessing.done():
            before = len(looked_at)
            assert await ask(admin, url, GOOD) == 200
            waits.append(len(looked_at) - before)
            await asyncio.sleep(0.02)
        took = time.monotonic() - began
        answers = Counter(await guessing)
        assert set(answers) <= {401, 429}
        assert len(looked_at) <= took / FAILURE_DELAY + 1
        assert max(waits) < MAX_WAITING / 2
        assert await ask(attacker, url, GOOD) == 200  # nothing is remembered against it


async def test_a_right_password_waits_for_its_turn_so_that_it_shows_no_earlier() -> None:
    guesses = Guesses(BasicAuth("u", Secret("p")))
    wrong = [asyncio.create_task(guesses.admits("a", WRONG)) for _ in range(2)]
    began = time.monotonic()
    right = asyncio.create_task(guesses.admits("a", GOOD))
    assert await guesses.admits("b", GOOD)
    assert not right.done()
    assert await right
    assert time.monotonic() - began >= 2 * FAILURE_DELAY * 0.9
    assert [await task for task in wrong] == [False, False]
    assert len(guesses) == 0


async def test_what_is_beyond_the_queue_is_refused_unseen_and_nothing_is_kept() -> None:
    guesses = Guesses(BasicAuth("u", Secret("p")))
    waiting = [asyncio.create_task(guesses.admits("a", WRONG)) for _ in range(MAX_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(TooManyGuesses):
        await guesses.admits("a", GOOD)
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)
    assert len(guesses) == 0
    assert await guesses.admits("a", GOOD)


async def test_without_a_password_nobody_waits() -> None:
    guesses = Guesses(BasicAuth("", Secret()))
    assert all([await guesses.admits("a", WRONG) for _ in range(3 * MAX_WAITING)])
