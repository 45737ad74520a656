"""The tries that punching a hole consists of, in five modes (docs/protocol/nat.md §4).

A try says what each side does. Which modes have a chance depends on the two NATs; within a mode its tries are made in
order.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from aiofrp.nat.classify import HARD, Nat

SENDER: Final = "sender"
"""The side that begins when the other has opened its NAT."""
RECEIVER: Final = "receiver"
"""The side that opens its NAT first and waits."""


class Part(Struct, frozen=True):
    """What one side does in a try; zeros mean nothing of the kind."""

    role: str
    ttl: int = 0  #: of what it sends, so that it opens the own NAT and does not reach the other; 0: as usual
    delay_ms: int = 0  #: before it sends
    window: int = 0  #: ports on each side of the other's last one that it sends to
    random_ports: int = 0  #: random ports of the other that it sends to
    listen_ports: int = 0  #: further sockets it opens


def _sender(delay_ms: int = 0, window: int = 0, random_ports: int = 0) -> Part:
    return Part(SENDER, delay_ms=delay_ms, window=window, random_ports=random_ports)


def _receiver(ttl: int = 0, window: int = 0, listen_ports: int = 0) -> Part:
    return Part(RECEIVER, ttl=ttl, window=window, listen_ports=listen_ports)


#: A low TTL passes the own NAT and dies before the other; where the path is shorter than 4 no TTL is left to chance.
_TTLS = (7, 4, 0)

MODES: Final[tuple[tuple[tuple[Part, Part], ...], ...]] = (
    (  # 0: nothing but the addresses is needed
        *(pair for ttl in _TTLS for pair in ((_sender(), _receiver(ttl)), (_receiver(ttl), _sender()))),
        *((_sender(delay), _receiver()) for delay in (5000, 10_000)),
        *((_receiver(), _sender(delay)) for delay in (5000, 10_000)),
    ),
    tuple(  # 1: the sender's next port can be guessed
        (_sender(delay), _receiver(ttl, window=10)) for ttl in _TTLS for delay in (0, 2000)
    ),
    tuple(  # 2: the receiver's ports cannot be guessed, so it opens many and some are met by chance
        (_sender(3000, random_ports=1000), _receiver(ttl, listen_ports=256)) for ttl in _TTLS
    ),
    (  # 3: the next ports of both can be guessed
        *((_sender(window=10), _receiver(ttl, window=10)) for ttl in _TTLS),
        *((_receiver(ttl, window=10), _sender(window=10)) for ttl in _TTLS),
    ),
    tuple(  # 4: as 2, where the sender's next port can be guessed
        (_sender(3000, random_ports=1000), _receiver(ttl, window=2, listen_ports=256)) for ttl in _TTLS
    ),
)
"""By mode and index: what the client does and what the visitor does, before :func:`parts_of` has put each side in the
role that its NAT allows."""


class Try(Struct, frozen=True):
    """One entry of :data:`MODES`."""

    mode: int
    index: int


def tries_for(client: Nat, visitor: Nat) -> Iterator[tuple[Try, int]]:
    """The tries that have a chance between two NATs, in order, each with its first score: higher ones are made
    first."""
    hard = (client.type == HARD) + (visitor.type == HARD)
    regular = client.regular + visitor.regular
    if hard == 2:
        modes = {2: (3, 4), 1: (4,), 0: (0, 1, 3)}[regular]
    elif hard == 1:
        modes = (1, 2, 0) if regular else (2, 1, 0)
    else:
        modes = (0,)
    hopeless = hard == 2 and not regular  # then all are equal
    for mode in modes:
        for index, (left, _) in enumerate(MODES[mode]):
            yield Try(mode, index), int(hopeless or (mode == 0 and _public_receives(client, visitor, left)))


def _public_receives(client: Nat, visitor: Nat, left: Part) -> bool:
    """Whether a side without NAT receives in a try of mode 0, as its ports are open already."""
    if client.public:
        return left.role == RECEIVER
    return visitor.public and left.role == SENDER


def parts_of(chosen: Try, client: Nat, visitor: Nat) -> tuple[Part, Part]:
    """What the client does and what the visitor does in a try."""
    left, right = MODES[chosen.mode][chosen.index]
    if chosen.mode == 1:  # the hard side sends
        swapped = client.type != HARD
    elif chosen.mode == 2:  # the hard side receives
        swapped = client.type == HARD
    else:  # in mode 4 the regular side sends
        swapped = chosen.mode == 4 and not client.regular
    return (right, left) if swapped else (left, right)
