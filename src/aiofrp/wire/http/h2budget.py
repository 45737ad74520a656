"""What a peer of HTTP/2 may spend on frames that carry nothing.

Settings, pings, priorities, window updates, resets and empty data cost their sender nothing and us some 30 µs each. A
peer that works needs them in proportion to its requests and data; one that sends only them is told to calm down.
"""

from __future__ import annotations

from aiofrp.wire.http.h2frames import (
    ACK,
    DATA,
    END_STREAM,
    HEADER,
    HEADERS,
    PADDED,
    SETTINGS,
    CalmDown,
    Frame,
)

#: Control frames a new connection may send, and most that it may save up.
START, MOST = 1000, 4000
#: Control frames a peer gains with each second, request and DATA frame that it was sent (a peer may give windows back
#: piece by piece: Go does every 4 KiB, others at every frame).
PER_SECOND, PER_REQUEST, PER_FRAME_SENT, BYTES_SENT = 10, 8, 4, 1024
#: Control frames that one SETTINGS frame counts for: it concerns every stream.
SETTINGS_COST = 20
#: Fields of a request that cost nothing, and how many of the others count for a control frame.
FREE_FIELDS, FIELDS_PER_FRAME = 64, 4


class ControlBudget:
    """The account of one connection. ``now``: seconds of a clock that never goes back."""

    __slots__ = ("_left", "_since")

    def __init__(self, now: float) -> None:
        self._left = float(START)
        self._since = now

    def received(self, frame: Frame, now: float) -> None:
        """The peer sent ``frame``. Raises :class:`~aiofrp.wire.http.h2frames.CalmDown` when that is one too many."""
        cost = _cost(frame)
        if cost:
            self.spend(cost, now)

    def spend(self, cost: float, now: float) -> None:
        """As many control frames. Raises :class:`~aiofrp.wire.http.h2frames.CalmDown`."""
        self._left -= cost
        if self._left < 0:
            self._gain((now - self._since) * PER_SECOND)
            self._since = now
            if self._left < 0:
                raise CalmDown("too many HTTP/2 control frames")

    def requested(self, fields: int, now: float) -> None:
        """The peer sent a header block of ``fields``. Raises :class:`~aiofrp.wire.http.h2frames.CalmDown`."""
        self._gain(PER_REQUEST)
        if fields > FREE_FIELDS:
            self.spend((fields - FREE_FIELDS) / FIELDS_PER_FRAME, now)

    def sent(self, size: int, cut: bool) -> None:
        """The peer was sent a DATA frame of ``size`` bytes; ``cut``: its window allowed no more, so that windows of a
        few bytes gain nothing."""
        if not cut or size >= BYTES_SENT:
            self._gain(PER_FRAME_SENT + size / BYTES_SENT)

    def _gain(self, frames: float) -> None:
        self._left = min(self._left + frames, MOST)


def _cost(frame: Frame) -> int:
    kind = frame.kind
    if kind == DATA:
        size = len(frame.data) - HEADER
        empty = not size or (frame.flags & PADDED and size == 1 + frame.data[HEADER])
        return 1 if empty and not frame.flags & END_STREAM else 0
    if kind == HEADERS:
        return 0
    if kind == SETTINGS and not frame.flags & ACK:
        return SETTINGS_COST
    return 1  # CONTINUATION too: a block of many is one that a peer made small
