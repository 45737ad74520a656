"""The tables of docs/protocol/nat.md §4: how many tries there are, which NATs they are for, and who does what."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from aiofrp.nat.classify import EASY, HARD, Nat
from aiofrp.nat.modes import MODES, RECEIVER, SENDER, Part, Try, parts_of, tries_for

PAGE = Path(__file__).parent.parent.parent / "docs" / "protocol" / "nat.md"


def nat(kind: str, *, regular: bool = False, public: bool = False) -> Nat:
    return Nat(kind, "", 0, regular, public)


PLAIN, PUBLIC, REGULAR, RANDOM = (
    nat(EASY),
    nat(EASY, public=True),
    nat(HARD, regular=True),
    nat(HARD),
)


def part(text: str) -> Part:
    """A part as the page writes it."""
    numbers = {word: int(number) for word, number in re.findall(r"(\w+) (\d+)", text)}
    return Part(
        role={"S": SENDER, "R": RECEIVER}[text.strip()[0]],
        ttl=numbers.get("ttl", 0),
        delay_ms=numbers.get("d", 0),
        window=numbers.get("range", 0),
        random_ports=numbers.get("random", 0),
        listen_ports=numbers.get("listen", 0),
    )


def test_the_page_has_the_same_tables() -> None:
    rows = re.findall(r"^\| (\d) \| (\d) \| ([SR].*?) \| ([SR].*?) \|$", PAGE.read_text("utf-8"), re.M)
    assert len(rows) == sum(map(len, MODES)) == 28
    for mode, index, left, right in rows:
        assert MODES[int(mode)][int(index)] == (part(left), part(right))


@pytest.mark.parametrize(
    ("client", "visitor", "modes"),
    [
        (PLAIN, PLAIN, [0]),
        (REGULAR, PLAIN, [1, 2, 0]),
        (PLAIN, REGULAR, [1, 2, 0]),
        (RANDOM, PLAIN, [2, 1, 0]),
        (PLAIN, RANDOM, [2, 1, 0]),
        (REGULAR, REGULAR, [3, 4]),
        (REGULAR, RANDOM, [4]),
        (RANDOM, REGULAR, [4]),
        (RANDOM, RANDOM, [0, 1, 3]),
    ],
)
def test_which_modes(client: Nat, visitor: Nat, modes: list[int]) -> None:
    found = list(tries_for(client, visitor))
    assert [chosen for chosen, _ in found] == [
        Try(mode, index) for mode in modes for index in range(len(MODES[mode]))
    ]
    assert {score for _, score in found} == ({1} if client is visitor is RANDOM else {0})
    for chosen, _ in found:
        left, right = parts_of(chosen, client, visitor)
        assert {left.role, right.role} == {SENDER, RECEIVER}
        if RANDOM in (client, visitor) and client is not visitor and chosen.mode == 2:
            assert (left if client is RANDOM else right).role == RECEIVER
        if chosen.mode == 1 and PLAIN in (client, visitor):
            assert (left if client is PLAIN else right).role == RECEIVER
        if chosen.mode == 4 and REGULAR in (client, visitor) and client is not visitor:
            assert (left if client is REGULAR else right).role == SENDER


@pytest.mark.parametrize(
    ("client", "visitor", "best"),
    [(PUBLIC, PLAIN, RECEIVER), (PLAIN, PUBLIC, SENDER), (PUBLIC, PUBLIC, RECEIVER)],
)
def test_the_side_without_nat_receives_first(client: Nat, visitor: Nat, best: str) -> None:
    for chosen, score in tries_for(client, visitor):
        assert (MODES[0][chosen.index][0].role == best) is (score == 1)
