"""What round trips and losses say about a KCP path: time-out, window, rate, patience, worth of parity.

Numbers in, numbers out; it knows no segments. Times are milliseconds, windows segments.
"""

from __future__ import annotations

#: Segments either side may have on their way or unread; the reference's server uses the same
#: (docs/protocol/wire.md §4).
MAX_WINDOW = 1024
#: Segments between two programs of ours that both allow them: more than the reference sends, see Pace._most.
WIDE_WINDOW = 2048
#: What a sender starts with and never goes below: the reference's client has this much.
MIN_WINDOW = 128
#: The retransmission time-out (docs/protocol/wire.md §4).
RTO_FIRST, RTO_MIN, RTO_MAX, _INTERVAL = 200, 30, 60_000, 20
#: Segments that may leave at once after a pause; the rate as a multiple of a window per round trip, and the least
#: rate, segments per millisecond. A whole window at once is lost in the first short queue on the path.
_BURST, _RATE_GAIN, _RATE_MIN = 128, 1.25, 16.0
#: Milliseconds whose segments may leave at once: timers are no finer.
BEAT = 2
#: New segments after which losses are counted up; shares of all sent beyond which the window shrinks and parity pays.
#: A path may lose a fifth by itself, and the reference does not slow down for any loss.
EPOCH, _SHRINK_ABOVE, _GROW_BELOW, _LOSSY_ABOVE = 256, 0.3, 0.22, 0.01
#: The share of losses, and the multiple of the shortest round trip (and _INTERVAL more), above which the window is the
#: reference's at most, for so many milliseconds.
_WIDE_BELOW, _QUEUED, _NARROW_FOR = 0.1, 1.25, 30_000
#: Milliseconds that parity goes on after the last such loss: it hides the losses it repairs.
_LOSSY_FOR = 10_000
#: Longest grace for overtaken segments; the share of needless repetitions beyond which it is doubled, and the epochs
#: with fewer after which it is shortened by one.
_GRACE_MAX, _NEEDLESS_ABOVE, _GRACE_EPOCHS = 64, 1 / 64, 16


class Pace:
    """The sender's picture of the path; ``limit`` is the window's."""

    __slots__ = (
        "_calm",
        "_limit",
        "_lossy_until",
        "_needless",
        "_repeated",
        "_rtt",
        "_sent",
        "_spread",
        "_tokens",
        "_tokens_at",
        "_wide_at",
        "grace",
        "least_rtt",
        "lossy",
        "rto",
        "window",
    )

    def __init__(self, limit: int) -> None:
        self.rto = RTO_FIRST  #: after which an unanswered segment is sent again
        self.window = min(MIN_WINDOW, limit)  #: segments that may be on their way
        #: How long an overtaken segment may still come by itself: none at first, more where datagrams change places.
        self.grace = 0
        self.lossy = False  #: so much gets lost that parity is worth its cost
        self.least_rtt = RTO_MAX  #: the shortest round trip seen
        self._limit = limit
        self._rtt, self._spread = -1.0, 0.0
        self._sent = self._repeated = self._needless = 0  # of this epoch
        self._calm = 0  # epochs since datagrams changed places
        self._lossy_until = 0
        self._wide_at = 0  # from when on the window may be larger than the reference's
        self._tokens, self._tokens_at = (
            float(_BURST),
            -1,
        )  # segments that may leave, and when that was counted

    def round_trip(self, rtt: int) -> None:
        """A new measurement (RFC 6298 with KCP's bounds)."""
        self.least_rtt = min(self.least_rtt, rtt)
        if self._rtt < 0:
            self._rtt, self._spread = float(rtt), rtt / 2
        else:
            change = rtt - self._rtt
            self._rtt += change / 8
            weight = 32 if rtt < self._rtt - self._spread else 4  # an unusually fast one says little
            self._spread += (abs(change) - self._spread) / weight
        rto = self._rtt + max(_INTERVAL, 4 * self._spread)
        self.rto = int(min(max(RTO_MIN, rto), RTO_MAX))

    @property
    def rate(self) -> float:
        """Segments that may leave in a millisecond: a window spread over a round trip, and a little faster."""
        return max(_RATE_MIN, _RATE_GAIN * self.window / max(1.0, self._rtt))

    def allowance(self, now: int) -> int:
        """Segments that may leave now; zero or less while too many have left."""
        if now != self._tokens_at:
            rate = self.rate
            earned = rate * (now - self._tokens_at) if self._tokens_at >= 0 else _BURST
            self._tokens = min(max(_BURST, BEAT * rate), self._tokens + earned)
            self._tokens_at = now
        return int(self._tokens)

    def spend(self, count: int) -> None:
        """``count`` segments leave, new ones or again."""
        self._tokens -= count

    def repeated(self, count: int) -> None:
        """``count`` segments were sent again because later ones had arrived."""
        self._repeated += count

    def needless(self) -> None:
        """An answer came sooner after a repetition than a round trip takes: the segment was only late."""
        self._needless += 1

    def sent(self, count: int, now: int) -> None:
        """``count`` new segments were sent."""
        self._sent += count
        if self._sent >= EPOCH:
            self._end_epoch(now)

    def _end_epoch(self, now: int) -> None:
        """Open the window while the path carries it, close it when much gets lost."""
        self._judge_order()
        share = (self._repeated - self._needless) / (self._sent + self._repeated)
        self._sent = self._repeated = self._needless = 0
        limit = self._most(share, now)
        if share > _SHRINK_ABOVE:
            self.window = max(min(MIN_WINDOW, limit), self.window // 2)
        elif share < _GROW_BELOW:
            self.window = min(limit, self.window * 3 // 2)
        if share > _LOSSY_ABOVE:
            self._lossy_until = now + _LOSSY_FOR
        self.lossy = now < self._lossy_until

    def _most(self, share: float, now: int) -> int:
        """The largest window: that of the reference for a while after more than that lost much or filled a queue."""
        if self.window > MAX_WINDOW and (
            share > _WIDE_BELOW or self._rtt > _QUEUED * self.least_rtt + _INTERVAL
        ):
            self._wide_at = now + _NARROW_FOR
        return self._limit if now >= self._wide_at else min(self._limit, MAX_WINDOW)

    def _judge_order(self) -> None:
        self._calm += 1
        if self._needless > self._sent * _NEEDLESS_ABOVE:
            self.grace, self._calm = min(max(1, self.grace * 2), _GRACE_MAX), 0
        elif self._calm >= _GRACE_EPOCHS:
            self.grace, self._calm = max(self.grace - 1, 0), 0
