"""What two sides are to do so that a hole is punched between their NATs, and what earlier tries have taught
(docs/protocol/nat.md §4).

A pure decision: it is given what both sides have announced, and the time. What comes from a side is checked here before
the other gets any of it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

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


class Announced(NamedTuple):
    """What one side has said about itself."""

    mapped: Sequence[str]  #: its outside addresses
    assisted: Sequence[str]  #: its own addresses
    host: str  #: where its control connection comes from


@dataclass(frozen=True, slots=True)
class Orders:
    """What one side is to do, and the addresses of the other."""

    candidates: tuple[str, ...]
    assisted: tuple[str, ...]
    behavior: NatHoleDetectBehavior


@dataclass(frozen=True, slots=True)
class Attempt:
    """A try for both sides."""

    chosen: Try
    client: Orders
    visitor: Orders
    client_nat: Nat
    visitor_nat: Nat
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
        """The next try between two sides at the time ``now``, in seconds. Raises
        :class:`~aiofrp.errors.RemoteProtocolError` when one has announced what cannot be used; the text is for both.
        """
        client_nat, visitor_nat = _nat("client", client), _nat("visitor", visitor)
        pair, nats = (client.host, visitor.host), (*_key(client, client_nat), *_key(visitor, visitor_nat))
        chosen = self._record(pair, nats, client_nat, visitor_nat, now).choose()
        left, right = parts_of(chosen, client_nat, visitor_nat)
        longest = max(left.delay_ms, right.delay_ms) + _READ_TIMEOUT
        if left.listen_ports or right.listen_ports:
            longest += _CHANCE_TIMEOUT
        return Attempt(
            chosen=chosen,
            client=_orders(chosen, left, longest, visitor, visitor_nat),
            visitor=_orders(chosen, right, longest, client, client_nat),
            client_nat=client_nat,
            visitor_nat=visitor_nat,
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


def _nat(side: str, announced: Announced) -> Nat:
    try:
        if len(announced.mapped) > MOST_MAPPED:
            raise RemoteProtocolError(f"{len(announced.mapped)} addresses, and {MOST_MAPPED} are allowed")
        return classify(announced.mapped, [parse_endpoint(text)[0] for text in _assisted(announced)])
    except ProtocolError as exc:
        raise RemoteProtocolError(f"classify {side} nat feature error: {exc}") from exc


def _assisted(announced: Announced) -> tuple[str, ...]:
    """The own addresses of a side, without what is none and without repetitions next to each other."""
    usable = []
    for text in announced.assisted[:MOST_ASSISTED]:
        try:
            parse_endpoint(text)
        except ProtocolError:
            continue
        usable.append(text)
    return _compact(usable)


def _compact(texts: Sequence[str]) -> tuple[str, ...]:
    """The same without repetitions next to each other."""
    return tuple(text for at, text in enumerate(texts) if at == 0 or text != texts[at - 1])


def _key(announced: Announced, nat: Nat) -> tuple[str, str, str, bool]:
    return parse_endpoint(announced.mapped[0])[0], nat.type, nat.behavior, nat.regular


def _orders(chosen: Try, part: Part, longest: int, peer: Announced, peer_nat: Nat) -> Orders:
    candidates = _compact(peer.mapped)
    ports: tuple[CandidatePortsRange, ...] = ()
    if part.window and len(candidates) == len(
        peer.mapped
    ):  # the reference makes no window after a repetition
        ports = (_window(peer.mapped[-1], part.window, peer_nat.ports_difference),)
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
    return Orders(candidates, _assisted(peer), behavior)


def _window(last: str, most: int, difference: int) -> CandidatePortsRange:
    """The ports around the last one that was seen, in which the next one is expected."""
    _, port = parse_endpoint(last)
    reach = min(most, difference + _WINDOW_MARGIN)
    return CandidatePortsRange(start=max(port - reach, 1), end=min(port + reach, 65535))
