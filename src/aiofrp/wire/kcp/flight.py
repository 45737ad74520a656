"""The segments of a KCP conversation that are on their way: which are acknowledged, and which must be sent again.

Sequence numbers here count on without end; the wire has their lower 32 bits. Every ``now`` is in milliseconds.
"""

from __future__ import annotations

from aiofrp.wire.kcp.pace import RTO_MAX, Pace
from aiofrp.wire.kcp.proof import Proof
from aiofrp.wire.kcp.segment import FIN, HALF, MASK, OVERHEAD

#: Segments that are sent again at a time only because no answer came; more follow when one comes: the peer may merely
#: be busy.
_LATE_AT_ONCE = 32
#: A FIN is sent again at most so often: to a peer that has sent none, as only peers of our kind acknowledge it, and to
#: one that has.
_FIN_TIMES, _KNOWN_FIN_TIMES = 5, 20


class Segment:
    """A segment on its way."""

    __slots__ = ("command", "data", "due", "rto", "skips", "stamp", "tries")

    def __init__(self, command: int, data: bytes, stamp: int, due: int, rto: int) -> None:
        self.command = command
        self.data = data
        self.stamp = stamp  #: the time on the wire when it left last
        self.due = due  #: when it is sent again
        self.rto = rto
        self.skips = 0  #: acknowledgements of later segments since
        self.tries = 1


class Flight:
    """The segments on their way; the owner adds new ones. ``clock``: added to the times on the wire."""

    __slots__ = (
        "_clock",
        "_more_late",
        "_pace",
        "deaf",
        "due",
        "fin_known",
        "progress_at",
        "segments",
        "skips_below",
        "sn",
        "una",
    )

    def __init__(self, pace: Pace, clock: int, now: int) -> None:
        self.segments: dict[int, Segment] = {}  #: by sn, ascending; limited by the windows
        self.una = 0  #: the first not acknowledged
        self.sn = 0  #: the next to be sent
        self.due = now  #: no segment is to be sent again before, unless later ones were acknowledged
        self.progress_at = now  #: when the peer acknowledged something new
        self.deaf = False  #: the peer does not know what ends are, or is gone: it acknowledged all data and not our end
        self.fin_known = False  #: the peer sent a FIN itself
        self._pace = pace
        self._clock = clock
        self._more_late = False  # more are due than were sent again at once
        self.skips_below = 0  #: segments below may have skips

    def __repr__(self) -> str:
        return f"<Flight {self.una}/{self.sn} segments={len(self.segments)} due={self.due}>"

    @property
    def only_fin(self) -> bool:
        """Whether all data was acknowledged; a FIN may be on its way."""
        return all(segment.command == FIN for segment in self.segments.values())

    # Acknowledgements

    def ack(self, sn: int, stamp: int, acked: list[tuple[int, int]]) -> None:
        """The peer has the segment ``sn`` of the wire, as sent at ``stamp``; what is new is added to ``acked``."""
        number = self.una + ((sn - self.una) & MASK)
        segment = self.segments.pop(number, None)
        if segment is not None:
            acked.append((number, stamp))
            if segment.stamp != stamp and segment.tries > 1:
                self._pace.needless()

    def ack_below(self, una: int, now: int) -> bool:
        """The peer has everything below ``una`` of the wire. False when it cannot have meant this conversation: it
        acknowledges nothing, though an earlier segment of it acknowledged something."""
        count = (una - self.una) & MASK
        if not 0 < count <= self.sn - self.una:
            return una != 0 or not count
        pop = self.segments.pop
        soon = (now + self._clock - self._pace.least_rtt) & MASK
        for number in range(self.una, self.una + count):
            segment = pop(number, None)
            if segment is not None and segment.tries > 1 and 0 < (segment.stamp - soon) & MASK < HALF:
                self._pace.needless()
        self.una += count
        return True

    def skipped(self, acked: list[tuple[int, int]]) -> None:
        """Count that segments on their way were skipped by ``acked`` later ones: numbers and times."""
        highest = max(number for number, _ in acked)
        oldest, newest = acked[0][1], acked[-1][1]
        for number, segment in self.segments.items():
            if number >= highest:
                break
            if (oldest - segment.stamp) & MASK < HALF:
                segment.skips += len(acked)
            elif (newest - segment.stamp) & MASK < HALF:
                segment.skips += 1
            self.skips_below = max(self.skips_below, highest)

    def progressed(self, now: int) -> None:
        """Something new was acknowledged."""
        self.progress_at = now
        if self._more_late:
            self.due = now

    # Sending again

    def overdue(self, now: int, patience: int, proof: Proof | None) -> list[tuple[int, Segment]]:
        """What must be sent again now, with its numbers: what ``patience`` later segments overtook or what has waited
        too long. It counts as sent. ``proof``: allows what may be sent until the address of the peer is proved."""
        everything, stamp, rto = now >= self.due, (now + self._clock) & MASK, self._pace.rto
        due = now + RTO_MAX if everything else self.due
        skips_below, self.skips_below = self.skips_below, 0
        found: list[tuple[int, Segment]] = []
        late = 0
        for number, segment in self.segments.items():
            if late >= _LATE_AT_ONCE or (number >= skips_below and not everything):
                break
            overtaken = segment.skips >= patience
            if overtaken:
                segment.due = min(segment.due, now + self._pace.grace)
            if now < segment.due:
                if segment.skips:
                    self.skips_below = number + 1
                due = min(due, segment.due)
                continue
            if proof is not None and not proof.repeats(
                len(segment.data) + OVERHEAD * (1 + (segment.command == FIN))
            ):
                self.skips_below = number + 1
                due = min(due, segment.due)
                break
            if overtaken:
                segment.rto = rto
            else:
                segment.rto += rto // 2 if proof is None else segment.rto
                late += 1
            segment.skips, segment.stamp, segment.due = 0, stamp, now + segment.rto
            segment.tries += 1
            due = min(due, segment.due)
            found.append((number, segment))
        self._more_late = late >= _LATE_AT_ONCE
        self.due = min(due, now + rto) if self._more_late else due
        self._pace.repeated(len(found) - late)
        if late and len(self.segments) == 1:
            self._give_up_fin()
        return found

    def _give_up_fin(self) -> None:
        (segment,) = self.segments.values()
        most = _KNOWN_FIN_TIMES if self.fin_known else _FIN_TIMES
        if segment.command == FIN and segment.tries > most:
            self.segments.clear()
            self.una = self.sn
            self.deaf = True
