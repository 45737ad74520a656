"""The states of a QUIC connection, and what follows each."""

from __future__ import annotations

import enum


class QuicState(enum.Enum):
    """Where a connection is between its first packet and its last."""

    HANDSHAKE = "handshake"  #: no stream may be opened yet
    OPEN = "open"  #: streams come and go
    CLOSING = "closing"  #: closed here; packets of the peer are answered with CONNECTION_CLOSE
    OVER = "over"  #: no datagram is sent or taken any more

    def leads_to(self, state: QuicState) -> bool:
        """Whether a connection in this state may go on to ``state``."""
        return state in TRANSITIONS[self]


#: All transitions there are.
TRANSITIONS = {
    QuicState.HANDSHAKE: (QuicState.OPEN, QuicState.CLOSING, QuicState.OVER),
    QuicState.OPEN: (QuicState.CLOSING, QuicState.OVER),
    QuicState.CLOSING: (QuicState.OVER,),
    QuicState.OVER: (),
}

__all__ = ["TRANSITIONS", "QuicState"]
