"""Who uses a UDP port, and what is kept for each: tables that spoofed addresses cannot fill at others' cost.

A datagram costs its sender nothing and may have any source address. So tables are limited, each and all of a process
together; a new user costs constant time however many there are. Who came lately makes place first, and not the user
who has been there for longer: a source that sends again after :data:`KNOWN_AFTER` counts as known. When all tables
together are full, a table that has more than its equal share gives up a user of its own; one that has less gets the
place of a user of the largest.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from aiofrp.proxy.datagrams.packets import User
from aiofrp.stream.udp.losses import Losses

#: UdpUsers of one table at most.
MOST_USERS = 16_384
#: Seconds after its first datagram from which another one makes a user known.
KNOWN_AFTER = 1.0
#: The share of a table (one in so many) that new users keep, however many are known.
_NEW_SHARE = 8
#: Seconds within which the order of uses is not kept: a table in exact order would cost more than most datagrams.
_COARSE = 1.0

V = TypeVar("V")


class Pool:
    """The limit of all tables of one process together; ``most`` is called before each new user and gives it."""

    def __init__(self, most: Callable[[], int]) -> None:
        self._most = most
        self._tables: set[UdpUsers[object]] = set()  # those that have users
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def enter(self, table: UdpUsers[V]) -> None:
        """Make place for one user more of ``table`` and count it."""
        most = self._most()
        while self._count >= most and self._count:
            fair = len(table) * len(self._tables) >= self._count
            (table if fair else max(self._tables, key=len)).drop_one()
        self._tables.add(table)  # type: ignore[arg-type]
        self._count += 1

    def leave(self, table: UdpUsers[V]) -> None:
        """A user was removed from ``table``: count one less."""
        self._count -= 1
        if not len(table):
            self._tables.discard(table)


class _Entry(Generic[V]):
    __slots__ = ("first", "last", "value")

    def __init__(self, value: V, now: float) -> None:
        self.value = value
        self.first = self.last = now  # of the user's datagrams, of any


class UdpUsers(Generic[V]):
    """The users of one port with a value for each; ``dropped`` is called with that of a user who is forgotten."""

    __slots__ = ("_dropped", "_known", "_losses", "_most", "_new", "_pool")

    def __init__(
        self, pool: Pool, dropped: Callable[[V], None], losses: Losses, most: int = MOST_USERS
    ) -> None:
        self._pool = pool
        self._losses = losses
        self._dropped = dropped
        self._most = most
        self._new: OrderedDict[User, _Entry[V]] = OrderedDict()  # oldest first; with _known limited by _most
        self._known: OrderedDict[User, _Entry[V]] = OrderedDict()  # the one silent for longest first

    def __len__(self) -> int:
        return len(self._new) + len(self._known)

    def came(self, user: User, now: float) -> V | None:
        """The value of ``user``, of whom a datagram came; ``None`` for one not in the table."""
        entry = self._known.get(user)
        if entry is None:
            entry = self._new.get(user)
            if entry is None:
                return None
            if now - entry.first >= KNOWN_AFTER:
                self._known[user] = self._new.pop(user)
            entry.last = now
        elif now - entry.last >= _COARSE:
            entry.last = now
            self._known.move_to_end(user)
        return entry.value

    def answered(self, user: User, now: float) -> bool:
        """Whether ``user`` is in the table. A datagram for a user counts as use, but makes no new user known."""
        entry = self._known.get(user)
        if entry is not None:
            if now - entry.last >= _COARSE:
                entry.last = now
                self._known.move_to_end(user)
            return True
        entry = self._new.get(user)
        if entry is None:
            return False
        entry.last = now
        return True

    def add(self, user: User, value: V, now: float) -> None:
        """Keep ``value`` for a user not in the table; others are forgotten for it where there is no place."""
        if len(self) >= self._most:
            self.drop_one()
        self._pool.enter(self)
        self._new[user] = _Entry(value, now)

    def drop_one(self) -> None:
        """Forget the oldest new user or, where new users have no more than their share, the known one that was
        silent for longest; does nothing when the table is empty."""
        table = self._new if len(self._new) * _NEW_SHARE > len(self) or not self._known else self._known
        if table:
            self._gone(table.popitem(last=False)[1])
            self._losses.lost("users", "too many at a time; their answers find no way back", what="users")

    def expire(self, before: float) -> None:
        """Forget who neither sent nor got anything since ``before``."""
        before -= _COARSE
        for table in (self._new, self._known):
            for user in [user for user, entry in table.items() if entry.last < before]:
                self._gone(table.pop(user))

    def clear(self) -> None:
        """Forget everybody."""
        for table in (self._new, self._known):
            while table:
                self._gone(table.popitem()[1])

    def _gone(self, entry: _Entry[V]) -> None:
        self._pool.leave(self)
        self._dropped(entry.value)
