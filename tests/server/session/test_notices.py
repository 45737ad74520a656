"""The bounded queue of what hooks are told in the background."""

from __future__ import annotations

import asyncio

import pytest

from aiofrp.aio import Scope
from aiofrp.server.session import notices
from aiofrp.server.session.notices import AT_ONCE, Notices


async def test_all_are_told_in_order_some_at_a_time_and_a_mistake_stops_none(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scope = Scope("test")
    queue = Notices(scope)
    begun: list[int] = []
    release = asyncio.Event()

    def notice(number: int) -> notices.Notice:
        async def tell() -> None:
            begun.append(number)
            await release.wait()
            if number == 3:
                raise ZeroDivisionError

        return tell

    assert await queue.drain(0) == 0
    for number in range(100):
        assert queue.add(notice(number))
    await asyncio.sleep(0)
    assert begun == list(range(AT_ONCE))
    assert len(queue) == 100 - AT_ONCE
    release.set()
    assert await queue.drain(10) == 0
    assert begun == list(range(100))
    assert "a notice to hooks failed" in caplog.text
    await scope.close()


async def test_too_many_are_refused_and_the_end_forgets_those_that_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(notices, "MAX_WAITING", 5)
    scope = Scope("test")
    queue = Notices(scope)

    async def hang() -> None:
        await asyncio.Event().wait()

    for _ in range(AT_ONCE):
        assert queue.add(hang)
        await asyncio.sleep(0)
    assert [queue.add(hang) for _ in range(7)] == [True] * 5 + [False] * 2
    assert await queue.drain(0) == AT_ONCE + 5
    assert len(queue) == 0
    await scope.close()
    assert not queue.add(hang)
