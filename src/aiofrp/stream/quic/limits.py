"""The settings of QUIC connections, apart from the library, which is slow to load."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from aiofrp.stream.stall import StallLimits

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
    receivers: StallLimits = field(default_factory=StallLimits)  #: for what arrived and is not taken


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
