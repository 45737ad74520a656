"""Whether the peer of a KCP conversation is where its datagrams say, and what may be sent there until that is known.

KCP has no handshake: the first datagram carries data, and anybody can write any source address on it. So whoever
answers sends at most three times the bytes that came (RFC 9000 §8.1), retransmissions and headers counted, until the
peer has proved its address.

The proof is an acknowledgement that echoes a time this side sent. Times are the clock's plus a secret of 32 bits for
each conversation, so who does not receive them has to guess: at most :data:`MOST_TIMES` of 2^32 are right, and 1 MB of
guesses hits with a chance of 1 in 1,500. What else a peer shows can be guessed: sequence numbers start at 0.

So that the proof does not wait for data, and does not end with lost datagrams when all bytes are used up, there is a
question that every KCP answers: an empty segment with a sequence number below those of the conversation. It was
"received before", so it is acknowledged once more, with its time, and changes nothing.
"""

from __future__ import annotations

import sys

from aiofrp.wire.kcp.fec import HEADER_SIZE
from aiofrp.wire.kcp.pace import RTO_FIRST
from aiofrp.wire.kcp.segment import MSS, MTU, OVERHEAD

#: Bytes sent for each byte received, at most (RFC 9000 §8.1).
FACTOR = 3
#: Times remembered that prove the address when they come back; the oldest is forgotten first.
MOST_TIMES = 64
#: Bytes of one question. So many questions can still be asked after new data left, or with an eighth of the bytes if
#: that is more, and after data left again: a question costs a fortieth of a full segment, and its answer lets all go.
_QUESTION = OVERHEAD + HEADER_SIZE
_KEPT, _KEPT_BY_REPEATED = 4 * _QUESTION, 20 * _QUESTION
#: Bytes of a part of what waits that is worth a segment of its own.
_SMALLEST = 128


class Proof:
    """The state until the address is proved.

    ``limited``: the address is only what a datagram said; who dialled it knows better. ``now`` is in milliseconds.
    """

    __slots__ = ("_allowed", "_limited", "_question_at", "_times", "_wait", "blocked", "left")

    def __init__(self, now: int, *, limited: bool) -> None:
        self.left = 0 if limited else sys.maxsize  #: bytes that may be sent
        self._allowed = 0  # bytes in all
        self.blocked = False  #: something waits that would be more
        self._limited = limited
        self._times: dict[int, None] = {}  # in the order they were sent; MOST_TIMES
        self._question_at, self._wait = now, RTO_FIRST

    def received(self, size: int) -> None:
        """A datagram of ``size`` bytes of the conversation came."""
        if self._limited:
            self.left += FACTOR * size
            self._allowed += FACTOR * size

    def take(self, size: int, *, kept: int = 0) -> bool:
        """Use up what a segment of ``size`` bytes takes, at most, with the datagram around it; False if it may not
        leave, because less than ``kept`` bytes would be left."""
        size += HEADER_SIZE
        if size > self.left - kept:
            self.blocked = True
            return False
        self.left -= size
        return True

    def repeats(self, size: int) -> bool:
        """As :meth:`take` for a segment that was sent before."""
        return self.take(size, kept=_KEPT_BY_REPEATED)

    def segments(self, most: int, queued: int) -> tuple[int, int]:
        """How many segments of new data may leave, up to ``most``, and the payload of each: ``queued`` bytes wait."""
        left = self.left - max(_KEPT, self._allowed // 8)
        whole = left // (MTU + HEADER_SIZE)
        if whole >= most or whole * MSS >= queued:
            return most, MSS
        self.blocked = True
        if whole:
            return whole, MSS
        part = left - _QUESTION
        return (1, part) if most and part >= min(queued, _SMALLEST) else (0, MSS)

    def sent(self, time: int, now: int) -> None:
        """A segment that will be acknowledged leaves with ``time``."""
        self._times[time] = None
        if len(self._times) > MOST_TIMES:
            del self._times[next(iter(self._times))]
        self._question_at = max(self._question_at, now + RTO_FIRST)

    def echoed(self, time: int) -> bool:
        """Whether ``time`` in an acknowledgement proves the address."""
        return time in self._times

    def asks(self, now: int) -> bool:
        """Whether a question must leave now: nothing has that is acknowledged, or data wait for the proof."""
        if not self._limited or now < self._question_at or (self._times and not self.blocked):
            return False
        if not self.take(OVERHEAD):
            return False
        self._question_at = now + self._wait
        self._wait += self._wait // 4
        return True

    @property
    def next_question(self) -> int:
        """When the next question leaves if data wait; later than any time if it never may."""
        return self._question_at if self.blocked and self.left >= _QUESTION else sys.maxsize


__all__ = ["FACTOR", "MOST_TIMES", "Proof"]
