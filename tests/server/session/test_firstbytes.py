"""Waiting for the first bytes of a connection."""

from __future__ import annotations

import pytest

from aiofrp.aio import TimeLimit
from aiofrp.server.session.firstbytes import FirstBytes
from aiofrp.stream.memory import MemoryStream, memory_pair
from tests.support.ends import End, settle, until


class Waiting:
    """A connection that waits for three bytes."""

    def __init__(self, timeout: float = 60.0) -> None:
        stream, other = memory_pair()
        self.stream: MemoryStream = stream
        self.peer = End(other).attach()
        self.heads: list[bytes] = []
        self.gone = 0
        FirstBytes(stream, 3, TimeLimit(timeout), self.heads.append, self._gone)

    def _gone(self) -> None:
        self.gone += 1


@pytest.mark.parametrize("parts", [[b"abcde"], [b"a", b"bc"], [b"a", b"b", b"cd"]])
async def test_all_that_came_is_handed_on_and_nothing_is_lost(parts: list[bytes]) -> None:
    waiting = Waiting()
    for part in parts:
        waiting.peer.write(part)
        await settle(lambda: waiting.heads)
    assert waiting.heads == [b"".join(parts)]
    next_receiver = End(waiting.stream).attach()
    waiting.peer.write(b"later")
    await until(lambda: next_receiver.data == b"later")
    waiting.peer.close()
    await until(lambda: next_receiver.eofs)
    assert waiting.gone == 0, "the caller has the connection"


@pytest.mark.parametrize("end", ["write_eof", "abort"])
async def test_one_that_ends_too_early_is_gone(end: str) -> None:
    waiting = Waiting()
    waiting.peer.write(b"ab")
    getattr(waiting.peer, end)()
    await until(lambda: waiting.gone and waiting.peer.lost)
    assert (waiting.heads, waiting.gone) == ([], 1)


async def test_one_that_takes_too_long_is_closed() -> None:
    waiting = Waiting(0.01)
    await until(lambda: waiting.gone and waiting.peer.eofs)
    assert (waiting.heads, waiting.gone) == ([], 1)
