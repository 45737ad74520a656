"""What a NAT does, by the addresses that servers saw behind it (docs/protocol/nat.md §1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.nathole.endpoint import parse_endpoint

EASY: Final = "EasyNAT"
"""The outside address does not depend on the destination."""
HARD: Final = "HardNAT"
"""Each destination sees another outside address."""

#: What changes with the destination, by (another IP address, another port).
_BEHAVIORS = {
    (False, False): "BehaviorNoChange",
    (True, False): "BehaviorIPChanged",
    (False, True): "BehaviorPortChanged",
    (True, True): "BehaviorBothChanged",
}
#: Difference of the outside ports up to which they can be guessed.
_REGULAR = 5


class Nat(Struct, frozen=True):
    """A NAT as seen from outside."""

    type: str  #: ``EasyNAT`` or ``HardNAT``
    behavior: str  #: ``BehaviorNoChange``, ``BehaviorIPChanged``, ``BehaviorPortChanged`` or ``BehaviorBothChanged``
    ports_difference: int  #: from the lowest to the highest port where only the port changes, else 0
    regular: bool  #: whether that difference is from 1 to 5
    public: bool  #: whether there is no NAT: an outside address is one of the host's own


def classify(mapped: Sequence[str], local_ips: Sequence[str]) -> Nat:
    """The NAT with the outside addresses ``mapped``, each ``host:port``, of a host with the addresses ``local_ips``.

    Raises :class:`~aiofrp.errors.RemoteProtocolError` for fewer than two addresses and for one that is none.
    """
    if len(mapped) < 2:
        raise RemoteProtocolError("not enough addresses")
    hosts, ports = zip(*map(parse_endpoint, mapped), strict=True)
    other_host, other_port = len(set(hosts)) > 1, len(set(ports)) > 1
    difference = max(ports) - min(ports) if other_port and not other_host else 0
    return Nat(
        type=HARD if other_host or other_port else EASY,
        behavior=_BEHAVIORS[other_host, other_port],
        ports_difference=difference,
        regular=1 <= difference <= _REGULAR,
        public=not set(hosts).isdisjoint(local_ips),
    )
