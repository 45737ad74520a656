"""Places that sessions of many addresses hold, shared so that whoever has few gets one however many the others take.

Where all places are taken, the address that holds the most loses one to an address that holds fewer; and so do the
sessions of one address among each other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

_P = TypeVar("_P", bound=Hashable)


class Shares(Generic[_P]):
    """At most ``most`` places in all, ``of_address`` of one address and ``of_session`` of one session.

    ``lost`` is called with a place that its holder has lost to another one."""

    def __init__(self, most: int, of_address: int, of_session: int, lost: Callable[[_P], None]) -> None:
        self._most, self._of_address, self._of_session = most, of_address, of_session
        self._lost = lost
        self._holders: dict[_P, tuple[str, Hashable]] = {}  # limited by ``most``, as all below
        self._count: Counter[str] = Counter()  # of places, by address
        # Address → session → its places, the oldest first.
        self._places: dict[str, dict[Hashable, dict[_P, None]]] = {}

    def __len__(self) -> int:
        return len(self._holders)

    def take(self, address: str, session: Hashable, place: _P) -> bool:
        """Take ``place`` for ``session``, which comes from ``address``; False when it gets none."""
        own = len(self._places.get(address, {}).get(session, ()))
        count = self._count.get(address, 0)
        if own >= self._of_session:
            return False
        if count >= self._of_address or len(self) >= self._most:
            most = max(self._count, key=self._count.__getitem__)
            if count >= self._of_address or self._count[most] <= count + 1:
                most = address
                if max(map(len, self._places.get(most, {}).values()), default=0) <= own + 1:
                    return False
            self._free_one(most)
        self._holders[place] = address, session
        self._count[address] += 1
        self._places.setdefault(address, {}).setdefault(session, {})[place] = None
        return True

    def give_back(self, place: _P) -> None:
        """``place`` is free again; nothing happens if it is already."""
        if place not in self._holders:
            return
        address, session = self._holders.pop(place)
        sessions = self._places[address]
        del sessions[session][place]
        if not sessions[session]:
            del sessions[session]
        self._count[address] -= 1
        if not self._count[address]:
            del self._count[address], self._places[address]

    def _free_one(self, address: str) -> None:
        """Take the oldest place from the session of ``address`` that holds the most."""
        sessions = self._places[address]
        place = next(iter(sessions[max(sessions, key=lambda session: len(sessions[session]))]))
        self.give_back(place)
        self._lost(place)
