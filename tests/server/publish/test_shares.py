"""How places are shared between sessions and their addresses."""

from __future__ import annotations

import itertools

import pytest

from aiofrp.server.publish.shares import Shares


class Table:
    """Places of 100 in all, 40 of one address, 10 of one session."""

    def __init__(self, most: int = 100, of_address: int = 40, of_session: int = 10) -> None:
        self.lost: list[tuple[str, int]] = []
        self.shares = Shares[tuple[str, int]](most, of_address, of_session, self.lost.append)
        self._number = itertools.count()

    def take(self, address: str, session: str) -> bool:
        return self.shares.take(address, session, (session, next(self._number)))

    def fill(self, address: str, session: str) -> int:
        """The places that a session gets that takes twenty if it can."""
        return sum(self.take(address, session) for _ in range(20))


def test_the_limits_without_others() -> None:
    table = Table()
    assert [table.fill("a", f"s{number}") for number in range(4)] == [10, 10, 10, 10]
    assert not table.lost
    assert table.fill("b", "other") == 10
    assert len(table.shares) == 50


@pytest.mark.parametrize("addresses", [3, 40, 99])
def test_a_new_address_gets_one_from_the_one_that_holds_the_most(addresses: int) -> None:
    table = Table()
    for number in range(addresses):
        for session in range(5):
            table.fill(f"a{number}", f"{number}.{session}")
    assert len(table.shares) == 100
    table.lost.clear()
    assert table.take("new", "new")
    assert len(table.lost) == 1
    assert len(table.shares) == 100


def test_all_have_one() -> None:
    table = Table(3, 3, 3)
    assert all(table.take(name, name) for name in "abc")
    assert not table.take("d", "d")
    assert not table.take("a", "a")  # with two it would hold more than others
    assert not table.lost


def test_sessions_of_one_address_share_as_well() -> None:
    table = Table()
    for number in range(8):
        table.fill("a", f"s{number}")
    assert len(table.shares) == 40
    table.lost.clear()
    assert table.take("a", "new")
    assert len(table.lost) == 1
    assert table.lost[0][0] != "new"
    everywhere = Table(most=40)
    for number in range(8):
        everywhere.fill("a", f"s{number}")
    assert everywhere.take("a", "new")


def test_what_is_given_back_is_free() -> None:
    table = Table(2, 2, 2)
    places = [("s", number) for number in range(2)]
    assert all(table.shares.take("a", "s", place) for place in places)
    for place in (*places, ("s", 7)):
        table.shares.give_back(place)
        table.shares.give_back(place)
    assert len(table.shares) == 0
    assert table.fill("b", "t") == 2
