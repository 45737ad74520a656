"""KCP: a reliable, ordered byte stream over datagrams
(docs/protocol/wire.md §4; https://github.com/skywind3000/kcp).

Segments and times in, segments and bytes out. It knows no sockets, no clock and no error correction; every ``now`` is
in milliseconds and may start anywhere.

The reference sends and acknowledges on a 20 ms beat. Here both leave whenever the owner asks, which it does after each
batch of datagrams it read and after each turn in which something was written: the peer's protocol allows it, and a
round trip costs what the network takes.
"""

from __future__ import annotations

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.kcp.pace import MAX_WINDOW, MIN_WINDOW, RTO_MAX, Pace
from aiofrp.wire.kcp.proof import Proof
from aiofrp.wire.kcp.segment import (
    ACK,
    ASK,
    FIN,
    HALF,
    MASK,
    MSS,
    OVERHEAD,
    PUSH,
    RST,
    TELL,
    Buffer,
    join,
    pack,
    unpack_from,
)

#: Acknowledgements of later segments after which one counts as lost (docs/protocol/wire.md §4).
_SKIPS = 2
#: Segments that are sent again at a time only because no answer came; more follow when one comes: the peer may merely
#: be busy.
_LATE_AT_ONCE = 32
#: Milliseconds of zero window before the peer is asked, growing by half up to the limit
#: (docs/protocol/wire.md §4).
_PROBE_FIRST, _PROBE_MAX = 7_000, 120_000
#: How often a window that opened again is announced, unless data comes first, and milliseconds between: an
#: announcement may get lost.
_TELL_TIMES, _TELL_EVERY = 3, 100
#: A FIN is sent again at most so often: only peers of our kind acknowledge it.
_FIN_TIMES = 5
#: Milliseconds without a segment of the peer after which it is asked for one; between such questions; and without an
#: acknowledgement of something new after which the conversation is dead.
IDLE, _IDLE_EVERY, DEAD_AFTER = 30_000, 5_000, 20_000
#: What ends a conversation that a reference server began by mistake, see :meth:`KcpCore._peer_forgot`: no protocol of
#: frp's begins like this. Milliseconds of silence after which there is no doubt about the mistake.
_NONSENSE, _NO_DOUBT = b"\xff" * 16, 1_000


class _Segment:
    """A segment on its way."""

    __slots__ = ("command", "data", "due", "rto", "skips", "stamp", "tries")

    def __init__(self, command: int, data: bytes, stamp: int, due: int, rto: int) -> None:
        self.command = command
        self.data = data
        self.stamp = stamp  # the time on the wire when it left last
        self.due = due  # when it is sent again
        self.rto = rto
        self.skips = 0  # acknowledgements of later segments since
        self.tries = 1


class KcpCore:
    """One side of a conversation.

    ``clock``: added to the times on the wire; when it is secret, an echo of it proves the peer's address (``proven``).
    ``answering``: the peer's address is what its first datagram says; until it is proved little is sent there, see
    :mod:`aiofrp.wire.kcp.proof`, and the owner reports the size of what comes with :meth:`count`. ``send_window``,
    ``receive_window``: segments.
    """

    __slots__ = (
        "_acks",
        "_advertised",
        "_asked_at",
        "_clock",
        "_due",
        "_early",
        "_end_other",
        "_fin_queued",
        "_fin_sent",
        "_head",
        "_head_at",
        "_inflight",
        "_more_late",
        "_next",
        "_pace",
        "_peer_window",
        "_probe_at",
        "_probe_wait",
        "_progress_at",
        "_proof",
        "_queue",
        "_ready",
        "_receive_window",
        "_received_at",
        "_skips_below",
        "_sn",
        "_tell_at",
        "_tells",
        "_una",
        "_unread",
        "conv",
        "deaf",
        "eof",
        "proven",
        "queued",
        "reset",
    )

    def __init__(
        self,
        conv: int,
        now: int,
        *,
        clock: int = 0,
        answering: bool = False,
        send_window: int = MAX_WINDOW,
        receive_window: int = MAX_WINDOW,
    ) -> None:
        self.conv = conv
        self.proven = False  #: the peer echoed a time that was sent to its address only
        self.reset = False  #: the peer does not know the conversation any more
        self.deaf = False  #: the peer does not know what ends are: it acknowledged all data and not our end
        self.eof = False  #: the peer finished sending, and all of it is here
        self.queued = 0  #: bytes not on their way yet; limited by the owner
        self._clock = clock
        self._proof: Proof | None = Proof(now, limited=answering)  # until the address is proved
        # Sending. Sequence numbers of ours count on without end; the wire has their lower 32 bits.
        self._queue: list[Buffer] = []  # limited by the owner through ``queued``
        self._head, self._head_at = b"", 0  # what is being cut into segments, and how far
        self._fin_queued = self._fin_sent = False
        self._inflight: dict[int, _Segment] = {}  # by sn, ascending; limited by the windows
        self._una = 0  # the first not acknowledged
        self._sn = 0  # the next to be sent
        self._pace = Pace(send_window)
        self._peer_window = MIN_WINDOW
        self._due = now  # no segment is to be sent again before
        self._end_other = False  # see _peer_forgot
        self._more_late = False  # more are due than were sent again at once
        self._skips_below = 0  # segments below may have skips
        self._progress_at = now  # when the peer acknowledged something new
        self._probe_wait, self._probe_at = 0, now
        # Receiving. These sequence numbers are those of the wire.
        self._receive_window = receive_window
        self._next = 0  # the next expected
        self._ready: list[Buffer] = []  # in order, not taken yet
        self._early: dict[int, bytes | None] = {}  # by sn, None for a FIN; limited by the receive window
        self._unread = 0  # bytes the owner holds for a user who does not read
        self._acks: list[tuple[int, int]] = []  # (sn, time) to acknowledge; limited by the owner's batches
        self._advertised = receive_window  # the window last sent
        self._tells, self._tell_at = 0, now
        self._received_at = self._asked_at = now

    def __repr__(self) -> str:
        return (
            f"<KcpCore {self.conv} sent={self._una}/{self._sn} queued={self.queued} window={self._pace.window}"
            f"/{self._peer_window} rto={self._pace.rto} next={self._next} early={len(self._early)}>"
        )

    # Receiving

    def receive_data(self, packet: Buffer, now: int, *, recovered: bool = False) -> None:
        """Take a packet of segments; ``recovered`` ones are older than they come.

        Raises :class:`~aiofrp.errors.RemoteProtocolError` at the first segment that is not of this conversation or
        not whole; those before it count.
        """
        at, end = 0, len(packet)
        acked: list[tuple[int, int]] = []
        una = self._una
        while end - at >= OVERHEAD:
            conv, command, _, window, stamp, sn, peer_una, length = unpack_from(packet, at)
            at += OVERHEAD
            stop = at + length
            if conv != self.conv or stop > end or not PUSH <= command <= RST:
                raise RemoteProtocolError(
                    f"kcp: a segment of conversation {conv} command {command} length {length}"
                )
            if not recovered:
                self._peer_window = window
            if command == PUSH:
                self._push(sn, stamp, packet[at:stop])
            elif command == ACK:
                self._ack(sn, stamp, acked)
            elif command >= ASK:
                self._control(command, sn, stamp)
            if peer_una != una & MASK and command != RST:
                self._acknowledge_below(peer_una, now)
            at = stop
        self._received_at = now
        if acked:
            self._count_skips(acked)
            if not recovered:
                rtt = (now + self._clock - acked[-1][1]) & MASK
                if rtt < HALF:
                    self._pace.round_trip(rtt)
        if acked or self._una != una:
            self._progress_at = now
            if self._more_late:
                self._due = now

    def count(self, size: int) -> None:
        """A datagram of ``size`` bytes had segments of this conversation in it."""
        if self._proof is not None:
            self._proof.received(size)

    def take(self) -> Buffer:
        """What arrived in order since the last call; empty if nothing did."""
        ready = self._ready
        if not ready:
            return b""
        self._ready = []
        return ready[0] if len(ready) == 1 else b"".join(ready)

    def hold(self, size: int) -> bool:
        """The owner holds ``size`` bytes more of what it took, or less when negative; the window follows.

        Returns whether the peer should get the new window at once.
        """
        self._unread += size
        half = self._receive_window // 2
        if size < 0 and self._advertised < half <= self._free():
            self._tells, self._tell_at = _TELL_TIMES, self._received_at
            return True
        return False

    def _free(self) -> int:
        return max(0, self._receive_window - (self._unread + MSS - 1) // MSS)

    def _push(self, sn: int, stamp: int, data: Buffer | None) -> None:
        ahead = (sn - self._next) & MASK
        if ahead >= HALF:
            self._acks.append((sn, stamp))  # it was acknowledged before; that got lost
        elif ahead >= self._receive_window or self.eof:
            return
        elif ahead:
            self._acks.append((sn, stamp))
            if sn not in self._early:
                self._early[sn] = None if data is None else bytes(data)
        elif data is None or self._unread < 2 * self._receive_window * MSS:
            self._acks.append((sn, stamp))
            self._in_order(data)
            while self._early and self._next in self._early and not self.eof:
                self._in_order(self._early.pop(self._next))
        # else the peer ignores the window

    def _in_order(self, data: Buffer | None) -> None:
        self._next = (self._next + 1) & MASK
        self._tells = 0
        if data is None:
            self.eof = True
            self._early.clear()
        elif data:
            self._ready.append(data)

    def _control(self, command: int, sn: int, stamp: int) -> None:
        if command == ASK:
            self._tells, self._tell_at = max(1, self._tells), self._received_at
        elif command == FIN:
            self._push(sn, stamp, None)
        elif command == RST:
            self.reset = True

    # Acknowledgements from the peer

    def _ack(self, sn: int, stamp: int, acked: list[tuple[int, int]]) -> None:
        if self._proof is not None and self._proof.echoed(stamp):
            self._proof, self.proven = None, True
            self._due = self._received_at  # what was not allowed to leave does now
        number = self._una + ((sn - self._una) & MASK)
        segment = self._inflight.pop(number, None)
        if segment is not None:
            acked.append((number, stamp))
            if segment.stamp != stamp and segment.tries > 1:
                self._pace.needless()

    def _acknowledge_below(self, una: int, now: int) -> None:
        count = (una - self._una) & MASK
        if not 0 < count <= self._sn - self._una:
            if not una and count:
                self._peer_forgot(now)
            return
        pop = self._inflight.pop
        soon = (now + self._clock - self._pace.least_rtt) & MASK
        for number in range(self._una, self._una + count):
            segment = pop(number, None)
            if segment is not None and segment.tries > 1 and 0 < (segment.stamp - soon) & MASK < HALF:
                self._pace.needless()
        self._una += count

    def _peer_forgot(self, now: int) -> None:
        """The peer's segment acknowledges nothing, though an earlier one acknowledged something.

        A reference server that closed its side sends nothing, and takes whatever still arrives for the begin of another
        conversation. It then accepts no other one until the first byte of that, for 10 s (measured). So it gets one
        byte. If the segment is merely an old one, the byte is old for the peer, too.
        """
        self._end_other = True
        if now - self._received_at >= _NO_DOUBT:
            self.reset = True

    def _count_skips(self, acked: list[tuple[int, int]]) -> None:
        """Segments in flight below an acknowledged one were skipped by it."""
        highest = max(number for number, _ in acked)
        oldest, newest = acked[0][1], acked[-1][1]
        for number, segment in self._inflight.items():
            if number >= highest:
                break
            if (oldest - segment.stamp) & MASK < HALF:
                segment.skips += len(acked)
            elif (newest - segment.stamp) & MASK < HALF:
                segment.skips += 1
            self._skips_below = max(self._skips_below, highest)

    # Sending

    def send(self, data: Buffer) -> None:
        """Queue ``data``."""
        self._queue.append(data)
        self.queued += len(data)

    def finish(self) -> None:
        """Nothing follows what was queued."""
        self._fin_queued = True

    @property
    def lossy(self) -> bool:
        """Whether so much gets lost that parity is worth its cost."""
        return self._pace.lossy

    @property
    def rto(self) -> int:
        """The retransmission time-out, milliseconds."""
        return self._pace.rto

    @property
    def finished(self) -> bool:
        """Whether all we sent arrived and our end too, or the peer knows no ends."""
        return self._fin_sent and not self._inflight

    @property
    def answered(self) -> bool:
        """Whether the peer sent or acknowledged anything."""
        return self.proven or self._next > 0 or self._una > 0

    @property
    def delivered(self) -> bool:
        """Whether the peer acknowledged all data; a FIN of ours may be in flight."""
        return not self.queued and all(segment.command == FIN for segment in self._inflight.values())

    def data_to_send(self, now: int) -> list[bytes]:
        """Packets of at most :data:`MTU` bytes: acknowledgements, what was lost, what is new."""
        free, proof = self._free(), self._proof
        segments: list[bytes] = []
        if proof is not None:
            proof.blocked = False
        if self._end_other:
            self._end_other = False
            if self.may_send(OVERHEAD + len(_NONSENSE)):
                segments.append(pack(self.conv, PUSH, 0, free, 0, 0, self._next, len(_NONSENSE)) + _NONSENSE)
        if self.reset:
            return segments
        if self._acks:
            self._answer(segments, free)
        self._probe(segments, free, now)
        if self._inflight and (self._skips_below or now >= self._due):
            self._resend(segments, free, now)
        if self.queued or self._fin_queued:
            self._send_new(segments, free, now)
        if proof is not None and proof.asks(now):
            self._ask_proof(segments, free, now, proof)
        if not segments:
            return segments
        self._advertised = free
        return segments if len(segments) == 1 else join(segments)

    def may_send(self, size: int) -> bool:
        """Whether a segment of ``size`` bytes may leave; it counts as sent then."""
        return self._proof is None or self._proof.take(size)

    def _ask_proof(self, segments: list[bytes], free: int, now: int, proof: Proof) -> None:
        """What the peer acknowledges and otherwise ignores."""
        stamp = (now + self._clock) & MASK
        proof.told(stamp, now)
        segments.append(pack(self.conv, PUSH, 0, free, stamp, (self._una - 1) & MASK, self._next, 0))

    def _answer(self, segments: list[bytes], free: int) -> None:
        """Acknowledge; ``una`` covers all but the last of what is below it."""
        una, conv, window = self._next, self.conv, self._receive_window
        acks, self._acks = self._acks, []
        last = acks.pop()
        if self._early:
            segments += [
                pack(conv, ACK, 0, free, stamp, sn, una, 0)
                for sn, stamp in acks
                if (sn - una) & MASK < window and self.may_send(OVERHEAD)
            ]
        if self.may_send(OVERHEAD):
            segments.append(pack(conv, ACK, 0, free, last[1], last[0], una, 0))

    def _probe(self, segments: list[bytes], free: int, now: int) -> None:
        """Send what asks for the peer's window, or whether the peer is there, and what has ours (ASK and TELL)."""
        ask = False
        if self._peer_window:
            self._probe_wait = 0
        elif self.queued and not self._probe_wait:
            self._probe_wait, self._probe_at = _PROBE_FIRST, now + _PROBE_FIRST
        elif self.queued and now >= self._probe_at:
            self._probe_wait = min(self._probe_wait * 3 // 2, _PROBE_MAX)
            self._probe_at = now + self._probe_wait
            ask = True
        if ask or (now - self._received_at >= IDLE and now - self._asked_at >= _IDLE_EVERY):
            self._asked_at = now
            # A peer that has answered nothing understands only the begin of the conversation.
            if (ask or self.answered) and self.may_send(OVERHEAD):
                segments.append(self._question(free))
        if self._tells and now >= self._tell_at:
            self._tells, self._tell_at = self._tells - 1, now + _TELL_EVERY
            if self.may_send(OVERHEAD):
                segments.append(pack(self.conv, TELL, 0, free, 0, 0, self._next, 0))

    def _question(self, free: int) -> bytes:
        """What the peer answers with its window, and what it received."""
        return pack(self.conv, ASK, 0, free, 0, 0, self._next, 0)

    def _resend(self, segments: list[bytes], free: int, now: int) -> None:
        """What was overtaken twice, once when there is nothing new to send, or has waited too long."""
        everything = now >= self._due
        patience = _SKIPS if self.queued and self._window_left() > 0 else 1
        due = now + RTO_MAX if everything else self._due
        skips_below, self._skips_below = self._skips_below, 0
        stamp, proof = (now + self._clock) & MASK, self._proof
        overtaken = late = 0
        for number, segment in self._inflight.items():
            if late >= _LATE_AT_ONCE or (number >= skips_below and not everything):
                break
            if segment.skips >= patience:
                segment.due = min(segment.due, now + self._pace.grace)
            if now < segment.due:
                if segment.skips:
                    self._skips_below = number + 1
                due = min(due, segment.due)
                continue
            if proof is not None:
                if not proof.repeats(len(segment.data) + OVERHEAD * (1 + (segment.command == FIN))):
                    self._skips_below = number + 1
                    due = min(due, segment.due)
                    break
                proof.told(stamp, now)
            if segment.skips >= patience:
                segment.rto = self._pace.rto
                overtaken += 1
            else:
                segment.rto += self._pace.rto // 2 if self.proven else segment.rto
                late += 1
            segment.skips, segment.stamp, segment.due = 0, stamp, now + segment.rto
            segment.tries += 1
            due = min(due, segment.due)
            data = segment.data
            if segment.command == FIN:
                segments.append(self._question(free))  # the reference answers nothing else
            segments.append(
                pack(self.conv, segment.command, 0, free, stamp, number & MASK, self._next, len(data)) + data
            )
        self._more_late = late >= _LATE_AT_ONCE
        self._due = min(due, now + self._pace.rto) if self._more_late else due
        self._pace.repeated(overtaken)
        if late and len(self._inflight) == 1:
            self._give_up_fin()

    def _give_up_fin(self) -> None:
        (segment,) = self._inflight.values()
        if segment.command == FIN and segment.tries > _FIN_TIMES:
            self._inflight.clear()
            self._una = self._sn
            self.deaf = True

    def _window_left(self) -> int:
        """Segments that the windows still allow."""
        return min(self._pace.window, self._peer_window) - (self._sn - self._una)

    def _send_new(self, segments: list[bytes], free: int, now: int) -> None:
        """Cut what is queued into segments while the windows allow."""
        first = number = self._sn
        inflight, conv, next_, rto = self._inflight, self.conv, self._next, self._pace.rto
        stamp, due = (now + self._clock) & MASK, now + rto
        if not inflight:
            self._due, self._progress_at = due, now
        data, at = self._head, self._head_at
        count, most, proof = self._window_left(), MSS, self._proof
        if proof is not None:
            count, most = proof.segments(count, self.queued)
        for _ in range(count):
            piece = data[at : at + most]
            if len(piece) < most and self._queue:
                data, at = b"".join((piece, *self._queue)), 0
                self._queue.clear()
                piece = data[:most]
            if not piece:
                break
            at += len(piece)
            if proof is not None:
                proof.take(OVERHEAD + len(piece))
            inflight[number] = _Segment(PUSH, piece, stamp, due, rto)
            segments.append(pack(conv, PUSH, 0, free, stamp, number & MASK, next_, len(piece)) + piece)
            number += 1
            self.queued -= len(piece)
        self._head, self._head_at = (data, at) if at < len(data) else (b"", 0)
        if self._fin_queued and not self.queued and self.may_send(2 * OVERHEAD):
            self._fin_queued, self._fin_sent = False, True
            inflight[number] = _Segment(FIN, b"", stamp, due, rto)
            segments.append(self._question(free))
            segments.append(pack(conv, FIN, 0, free, stamp, number & MASK, next_, 0))
            number += 1
        if proof is not None and number > first:
            proof.told(stamp, now)
        self._sn = number
        self._due = min(self._due, due)
        self._pace.sent(number - first, now)

    # Time

    def next_timeout(self, now: int) -> int:
        """When :meth:`data_to_send` or :meth:`dead` is due, in milliseconds, if nothing arrives before."""
        due = max(self._received_at + IDLE, self._asked_at + _IDLE_EVERY)
        proof = self._proof
        if proof is not None and proof.blocked:
            due = min(due, proof.next_question)
        elif self._inflight:
            due = min(due, self._due)
        if self._inflight:
            due = min(due, self._progress_at + DEAD_AFTER)
        if self._probe_wait:
            due = min(due, self._probe_at)
        if self._tells:
            due = min(due, self._tell_at)
        return max(due, now)

    def silent(self, now: int) -> int:
        """Milliseconds since the last sign of the peer."""
        return now - self._received_at

    def dead(self, now: int) -> bool:
        """Whether the peer is taken for gone: it acknowledges nothing, or gives no sign of life at all."""
        if self._inflight and now - self._progress_at >= DEAD_AFTER:
            return True
        return now - self._received_at >= IDLE + DEAD_AFTER
