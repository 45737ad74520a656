"""The settings of QUIC connections, apart from the library, which is slow to load."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from aiofrp.stream.stall import StallLimits

#: Bytes of a stream's window where credit cannot be withheld; the connection's is four times as large.
PLAIN_WINDOW = 512 * 1024

#: Judges a peer's certificate chain, DER, its own certificate first: what is wrong with it, empty if nothing.
Judge: TypeAlias = Callable[[list[bytes]], str]


@dataclass(frozen=True, slots=True)
class QuicIdentity:
    """What one side shows, PEM; empty for nothing."""

    certificate: bytes = b""  #: with the chain behind it
    key: bytes = b""


@dataclass(frozen=True, slots=True)
class QuicLimits:
    """What one connection may cost, and its times in seconds."""

    keepalive: float = 10.0  #: without a packet from the peer, after which a PING is sent
    idle_timeout: float = 30.0  #: without a packet from the peer, after which the connection is lost
    max_streams: int = 100_000  #: the peer may have open at once
    #: Bytes of one stream in flight or not taken (docs/protocol/wire.md §5).
    stream_window: int = 6 * 1024 * 1024
    connection_window: int = 15 * 1024 * 1024  #: the same of all streams together (docs/protocol/wire.md §5)
    #: Whether the credit of a stream whose receiver takes nothing is withheld, for which our own packets are re-sealed
    #: (see :mod:`aiofrp.stream.quic.core.credit`). Without it windows are plain and smaller: the peer of such a stream
    #: goes on sending, and ``receivers`` alone limits what is held.
    reseal: bool = True
    receivers: StallLimits = field(default_factory=StallLimits)  #: for what arrived and is not taken

    @property
    def windows(self) -> tuple[int, int]:
        """The flow-control windows of a stream and of the connection, bytes."""
        if self.reseal:
            return self.stream_window, self.connection_window
        return min(self.stream_window, PLAIN_WINDOW), min(self.connection_window, 4 * PLAIN_WINDOW)


@dataclass(frozen=True, slots=True)
class QuicListenLimits:
    """What the peers of one listener may cost that have not logged in."""

    connections: int = 16_384  #: in all
    connections_per_source: int = 4_096  #: from one address without port
    handshakes: int = 512  #: under way at once
    free_handshakes: int = 64  #: of these, begun without a token
    handshake_seconds: float = 10.0  #: for one handshake
    login_seconds: float = 10.0  #: from then on until something is granted
    answers_per_second: int = 2_000  #: Retry and Version Negotiation packets
    connection: QuicLimits = field(default_factory=QuicLimits)
