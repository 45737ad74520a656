"""What the tests of streams share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.stream.yamuxrig import Make, Rig, make_rig
from tests.support.ends import until


@pytest.fixture
async def rig() -> AsyncIterator[Make]:
    """Makes yamux sessions with a raw peer; every rule of the contract is checked at the end."""
    rigs: list[Rig] = []

    def make(*args: Any, **kwargs: Any) -> Rig:
        rigs.append(make_rig(*args, **kwargs))
        return rigs[-1]

    yield make
    for made in rigs:
        made.session.abort()
    await until(lambda: all(made.peer.lost for made in rigs))
    for made in rigs:
        assert len(made.losses) == 1
        for end in (made.peer, *made.users.values()):
            end.check()
