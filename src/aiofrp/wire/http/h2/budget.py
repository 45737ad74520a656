"""How many control frames an HTTP/2 peer may send.

SETTINGS, PING, PRIORITY, WINDOW_UPDATE, RST_STREAM and empty DATA frames cost their sender nothing, and us about 30 µs
each. A peer needs them in proportion to its requests and data. One that sends many more gets GOAWAY with the error
ENHANCE_YOUR_CALM.
"""

from __future__ import annotations

from aiofrp.wire.http.h2.frames import (
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

#: Control frames that a new connection may send, and most that an account may hold.
START, MOST = 1000, 4000
#: Control frames that a peer gains with each second, each request and each DATA frame we send; and the bytes of such a
#: frame for which it gains one more. (A peer may send WINDOW_UPDATE often: Go every 4 KiB, others for every frame.)
PER_SECOND, PER_REQUEST, PER_FRAME_SENT, BYTES_SENT = 10, 8, 4, 1024
#: Control frames that one SETTINGS frame counts as, because it concerns every stream.
SETTINGS_COST = 20
#: Fields of a request that cost nothing, and how many of the further ones count as one control frame.
FREE_FIELDS, FIELDS_PER_FRAME = 64, 4


class ControlBudget:
    """The account of one connection, in control frames. ``now``: seconds of a monotonic clock."""

    __slots__ = ("_left", "_since")

    def __init__(self, now: float) -> None:
        self._left = float(START)
        self._since = now

    def received(self, frame: Frame, now: float) -> None:
        """Subtract the cost of ``frame``, which the peer sent. Raises as :meth:`spend` does."""
        cost = _cost(frame)
        if cost:
            self.spend(cost, now)

    def spend(self, cost: float, now: float) -> None:
        """Subtract ``cost`` control frames. Raises :class:`~aiofrp.wire.http.h2.frames.CalmDown` below 0."""
        self._left -= cost
        if self._left < 0:
            self._gain((now - self._since) * PER_SECOND)
            self._since = now
            if self._left < 0:
                raise CalmDown("too many HTTP/2 control frames")

    def requested(self, fields: int, now: float) -> None:
        """The peer sent a header block of ``fields`` fields: add what a request gains, subtract what many fields cost.
        Raises as :meth:`spend` does."""
        self._gain(PER_REQUEST)
        if fields > FREE_FIELDS:
            self.spend((fields - FREE_FIELDS) / FIELDS_PER_FRAME, now)

    def sent(self, size: int, cut: bool) -> None:
        """We sent a DATA frame of ``size`` bytes: add what it gains.

        ``cut``: the flow-control window allowed no more. Such a frame gains only from :data:`BYTES_SENT` bytes on, so
        that windows of a few bytes gain nothing.
        """
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
    return 1  # also for CONTINUATION: a peer that needs many of them makes its frames small on purpose
