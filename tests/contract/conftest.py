"""Every contract test runs over every stack, from both of its sides."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest

from tests.contract.stacks import STACKS, Pair, build, configurable
from tests.support.ends import End, until


def _cases() -> list[str]:
    """A stack whose sides differ is a case twice; ``~`` means seen from the accepting side."""
    names = dict.fromkeys(STACKS + configurable()) if os.environ.get("AIOFRP_SOAK") else STACKS
    return [case for name in names for case in ([name] if name.startswith("memory") else [name, f"~{name}"])]


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
