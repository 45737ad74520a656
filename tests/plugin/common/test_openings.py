"""Users who are being opened: the time they have, how many there may be, and when frpc stops."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import cast

import pytest

from aiofrp import logs
from aiofrp.host.contexts import ClientContext
from aiofrp.plugin.common.openings import Openings, OpeningUser
from aiofrp.stream.splice import Splices
from tests.support.ends import until


class User(OpeningUser):
    """One that only knows whether it was aborted."""

    def __init__(self, openings: Openings) -> None:
        self.aborted = 0
        super().__init__(openings)

    def abort_stream(self) -> None:
        self.aborted += 1


def rig(seconds: float = 60.0, most: int = 10) -> tuple[Openings, Splices]:
    connections = Splices()
    context = SimpleNamespace(log=logs.get("tests.openings"), connections=connections)
    return Openings(cast(ClientContext, context), "hand", seconds, most), connections


async def test_the_oldest_of_too_many_is_aborted(caplog: pytest.LogCaptureFixture) -> None:
    openings, connections = rig(most=3)
    users = [User(openings) for _ in range(3)]
    openings.leave(users[0])
    more = [User(openings) for _ in range(3)]
    assert [user.aborted for user in users + more] == [0, 1, 1, 0, 0, 0]
    assert len(openings) == len(connections) == 3
    assert caplog.messages[0] == "hand: there are more than 3 at once"


async def test_the_late_are_aborted_and_later_ones_too(caplog: pytest.LogCaptureFixture) -> None:
    openings, connections = rig(seconds=0.01)
    first, served = User(openings), User(openings)
    openings.leave(served)
    await until(lambda: first.aborted)
    second = User(openings)
    await until(lambda: second.aborted)
    assert (first.aborted, served.aborted, len(connections)) == (1, 0, 0)
    assert {record.levelno for record in caplog.records} == {logging.WARNING}
    assert caplog.messages[0] == "hand: it was not done within 0.01 s"


async def test_leaving_twice_counts_once() -> None:
    openings, connections = rig()
    user, other = User(openings), User(openings)
    openings.leave(user)
    openings.leave(user)
    assert len(openings) == len(connections) == 1
    await connections.drain(0)
    assert (user.aborted, other.aborted, len(openings)) == (0, 1, 0)
