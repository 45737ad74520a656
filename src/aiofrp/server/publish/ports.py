"""Which ports proxies may have, and which proxy has which (docs/protocol/server.md §3)."""

from __future__ import annotations

import random
import time
from array import array
from collections.abc import Callable, Iterable
from functools import partial
from itertools import compress

from msgspec import Struct

from aiofrp.errors import ProxyError, Taken
from aiofrp.host.lease import PortLease

#: Seconds a proxy name keeps its preference for the port it had (docs/protocol/server.md §3).
RESERVATION = 24 * 3600.0
#: Random candidates tried for port 0 (docs/protocol/server.md §3).
_TRIES = 5
#: Names remembered at most; the oldest released are forgotten first.
_MAX_NAMES = 100_000


class _Reservation(Struct):
    port: int
    released: float | None  # None while in use


class PortTable:
    """Leases of one kind of port.

    ``probe(port)`` returns whether the port can be bound right now. An empty ``allowed`` allows every port.
    """

    def __init__(
        self,
        allowed: Iterable[tuple[int, int]],
        probe: Callable[[int], bool],
        *,
        prefix: Callable[[int], str] = lambda port: "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``allowed``: inclusive (first, last) pairs. ``prefix``: what error texts start with, by the port asked for.
        ``clock``: seconds that never go back."""
        self._used: dict[int, str] = {}  # port → proxy name
        self.allow(allowed)
        self._probe = probe
        self._prefix = prefix
        self._clock = clock
        self._names: dict[str, _Reservation] = {}  # limited by _MAX_NAMES

    def __repr__(self) -> str:
        return f"<PortTable allowed={sum(self._allowed)} used={sorted(self._used)}>"

    def allow(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Replace the list of allowed ports, with inclusive (first, last) pairs. Ports already leased stay so."""
        marks = bytearray(65536)  # ranges may overlap: each is entered in one step
        for first, last in ranges:
            first, last = max(first, 0), min(last, 65535)
            marks[first : last + 1] = b"\1" * (last + 1 - first)
        if not any(marks):
            marks[1:] = b"\1" * 65535
        self._allowed = marks
        self._free: _Pool | None = None  # made when a proxy asks for any port

    async def claim(self, name: str, port: int) -> PortLease:
        """Lease ``port`` for the proxy ``name``; 0 takes the port the name had before, or a random one.

        The name keeps its preference for the port for :data:`RESERVATION` seconds after the end of the lease. Raises
        :class:`~aiofrp.errors.ProxyError` with the reference's text.
        """
        try:
            got = self._any(name) if port == 0 else self._exactly(port)
        except ProxyError as exc:
            text = self._prefix(port) + str(exc)
            raise (Taken(text, exc.holder) if isinstance(exc, Taken) else ProxyError(text)) from None
        self._used[got] = name
        if self._free is not None:
            self._free.discard(got)
        self._remember(name, got)
        return PortLease(got, partial(self._give_back, got))

    def _give_back(self, port: int) -> None:
        name = self._used.pop(port)
        if self._free is not None and self._is_allowed(port):
            self._free.add(port)
        if (reservation := self._names.get(name)) and reservation.port == port:
            reservation.released = self._clock()

    def _exactly(self, port: int) -> int:
        if port in self._used:
            raise Taken("port already used", self._used[port])
        if not self._is_allowed(port):
            raise ProxyError("port not allowed")
        if not self._probe(port):
            raise ProxyError("port unavailable")
        return port

    def _any(self, name: str) -> int:
        before = self._names.get(name)
        if before is not None and self._reserved(before) and self._available(before.port):
            return before.port
        if self._free is None:
            ports = compress(range(1, 65536), self._allowed[1:])
            self._free = _Pool(port for port in ports if port not in self._used)
        for port in self._free.sample(_TRIES):
            if self._probe(port):
                return port
        raise ProxyError("no available port")

    def _available(self, port: int) -> bool:
        return self._is_allowed(port) and port not in self._used and self._probe(port)

    def _is_allowed(self, port: int) -> bool:
        return 0 <= port < len(self._allowed) and bool(self._allowed[port])

    def _reserved(self, reservation: _Reservation) -> bool:
        released = reservation.released
        return released is None or self._clock() - released < RESERVATION

    def _remember(self, name: str, port: int) -> None:
        self._names.pop(name, None)
        while len(self._names) >= _MAX_NAMES:
            self._names.pop(next(iter(self._names)))
        self._names[name] = _Reservation(port, None)


class _Pool:
    """A set of ports of which random members are taken without visiting all."""

    __slots__ = ("_index", "_members")

    def __init__(self, members: Iterable[int]) -> None:
        self._members = array("H", members)
        self._index = array("i", [-1]) * 65536  # where in _members a port is, -1 for nowhere
        for index, member in enumerate(self._members):
            self._index[member] = index

    def add(self, member: int) -> None:
        """Take ``member`` in, unless it is there."""
        if self._index[member] < 0:
            self._index[member] = len(self._members)
            self._members.append(member)

    def discard(self, member: int) -> None:
        """Take ``member`` out, if it is there."""
        index = self._index[member]
        if index < 0:
            return
        self._index[member] = -1
        last = self._members.pop()
        if last != member:  # the last one takes its place
            self._members[index] = last
            self._index[last] = index

    def sample(self, count: int) -> list[int]:
        """``count`` different members, or all when there are fewer."""
        return random.sample(self._members, min(count, len(self._members)))
