"""When keys are fetched."""

from __future__ import annotations

import asyncio

import pytest

from aiofrp.errors import AuthError, ConnectFailed
from aiofrp.server.oidc.keys import KEYS_AGE, REFETCH, KeyCache
from aiofrp.server.oidc.token import DEFAULT_ALGORITHMS, Key, SignedToken
from tests.server.oidc.test_token import keys
from tests.support.identity import forged, signed


class Source:
    """A provider's keys, and a clock."""

    def __init__(self) -> None:
        self.keys: tuple[Key, ...] = keys("one")
        self.count = 0
        self.now = 100.0
        self.failure = ""
        self.go = asyncio.Event()
        self.go.set()
        self.cache = KeyCache(self.fetch, lambda: self.now)

    async def fetch(self) -> tuple[Key, ...]:
        self.count += 1
        await self.go.wait()
        if self.failure:
            raise ConnectFailed(self.failure)
        return self.keys


def token(kid: str = "one") -> SignedToken:
    return SignedToken(signed({}, kid=kid), DEFAULT_ALGORITHMS)


async def test_keys_are_fetched_once_and_kept() -> None:
    source = Source()
    for _ in range(5):
        assert await source.cache.payload(token()) == b"{}"
    assert source.count == 1


async def test_a_new_key_is_fetched_when_a_token_names_it_and_an_old_one_holds_no_longer() -> None:
    source = Source()
    await source.cache.payload(token())
    source.keys = keys("two")
    source.now += REFETCH
    assert await source.cache.payload(token("two")) == b"{}"
    assert source.count == 2
    with pytest.raises(AuthError, match="failed to verify id token signature"):
        await source.cache.payload(token())


async def test_unknown_keys_cause_one_request_in_a_while() -> None:
    source = Source()
    bad = [
        SignedToken(forged({"alg": "RS256", "kid": f"k{number}"}, {}), DEFAULT_ALGORITHMS)
        for number in range(200)
    ]
    for one in bad:
        with pytest.raises(AuthError, match="failed to verify signature"):
            await source.cache.payload(one)
    assert source.count == 1
    source.now += REFETCH
    for one in bad:
        with pytest.raises(AuthError):
            await source.cache.payload(one)
    assert source.count == 2
    assert await source.cache.payload(token()) == b"{}"


async def test_who_comes_while_keys_are_fetched_waits_for_the_same_answer() -> None:
    source = Source()
    source.go.clear()
    waiting = [asyncio.create_task(source.cache.payload(token())) for _ in range(20)]
    await asyncio.sleep(0)
    source.go.set()
    assert await asyncio.gather(*waiting) == [b"{}"] * 20
    assert source.count == 1


async def test_one_who_gives_up_does_not_take_the_fetch_from_the_others() -> None:
    source = Source()
    source.go.clear()
    first = asyncio.create_task(source.cache.payload(token()))
    other = asyncio.create_task(source.cache.payload(token()))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    source.go.set()
    assert await other == b"{}"


async def test_a_provider_that_does_not_answer_is_the_cause_and_is_asked_again_later() -> None:
    source = Source()
    source.failure = "no answer"
    for _ in range(3):
        with pytest.raises(AuthError, match="fetching keys oidc: get keys failed no answer"):
            await source.cache.payload(token())
    assert source.count == 1
    source.failure = ""
    source.now += REFETCH
    assert await source.cache.payload(token()) == b"{}"


async def test_old_keys_are_fetched_again_and_stay_while_the_provider_is_silent() -> None:
    source = Source()
    await source.cache.payload(token())
    source.now += KEYS_AGE
    source.failure = "no answer"
    assert await source.cache.payload(token()) == b"{}"
    assert source.count == 2
    source.failure, source.keys = "", keys("two")
    source.now += REFETCH
    with pytest.raises(AuthError, match="failed to verify id token signature"):
        await source.cache.payload(token())
    assert source.count == 3
