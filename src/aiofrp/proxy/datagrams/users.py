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


class UdpUser(Generic[V]):
    """One user of a table."""

    __slots__ = ("bytes_in", "bytes_out", "first", "last", "value")

    def __init__(self, value: V, now: float) -> None:
        self.value = value
        self.first = self.last = (
            now  #: loop times of the user's first datagram, and of the last one from him or to him
        )
        self.bytes_in = self.bytes_out = 0  #: of datagrams from the user and to him, where they are counted


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
        self._new: OrderedDict[User, UdpUser[V]] = OrderedDict()  # oldest first; with _known limited by _most
        self._known: OrderedDict[User, UdpUser[V]] = OrderedDict()  # the one silent for longest first

    def __len__(self) -> int:
        return len(self._new) + len(self._known)

    def came(self, user: User, now: float, size: int = 0) -> V | None:
        """The value of ``user``, of whom a datagram of ``size`` bytes came; ``None`` for one not in the table."""
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
        entry.bytes_in += size
        return entry.value

    def answered(self, user: User, now: float, size: int = 0) -> bool:
        """Whether ``user`` is in the table. A datagram of ``size`` bytes for a user counts as use, but makes no new
        user known."""
        entry = self._known.get(user)
        if entry is not None:
            entry.bytes_out += size
            if now - entry.last >= _COARSE:
                entry.last = now
                self._known.move_to_end(user)
            return True
        entry = self._new.get(user)
        if entry is None:
            return False
        entry.last = now
        entry.bytes_out += size
        return True

    def items(self) -> list[tuple[User, UdpUser[V]]]:
        """All users, those known for longer first."""
        return [*self._known.items(), *self._new.items()]

    def forget(self, user: User) -> bool:
        """Forget one user; returns whether it was in the table."""
        entry = self._known.pop(user, None) or self._new.pop(user, None)
        if entry is not None:
            self._gone(entry)
        return entry is not None

    def add(self, user: User, value: V, now: float, size: int = 0) -> None:
        """Keep ``value`` for a user not in the table, whose first datagram has ``size`` bytes; others are forgotten for
        it where there is no place."""
        if len(self) >= self._most:
            self.drop_one()
        self._pool.enter(self)
        self._new[user] = entry = UdpUser(value, now)
        entry.bytes_in = size

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

    def _gone(self, entry: UdpUser[V]) -> None:
        self._pool.leave(self)
        self._dropped(entry.value)
