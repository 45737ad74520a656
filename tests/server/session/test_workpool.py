"""The pool of work connections: who gets which, what is asked for, and what happens at its limits."""

from __future__ import annotations

import asyncio

import pytest

from aiofrp.errors import Closed, FrpError, TimedOut
from aiofrp.server.session import workpool
from aiofrp.server.session.workpool import SPARE, WorkConnection, WorkPool
from aiofrp.stream.base import Stream
from aiofrp.stream.memory import memory_pair
from aiofrp.wire.frp.codec import V1
from aiofrp.wire.frp.messages import Message, StartWorkConn
from tests.support.ends import End, until

START = StartWorkConn(proxy_name="p")


class Rig:
    """A pool, the requests it sent, and users with what became of them."""

    def __init__(self, size: int = 0, timeout: float = 60.0) -> None:
        self.requests = 0
        self.pool = WorkPool(size, self._request, timeout)
        self.served: list[Stream] = []
        self.failures: list[FrpError] = []

    def _request(self) -> None:
        self.requests += 1

    def user(self) -> None:
        self.pool.take(START, self.served.append, self.failures.append)

    def connect(self) -> End:
        """A work connection comes; its end at the client."""
        here, there = memory_pair()
        self.pool.add(WorkConnection(here, V1))
        return End(there).attach()


def received(client: End) -> list[Message]:
    return V1.decoder().receive_data(bytes(client.data))


async def test_an_idle_connection_is_given_in_the_same_call() -> None:
    rig = Rig()
    client = rig.connect()
    rig.user()
    assert len(rig.served) == 1
    await until(lambda: client.data)
    assert received(client) == [START]
    client.write(b"reply")
    user = End(rig.served[0]).attach()
    await until(lambda: user.data == b"reply")


async def test_the_user_who_waits_longest_gets_the_next_one() -> None:
    rig = Rig()
    rig.user()
    rig.user()
    assert (rig.requests, rig.served) == (2, [])
    first, second = rig.connect(), rig.connect()
    await until(lambda: first.data and second.data)
    assert (len(rig.served), rig.failures, rig.requests) == (2, [], 2)


async def test_the_pool_asks_for_what_it_lacks_and_not_twice() -> None:
    rig = Rig(size=3)
    rig.pool.fill()
    rig.pool.fill()
    assert rig.requests == 3
    rig.connect()
    rig.user()
    assert rig.requests == 4


async def test_a_request_without_answer_counts_as_lost() -> None:
    rig = Rig(size=1, timeout=0.0)
    rig.pool.fill()
    while rig.requests < 2:
        await asyncio.sleep(0.001)
        rig.pool.fill()


async def test_one_too_many_is_refused() -> None:
    rig = Rig()
    clients = [rig.connect() for _ in range(SPARE + 1)]
    await until(lambda: clients[-1].eofs)
    assert received(clients[-1]) == [StartWorkConn(error="work connection pool is full, discarding")]
    assert not any(client.eofs or client.data for client in clients[:-1])


@pytest.mark.parametrize("end", ["write_eof", "abort", "speak"])
async def test_one_that_ends_or_speaks_while_idle_is_given_to_no_user(end: str) -> None:
    rig = Rig()
    client = rig.connect()
    if end == "speak":
        client.write(b"hello")
    else:
        getattr(client, end)()
    await until(lambda: not rig.pool._idle)
    rig.user()
    assert (rig.served, rig.requests) == ([], 1)


async def test_a_user_waits_no_longer_than_the_time_out() -> None:
    rig = Rig(timeout=0.01)
    rig.user()
    await until(lambda: rig.failures)
    assert isinstance(rig.failures[0], TimedOut)
    assert not rig.pool._waiting


async def test_too_many_users_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workpool, "MAX_WAITING", 2)
    rig = Rig()
    for _ in range(3):
        rig.user()
    assert [str(error) for error in rig.failures] == ["2 users are already waiting for a work connection"]
    assert rig.requests == 2


async def test_at_the_end_all_are_let_go() -> None:
    rig = Rig()
    idle = rig.connect()
    rig.user()
    rig.user()
    rig.pool.close()
    rig.user()
    assert [type(error) for error in rig.failures] == [Closed, Closed]
    late = rig.connect()
    await until(lambda: late.eofs)
    assert received(late) == [StartWorkConn(error="control is already closed")]
    idle.check()
