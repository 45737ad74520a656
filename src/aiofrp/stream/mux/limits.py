"""The limits of yamux sessions."""

from __future__ import annotations

from dataclasses import dataclass, field

from aiofrp.stream.stall import MIB, StallLimits


@dataclass(frozen=True, slots=True)
class MuxLimits:
    """The limits of one session; times in seconds."""

    keepalive_interval: float = 30.0  #: between pings; 0 or less sends none
    ping_timeout: float = 10.0  #: for the answer to a ping
    open_timeout: float = 75.0  #: for the acknowledgement of a new stream (docs/protocol/wire.md §3)
    #: A stream closed here whose peer never finishes is reset (docs/protocol/wire.md §3).
    close_timeout: float = 300.0
    max_unacknowledged: int = 256  #: streams opened here and not yet acknowledged; more wait
    max_streams: int = 65536  #: streams the peer may have open; more are reset
    receivers: StallLimits = field(default_factory=StallLimits)  #: for what came and is not taken
    #: For what waits for a peer that gives no credit: writers were paused before.
    queues: StallLimits = field(default_factory=lambda: StallLimits(mark=32 * MIB, most=256 * MIB))
