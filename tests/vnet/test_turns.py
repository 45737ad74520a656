"""Turns: nobody has more than a share before the others have had theirs."""

from __future__ import annotations

from aiofrp.vnet.turns import MOST, SHARE, PacketTurns
from tests.support.ends import until


class Load:
    """A connection with so many packets."""

    def __init__(self, packets: int, log: list[tuple[Load, int]]) -> None:
        self.packets = packets
        self._log = log

    def turn(self) -> tuple[int, bool]:
        handled = min(self.packets, SHARE)
        self.packets -= handled
        self._log.append((self, handled))
        return handled, self.packets > 0


async def test_a_small_load_waits_for_one_share_of_each_other() -> None:
    turns, log = PacketTurns(), list[tuple[Load, int]]()
    large, small = [Load(10 * SHARE, log) for _ in range(5)], Load(1, log)
    for load in (*large, small):
        turns.add(load)
    await until(lambda: not small.packets)
    assert [load for load, _ in log[:6]] == [*large, small]
    turns.remove(large[0])
    await until(lambda: not any(load.packets for load in large[1:]))
    assert large[0].packets
    assert not turns._queue


async def test_a_turn_has_a_limit() -> None:
    turns, log = PacketTurns(), list[tuple[Load, int]]()
    turns.add(Load(100 * SHARE, log))
    turns._turn()
    assert MOST - SHARE < sum(handled for _, handled in log) <= MOST
    await until(lambda: not turns._queue)
