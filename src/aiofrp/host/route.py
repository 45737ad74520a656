"""Where a user goes: all that a listener knows of whoever serves him."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from aiofrp.stream.base import Stream
from aiofrp.wire.frp.codec import Codec


class Origin(Struct, frozen=True):
    """How a user came, besides what his stream says."""

    codec: Codec | None = (
        None  #: the wire protocol of the visitor that brought him; ``None``: he came to a port
    )
    #: Bytes of the longest message with a datagram that the clients of the visitor and of the proxy take; 0 where one
    #: did not say.
    max_message: int = 0


#: Of every user of a port.
DIRECT = Origin()


class Route(Protocol):
    """Takes the users of a port, a domain or a door."""

    def accept(self, stream: Stream, early: bytes = b"", info: Origin = DIRECT) -> None:
        """Serve a user, or close his stream; the caller has nothing more to do with it.

        Nobody is attached to ``stream``. ``early``: bytes already read from it, which come before all others. Called
        in callbacks of the event loop, so it never waits.
        """
