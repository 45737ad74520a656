"""What two sides are to do so that a hole is punched between their NATs, and what earlier tries have taught
(docs/protocol/nat.md §4).

A pure decision: it is given what both sides have announced, and the time. What a side announces is checked before the
other gets any of it.
"""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from aiofrp.errors import ProtocolError, RemoteProtocolError
from aiofrp.nat.classify import Nat, classify
from aiofrp.nat.modes import Part, Try, parts_of, tries_for
from aiofrp.wire.frp.messages import CandidatePortsRange, NatHoleDetectBehavior
from aiofrp.wire.nathole.endpoint import parse_endpoint

#: Outside addresses of one side; the reference's client announces two.
MOST_MAPPED: Final = 4
#: Own addresses of one side that the other gets; the reference's client announces as many at most.
MOST_ASSISTED: Final = 10
#: Pairs of hosts whose tries are remembered, and pairs of NATs of each; those not used longest are forgotten.
MOST_PAIRS, MOST_RECORDS = 5000, 32
#: Highest score, and what a success adds.
_TOP, _REWARD = 10, 2
#: Milliseconds that a side waits for the other, and what is added where ports are met by chance.
_READ_TIMEOUT, _CHANCE_TIMEOUT = 5000, 30_000
#: Added to the difference of ports seen so far, for the window of ports that come next.
_WINDOW_MARGIN = 5
#: Seconds that records are kept at least: the reference drops old ones once an hour.
_SHORTEST_KEEP = 3600.0


class Announced(Struct, frozen=True):
    """What one side has said about itself, checked: :func:`announced` makes it."""

    mapped: tuple[str, ...]  #: its outside addresses
    assisted: tuple[str, ...]  #: its own addresses
    nat: Nat
    host: str  #: where its control connection comes from

    @property
    def key(self) -> tuple[str, str, str, bool]:
        """What records of its NAT are kept under."""
        return parse_endpoint(self.mapped[0])[0], self.nat.type, self.nat.behavior, self.nat.regular


def announced(side: str, mapped: Sequence[str], assisted: Sequence[str], host: str) -> Announced:
    """What a side (``client`` or ``visitor``) has said. Own addresses that are none are left out, and so are further
    ones. Raises :class:`~aiofrp.errors.RemoteProtocolError` when the outside addresses cannot be used."""
    own = _usable(assisted[:MOST_ASSISTED])
    try:
        if len(mapped) > MOST_MAPPED:
            raise RemoteProtocolError(f"{len(mapped)} addresses, and {MOST_MAPPED} are allowed")
        nat = classify(mapped, [parse_endpoint(text)[0] for text in own])
    except ProtocolError as exc:
        raise RemoteProtocolError(f"classify {side} nat feature error: {exc}") from exc
    return Announced(tuple(mapped), own, nat, host)


def _usable(texts: Sequence[str]) -> tuple[str, ...]:
    """The addresses among ``texts``, without repetitions next to each other."""
    found = []
    for text in texts:
        with contextlib.suppress(ProtocolError):
            parse_endpoint(text)
            found.append(text)
    return _compact(found)


class Orders(Struct, frozen=True):
    """What one side is to do, and the addresses of the other."""

    candidates: tuple[str, ...]
    assisted: tuple[str, ...]
    behavior: NatHoleDetectBehavior


class Attempt(Struct, frozen=True):
    """A try for both sides."""

    chosen: Try
    client: Orders
    visitor: Orders
    _pair: _Pair
    _nats: _Nats


#: Where the control connections of client and visitor come from: nobody else can spoil what they have learnt.
_Pair = tuple[str, str]
#: The first outside IP address, type, behavior and regularity of either side.
_Nats = tuple[str, str, str, bool, str, str, str, bool]


class Controller:
    """Decides tries, and remembers which have worked between which NATs."""

    def __init__(self, keep: float) -> None:
        """``keep``: seconds for which records are kept after their last use, at least an hour."""
        self._keep = max(keep, _SHORTEST_KEEP)
        # Limited by MOST_PAIRS and MOST_RECORDS, each in the order of the last use.
        self._pairs: OrderedDict[_Pair, OrderedDict[_Nats, _Record]] = OrderedDict()

    def __len__(self) -> int:
        return sum(map(len, self._pairs.values()))

    def decide(self, client: Announced, visitor: Announced, now: float) -> Attempt:
        """The next try between two sides at the time ``now``, in seconds."""
        pair, nats = (client.host, visitor.host), (*client.key, *visitor.key)
        chosen = self._record(pair, nats, client.nat, visitor.nat, now).choose()
        left, right = parts_of(chosen, client.nat, visitor.nat)
        longest = max(left.delay_ms, right.delay_ms) + _READ_TIMEOUT
        if left.listen_ports or right.listen_ports:
            longest += _CHANCE_TIMEOUT
        return Attempt(
            chosen=chosen,
            client=_orders(chosen, left, longest, visitor),
            visitor=_orders(chosen, right, longest, client),
            _pair=pair,
            _nats=nats,
        )

    def succeeded(self, attempt: Attempt, now: float) -> None:
        """The try has worked: it is made first next time. Call this once for an attempt at most."""
        records = self._pairs.get(attempt._pair)
        record = None if records is None else records.get(attempt._nats)
        if record is not None:
            record.used = now
            record.reward(attempt.chosen)

    def _record(self, pair: _Pair, nats: _Nats, client: Nat, visitor: Nat, now: float) -> _Record:
        records = self._pairs.setdefault(pair, OrderedDict())
        self._pairs.move_to_end(pair)
        record = records.pop(nats, None)
        if record is None or now - record.used > self._keep:
            record = _Record(client, visitor)
        records[nats] = record
        record.used = now
        if len(records) > MOST_RECORDS:
            records.popitem(last=False)
        if len(self._pairs) > MOST_PAIRS:
            self._pairs.popitem(last=False)
        return record


class _Record:
    """The tries between two NATs with their scores."""

    __slots__ = ("_scores", "used")

    def __init__(self, client: Nat, visitor: Nat) -> None:
        self.used = 0.0
        self._scores = dict(tries_for(client, visitor))

    def choose(self) -> Try:
        """The first try of those with the highest score, which it lowers: without a success the others come next."""
        chosen = max(self._scores, key=self._scores.__getitem__)
        self._scores[chosen] -= 1
        return chosen

    def reward(self, chosen: Try) -> None:
        """Raise the score of a try that has worked."""
        if chosen in self._scores:
            self._scores[chosen] = min(self._scores[chosen] + _REWARD, _TOP)


def _compact(texts: Sequence[str]) -> tuple[str, ...]:
    """The same without repetitions next to each other."""
    return tuple(text for at, text in enumerate(texts) if at == 0 or text != texts[at - 1])


def _orders(chosen: Try, part: Part, longest: int, peer: Announced) -> Orders:
    candidates = _compact(peer.mapped)
    ports: tuple[CandidatePortsRange, ...] = ()
    if part.window and len(candidates) == len(
        peer.mapped
    ):  # the reference makes no window after a repetition
        ports = (_window(peer.mapped[-1], part.window, peer.nat.ports_difference),)
    behavior = NatHoleDetectBehavior(
        role=part.role,
        mode=chosen.mode,
        ttl=part.ttl,
        send_delay_ms=part.delay_ms,
        read_timeout_ms=longest - part.delay_ms,
        candidate_ports=ports,
        send_random_ports=part.random_ports,
        listen_random_ports=part.listen_ports,
    )
    return Orders(candidates, peer.assisted, behavior)


def _window(last: str, most: int, difference: int) -> CandidatePortsRange:
    """The ports around the last one that was seen, in which the next one is expected."""
    _, port = parse_endpoint(last)
    reach = min(most, difference + _WINDOW_MARGIN)
    return CandidatePortsRange(start=max(port - reach, 1), end=min(port + reach, 65535))
