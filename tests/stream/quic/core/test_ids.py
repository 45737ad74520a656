"""Which of the peer's stream ids are used: like a set of them, and small however high they are."""

from __future__ import annotations

import random
import sys
import tracemalloc

import pytest

from aiofrp.errors import RemoteProtocolError
from aiofrp.stream.quic.core.ids import MOST_GAPS, PeerIds


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("seed", range(20))
def test_each_id_is_used_once(first: int, seed: int) -> None:
    dice = random.Random(seed)
    ids, used = PeerIds(first), set()
    for _ in range(2000):
        number = dice.randrange(1200)
        assert ids.use(number) == (number % 4 == first and number not in used)
        if number % 4 == first:
            used.add(number)


def test_a_high_id_costs_no_more_than_a_low_one() -> None:
    tracemalloc.start()
    ids = PeerIds(0)
    assert ids.use(4 * 99_999)
    assert ids.use((1 << 62) - 4)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size < 4096
    assert ids.use(0)
    assert not ids.use(0)
    assert ids.use(4 * 50_000)


@pytest.mark.parametrize("shape", ["every other", "from above", "splitting"])
def test_ranges_left_out_are_limited(shape: str) -> None:
    ids = PeerIds(0)
    top = 8 * (MOST_GAPS + 10)
    orders = {
        "every other": range(4, top, 8),
        "from above": [top, *range(top - 8, 0, -8)],
        "splitting": [top, *range(8, top, 8)],
    }

    def use_all() -> None:
        for number in orders[shape]:
            ids.use(number)

    with pytest.raises(RemoteProtocolError, match="left out"):
        use_all()
    assert len(ids._gaps) <= MOST_GAPS
    assert sys.getsizeof(ids._gaps) < 64 * 1024


def test_streams_in_order_leave_nothing() -> None:
    ids = PeerIds(1)
    for number in range(1, 40_000, 4):
        assert ids.use(number)
    assert not ids._gaps
