"""What listeners over UDP count, and in which order they end."""

from __future__ import annotations

import asyncio

from aiofrp.stream.udp.listening import Drain, PerSecond, Sources


def test_sources_are_full_one_by_one() -> None:
    sources = Sources(2)
    for port in (1, 2):
        assert not sources.full(("10.0.0.1", port))
        sources.add(("10.0.0.1", port))
    assert sources.full(("10.0.0.1", 3))
    assert not sources.full(("10.0.0.2", 3))
    assert len(sources) == 1  # asking counts nothing
    sources.remove(("10.0.0.1", 1))
    assert not sources.full(("10.0.0.1", 4))
    sources.remove(("10.0.0.1", 2))
    assert len(sources) == 0


def test_so_many_in_each_second() -> None:
    now = 1.0
    limit = PerSecond(3, lambda: now)
    assert [limit.take() for _ in range(5)] == [True, True, True, False, False]
    now = 2.5
    assert [limit.take() for _ in range(4)] == [True, True, True, False]


async def test_a_listener_is_over_with_its_last_session() -> None:
    sessions, calls = {"a", "b"}, []
    end = Drain(sessions, lambda: calls.append(len(sessions)))
    end.check()
    assert not end.closed
    waiting = asyncio.ensure_future(end.wait(60))
    await asyncio.sleep(0)
    assert end.closed
    sessions.discard("a")
    end.check()
    assert not calls
    sessions.discard("b")
    end.check()
    end.check()
    await waiting
    assert calls == [0]


async def test_waiting_for_a_session_that_stays_has_an_end() -> None:
    calls: list[None] = []
    end = Drain({"a"}, lambda: calls.append(None))
    await end.wait(0.01)
    assert end.closed
    assert not calls


async def test_without_sessions_it_is_over_at_once() -> None:
    calls: list[None] = []
    end = Drain(set(), lambda: calls.append(None))
    await end.wait(60)
    assert calls == [None]
