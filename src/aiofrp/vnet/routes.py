"""Which connection a packet of the device goes to: routes of visitors, and addresses learned from packets."""

from __future__ import annotations

from typing import Final, Generic, TypeVar

#: Pairs of addresses that one connection may have in the table, each of some 200 bytes; the oldest is forgotten for a
#: new one.
MOST_FLOWS: Final = 1024
#: Seconds without a packet after which another connection may use the same pair of addresses. Until then its packets
#: are refused: a visitor cannot take over what goes to another one.
TAKEOVER_AFTER: Final = 10.0

C = TypeVar("C")


class _KnownPair(Generic[C]):
    """Who sends packets with one pair of addresses."""

    __slots__ = ("last", "owner")

    def __init__(self, owner: C, now: float) -> None:
        self.owner = owner
        self.last = now


class _Owners(Generic[C]):
    """Connections by address; the one that came last is found, and after its end the one before."""

    __slots__ = ("_found",)

    def __init__(self) -> None:
        self._found: dict[bytes, dict[C, int]] = {}  # limited by who adds: a visitor, or MOST_FLOWS

    def find(self, address: bytes) -> C | None:
        owners = self._found.get(address)
        return next(reversed(owners)) if owners else None

    def add(self, address: bytes, owner: C) -> None:
        """Count ``owner`` once more for ``address``, as the last that came."""
        owners = self._found.setdefault(address, {})
        owners[owner] = owners.pop(owner, 0) + 1

    def remove(self, address: bytes, owner: C) -> None:
        """Count it once less."""
        owners = self._found[address]
        owners[owner] -= 1
        if not owners[owner]:
            del owners[owner]
        if not owners:
            del self._found[address]


class Routes(Generic[C]):
    """The table of one network. Addresses are those of packet headers, 4 or 16 bytes; a *pair* is a source and a
    destination, one after the other."""

    __slots__ = ("_flows", "_owned", "_routes", "_sources")

    def __init__(self) -> None:
        self._routes: _Owners[C] = _Owners()  # of visitors, by destination
        self._flows: dict[
            bytes, _KnownPair[C]
        ] = {}  # by pair, as received; limited by MOST_FLOWS a connection
        self._owned: dict[C, dict[bytes, None]] = {}  # the pairs of each connection, the oldest first
        self._sources: _Owners[C] = _Owners()  # by the sources of these pairs

    def find(self, pair: bytes) -> C | None:
        """Where a packet of the device goes: the visitor with its destination, else the connection that sent packets
        the other way, else the last that sent any from its destination."""
        half = len(pair) // 2
        source, destination = pair[:half], pair[half:]
        found = self._routes.find(destination)
        if found is not None:
            return found
        flow = self._flows.get(destination + source)
        return flow.owner if flow is not None else self._sources.find(destination)

    # Visitors

    def add(self, destination: bytes, connection: C) -> None:
        """Lead packets for ``destination`` to the connection of a visitor."""
        self._routes.add(destination, connection)

    def remove(self, destination: bytes, connection: C) -> None:
        """Undo :meth:`add`."""
        self._routes.remove(destination, connection)

    # Learned

    def learn(self, pair: bytes, connection: C, now: float) -> bool:
        """A packet with these addresses was received on ``connection``. ``False`` when another connection uses them:
        the packet is not to be passed on."""
        flow = self._flows.get(pair)
        if flow is not None:
            if flow.owner is connection:
                flow.last = now
                return True
            if now - flow.last < TAKEOVER_AFTER:
                return False
            self._drop(pair, flow.owner)
        owned = self._owned.setdefault(connection, {})
        if len(owned) >= MOST_FLOWS:
            self._drop(next(iter(owned)), connection)
        owned[pair] = None
        self._flows[pair] = _KnownPair(connection, now)
        self._sources.add(pair[: len(pair) // 2], connection)
        return True

    def forget(self, connection: C) -> None:
        """The connection has ended: remove all that was learned from it."""
        for pair in list(self._owned.get(connection, ())):
            self._drop(pair, connection)
        self._owned.pop(connection, None)

    def _drop(self, pair: bytes, owner: C) -> None:
        del self._flows[pair]
        del self._owned[owner][pair]
        self._sources.remove(pair[: len(pair) // 2], owner)
