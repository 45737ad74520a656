"""Who uses a UDP port: who makes place for whom, and what that costs."""

from __future__ import annotations

import time

import pytest

from aiofrp.proxy.datagrams.packets import User
from aiofrp.proxy.datagrams.users import KNOWN_AFTER, Pool, UdpUsers
from tests.support.losses import Counted


def user(number: int) -> User:
    return f"127.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", 1024


def table(most: int = 100, pool: Pool | None = None) -> tuple[UdpUsers[int], list[int]]:
    dropped: list[int] = []
    return UdpUsers(Pool(lambda: 1000) if pool is None else pool, dropped.append, Counted(), most), dropped


def seen(users: UdpUsers[int], number: int, now: float) -> None:
    if users.came(user(number), now) is None:
        users.add(user(number), number + 1, now)


def test_a_user_is_found_again_until_silent_for_too_long() -> None:
    users, dropped = table()
    seen(users, 1, 0.0)
    assert users.came(user(1), 0.5) == 2
    assert users.came(user(2), 0.5) is None
    users.expire(10.0)
    assert not len(users)
    assert dropped == [2]


@pytest.mark.parametrize("again", [0.5, 5.0], ids=["new", "known"])
def test_an_answer_is_use_as_well(again: float) -> None:
    users, dropped = table()
    seen(users, 1, 0.0)
    seen(users, 1, again)
    assert users.answered(user(1), 29.0)
    assert not users.answered(user(2), 29.0)
    users.expire(20.0)
    assert len(users) == 1
    assert not dropped


def test_who_came_lately_makes_place_first() -> None:
    """A flood of sources that send once, or twice at once, costs nobody who was there before."""
    users, _ = table()
    for number in range(10):
        seen(users, number, 0.0)
        seen(users, number, KNOWN_AFTER)
    for number in range(1000, 6000):
        seen(users, number, 2.0)
        seen(users, number, 2.0)
        users.answered(user(number), 20.0)
    assert len(users) == 100
    assert all(users.came(user(number), 3.0) for number in range(10))


def test_new_users_keep_a_share_when_all_places_are_known_ones() -> None:
    """Sources that come again and again do not shut the port for others."""
    users, _ = table()
    for turn in range(10):
        for number in range(300):
            seen(users, number, 2.0 * turn + number / 1000)
    for number in range(1000, 1005):
        seen(users, number, 21.0)
    assert all(users.came(user(number), 21.1) for number in range(1000, 1005))


def test_the_one_silent_for_longest_goes_first() -> None:
    users, dropped = table(most=8)
    for number in range(8):
        seen(users, number, 0.0)
        seen(users, number, 2.0)
    seen(users, 0, 5.0)
    users.drop_one()
    assert dropped == [2]


def test_tables_of_a_process_share_and_the_largest_gives() -> None:
    pool = Pool(lambda: 100)
    attacked, _ = table(1000, pool)
    other, lost = table(1000, pool)
    for number in range(30):
        seen(other, number, 0.0)
    for number in range(500):
        seen(attacked, number, 0.0)
    assert (len(attacked), len(other), lost) == (70, 30, [])
    for number in range(30, 60):
        seen(other, number, 0.0)
    assert (len(attacked), len(other), len(lost)) == (50, 50, 10)
    attacked.clear()
    other.clear()
    assert not len(pool)
    assert not pool._tables


def test_a_limit_that_shrinks_is_kept_with_the_next_user() -> None:
    most = [100]
    users, _ = table(1000, Pool(lambda: most[0]))
    for number in range(100):
        seen(users, number, 0.0)
    most[0] = 10
    seen(users, 100, 0.0)
    assert len(users) == 10


def test_a_new_user_costs_the_same_in_a_large_table() -> None:
    def cost(most: int) -> float:
        users, _ = table(most, Pool(lambda: 1 << 20))
        for number in range(most):
            seen(users, number, 0.0)
        began = time.process_time()
        for number in range(most, most + 5_000):
            seen(users, number, 0.0)
        return time.process_time() - began

    small, large = min(cost(64) for _ in range(3)), min(cost(65_536) for _ in range(3))
    assert large < 10 * small
