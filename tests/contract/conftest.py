"""Every contract test runs over every stack, from both of its sides, and on both event loops where there are sockets or
timers.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import pytest

from tests.contract.stacks import STACKS, Pair, build, configurable
from tests.support.ends import End, until


def _cases() -> list[str]:
    """A stack whose sides differ is a case twice; ``~`` means seen from the accepting side."""
    names = dict.fromkeys(STACKS + configurable()) if os.environ.get("AIOFRP_SOAK") else STACKS
    return [case for name in names for case in ([name] if name.startswith("memory") else [name, f"~{name}"])]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the stacks in memory on uvloop alone: they want nothing of a loop but its next turn."""
    items[:] = [item for item in items if not _repeats(item)]


def _repeats(item: pytest.Item) -> bool:
    callspec = getattr(item, "callspec", None)
    stack = callspec.params.get("pair", "") if callspec is not None else ""
    if not isinstance(stack, str) or "memory" not in stack or "throttle" in stack:
        return False
    assert callspec is not None
    return callspec.params.get("_asyncio_loop_factory") is asyncio.SelectorEventLoop


@pytest.fixture(params=_cases())
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    """A connected pair of the stack of this case. At the end every user must have seen its end, once."""
    case: str = request.param
    made = await build(case.lstrip("~"))
    if case.startswith("~"):
        made.flip()
    yield made
    made.dispose()
    await until(lambda: all(end.lost for end in made.ends))
    for end in made.ends:
        end.check()


@pytest.fixture
def a(pair: Pair) -> End:
    """The near end, attached."""
    return pair.user(pair.a)


@pytest.fixture
def b(pair: Pair) -> End:
    """The far end, attached."""
    return pair.user(pair.b)
