"""The states of a TLS stream, what may happen in each, and what follows (RFC 8446 §6.1).

Both directions end on their own: ours with the close_notify we send, the peer's with the one it sends.
"""

from __future__ import annotations

import enum


class TlsState(enum.Enum):
    """Where a TLS stream stands. Each member says what holds in it."""

    HANDSHAKE = "the handshake runs", False, True, True
    HANDSHAKE_LAST = "the handshake runs, and nothing is written after what is queued", False, True, False
    OPEN = "data flow in both directions", True, True, True
    WRITE_ENDED = "our close_notify went out, the peer still sends", True, True, False
    READ_ENDED = "the peer's close_notify came, we may still write", True, False, True
    FINISHED = "both close_notify alerts went", True, False, False
    NEVER_READY = "the stream ended before its handshake was done", False, False, False
    ENDED = "the stream was closed, aborted or cut off", True, False, False

    def __init__(self, text: str, ready: bool, reads: bool, writes: bool) -> None:
        self.text = text
        self.ready = ready  #: the handshake was done
        self.reads = reads  #: records of the peer are still read
        self.writes = writes  #: the user may write


class TlsEvent(enum.Enum):
    """What moves a TLS stream from one state to another."""

    READY = enum.auto()  #: the handshake is done
    WRITE_EOF = enum.auto()  #: the user writes no more
    CLOSE_NOTIFY = enum.auto()  #: the peer sends no more
    END = enum.auto()  #: closed or aborted by the user, failed, or the carrier is gone


_S, _E = TlsState, TlsEvent
#: The state after an event; what does not stand here cannot happen. Every state has an end.
TRANSITIONS: dict[tuple[TlsState, TlsEvent], TlsState] = {
    (_S.HANDSHAKE, _E.READY): _S.OPEN,
    (_S.HANDSHAKE, _E.WRITE_EOF): _S.HANDSHAKE_LAST,
    (_S.HANDSHAKE_LAST, _E.READY): _S.WRITE_ENDED,
    (_S.OPEN, _E.WRITE_EOF): _S.WRITE_ENDED,
    (_S.OPEN, _E.CLOSE_NOTIFY): _S.READ_ENDED,
    (_S.WRITE_ENDED, _E.CLOSE_NOTIFY): _S.FINISHED,
    (_S.READ_ENDED, _E.WRITE_EOF): _S.FINISHED,
    **{(state, _E.END): _S.ENDED if state.ready else _S.NEVER_READY for state in TlsState},
}

__all__ = ["TRANSITIONS", "TlsEvent", "TlsState"]
