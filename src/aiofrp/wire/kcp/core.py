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
from aiofrp.wire.kcp.flight import Flight, Segment
from aiofrp.wire.kcp.pace import BEAT, MAX_WINDOW, MIN_WINDOW, Pace
from aiofrp.wire.kcp.proof import Proof
from aiofrp.wire.kcp.receiver import KcpReceiver
from aiofrp.wire.kcp.segment import (
    ACK,
    FIN,
    HALF,
    MASK,
    MSS,
    OVERHEAD,
    PUSH,
    RST,
    WASK,
    Buffer,
    join,
    pack,
    unpack_from,
)

#: Acknowledgements of later segments after which one counts as lost (docs/protocol/wire.md §4).
_SKIPS = 2
#: Milliseconds of zero window before the peer is asked, growing by half up to the limit
#: (docs/protocol/wire.md §4).
_PROBE_FIRST, _PROBE_MAX = 7_000, 120_000
#: Milliseconds without a segment of the peer after which it is asked for one; between such questions; and without an
#: acknowledgement of something new after which the conversation is dead.
IDLE, _IDLE_EVERY, DEAD_AFTER = 30_000, 5_000, 20_000
#: What ends a conversation that a reference server began by mistake, see :meth:`KcpCore._peer_forgot`: no protocol of
#: frp's begins like this. Milliseconds of silence after which there is no doubt about the mistake.
_NONSENSE, _NO_DOUBT = b"\xff" * 16, 1_000


class KcpCore:
    """One side of a conversation.

    ``clock``: added to the times on the wire; when it is secret, an echo of it proves the peer's address (``proven``).
    ``answering``: the peer's address is what its first datagram says; until it is proved little is sent there, see
    :mod:`aiofrp.wire.kcp.proof`, and the owner reports the size of what comes with :meth:`count`. ``send_window``,
    ``receive_window``: segments.
    """

    __slots__ = (
        "_asked_at",
        "_clock",
        "_end_other",
        "_fin_queued",
        "_fin_sent",
        "_flight",
        "_head",
        "_head_at",
        "_pace",
        "_peer_window",
        "_probe_at",
        "_probe_wait",
        "_proof",
        "_queue",
        "_received_at",
        "_receiver",
        "conv",
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
        self.queued = 0  #: bytes not on their way yet; limited by the owner
        self._clock = clock
        self._proof: Proof | None = Proof(now, limited=answering)  # until the address is proved
        self._queue: list[Buffer] = []  # limited by the owner through ``queued``
        self._head, self._head_at = b"", 0  # what is being cut into segments, and how far
        self._fin_queued = self._fin_sent = False
        self._pace = Pace(send_window)
        self._flight = Flight(self._pace, clock, now)
        self._receiver = KcpReceiver(receive_window, now)
        self._peer_window = MIN_WINDOW
        self._end_other = False  # see _peer_forgot
        self._probe_wait, self._probe_at = 0, now
        self._received_at = self._asked_at = now

    def __repr__(self) -> str:
        return (
            f"<KcpCore {self.conv} {self._flight!r} queued={self.queued} window={self._pace.window}"
            f"/{self._peer_window} rto={self._pace.rto} {self._receiver!r}>"
        )

    # Receiving

    def receive_data(self, packet: Buffer, now: int, *, recovered: bool = False) -> None:
        """Take a packet of segments; ``recovered`` ones are older than they come.

        Raises :class:`~aiofrp.errors.RemoteProtocolError` at the first segment that is not of this conversation or
        not whole; those before it count.
        """
        at, end = 0, len(packet)
        acked: list[tuple[int, int]] = []
        flight = self._flight
        una = flight.una
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
                self._receiver.push(sn, stamp, packet[at:stop])
            elif command == ACK:
                if self._proof is not None:
                    self._check_proof(self._proof, stamp)
                flight.ack(sn, stamp, acked)
            elif command >= WASK:
                self._control(command, sn, stamp)
            if peer_una != una & MASK and command != RST and not flight.ack_below(peer_una, now):
                self._peer_forgot(now)
            at = stop
        self._received_at = now
        if acked:
            flight.skipped(acked)
            if not recovered:
                rtt = (now + self._clock - acked[-1][1]) & MASK
                if rtt < HALF:
                    self._pace.round_trip(rtt)
        if acked or flight.una != una:
            flight.progressed(now)

    def count(self, size: int) -> None:
        """A datagram of ``size`` bytes had segments of this conversation in it."""
        if self._proof is not None:
            self._proof.received(size)

    def take(self) -> Buffer:
        """What arrived in order since the last call; empty if nothing did."""
        return self._receiver.take()

    @property
    def eof(self) -> bool:
        """Whether the peer finished sending, and all of it is here."""
        return self._receiver.eof

    def hold(self, size: int) -> bool:
        """The owner holds ``size`` bytes more of what it took, or less when negative; the window follows.

        Returns whether the peer should get the new window at once.
        """
        return self._receiver.hold(size, self._received_at)

    def _control(self, command: int, sn: int, stamp: int) -> None:
        if command == WASK:
            self._receiver.asked(self._received_at)
        elif command == FIN:
            self._flight.fin_known = True
            self._receiver.push(sn, stamp, None)
        elif command == RST:
            self.reset = True

    def _check_proof(self, proof: Proof, stamp: int) -> None:
        """See whether an acknowledgement with ``stamp`` proves the address of the peer."""
        if proof.echoed(stamp):
            self._proof, self.proven = None, True
            self._flight.due = self._received_at  # what was not allowed to leave does now

    def _peer_forgot(self, now: int) -> None:
        """The peer's segment acknowledges nothing, though an earlier one acknowledged something.

        A reference server that closed its side sends nothing, and takes whatever still arrives for the begin of another
        conversation. It then accepts no other one until the first byte of that, for 10 s (measured). So it gets one
        byte. If the segment is merely an old one, the byte is old for the peer, too.
        """
        self._end_other = True
        if now - self._received_at >= _NO_DOUBT:
            self.reset = True

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
        return self._fin_sent and not self._flight.segments

    @property
    def answered(self) -> bool:
        """Whether the peer sent or acknowledged anything."""
        return self.proven or self._receiver.next > 0 or self._flight.una > 0

    @property
    def deaf(self) -> bool:
        """Whether the peer does not know what ends are: it acknowledged all data and not our end."""
        return self._flight.deaf

    @property
    def delivered(self) -> bool:
        """Whether the peer acknowledged all data; a FIN of ours may be in flight."""
        return not self.queued and self._flight.only_fin

    def data_to_send(self, now: int) -> list[bytes]:
        """Packets of at most :data:`MTU` bytes: acknowledgements, what was lost, what is new."""
        receiver, flight, proof = self._receiver, self._flight, self._proof
        free = receiver.free()
        segments: list[bytes] = []
        if proof is not None:
            proof.blocked = False
        if self._end_other:
            self._end_other = False
            if self.may_send(OVERHEAD + len(_NONSENSE)):
                head = pack(self.conv, PUSH, 0, free, 0, 0, receiver.next, len(_NONSENSE))
                segments.append(head + _NONSENSE)
        if self.reset:
            return segments
        if receiver.acks:
            receiver.answer(segments, self.conv, free, proof)
        self._probe(segments, free, now)
        if receiver.announcements and now >= receiver.announce_at:
            receiver.announce(segments, self.conv, free, now, proof)
        if flight.segments and (flight.skips_below or now >= flight.due):
            self._resend(segments, free, now)
        if self.queued or self._fin_queued:
            self._send_new(segments, free, now)
        if proof is not None and proof.asks(now):
            self._ask_proof(segments, free, now, proof)
        if not segments:
            return segments
        receiver.advertised = free
        return segments if len(segments) == 1 else join(segments)

    def may_send(self, size: int) -> bool:
        """Whether a segment of ``size`` bytes may leave; it counts as sent then."""
        return self._proof is None or self._proof.take(size)

    def _ask_proof(self, segments: list[bytes], free: int, now: int, proof: Proof) -> None:
        """What the peer acknowledges and otherwise ignores."""
        stamp = (now + self._clock) & MASK
        proof.sent(stamp, now)
        before = (self._flight.una - 1) & MASK
        segments.append(pack(self.conv, PUSH, 0, free, stamp, before, self._receiver.next, 0))

    def _probe(self, segments: list[bytes], free: int, now: int) -> None:
        """Ask for the peer's window, or whether the peer is there."""
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

    def _question(self, free: int) -> bytes:
        """What the peer answers with its window, and what it received."""
        return pack(self.conv, WASK, 0, free, 0, 0, self._receiver.next, 0)

    def _resend(self, segments: list[bytes], free: int, now: int) -> None:
        """What was overtaken twice, once when there is nothing new to send, or has waited too long."""
        conv, next_, proof = self.conv, self._receiver.next, self._proof
        patience = _SKIPS if self.queued and self._window_left() > 0 else 1
        overdue = self._flight.overdue(now, patience, proof)
        self._pace.spend(len(overdue))
        if overdue and proof is not None:
            proof.sent(overdue[0][1].stamp, now)
        for number, segment in overdue:
            command, data = segment.command, segment.data
            if command == FIN:
                segments.append(self._question(free))  # the reference answers nothing else
            head = pack(conv, command, 0, free, segment.stamp, number & MASK, next_, len(data))
            segments.append(head + data)

    def _window_left(self) -> int:
        """Segments that the windows still allow."""
        return min(self._pace.window, self._peer_window) - (self._flight.sn - self._flight.una)

    def _send_new(self, segments: list[bytes], free: int, now: int) -> None:
        """Cut what is queued into segments while the windows allow."""
        flight, conv, next_, rto = self._flight, self.conv, self._receiver.next, self._pace.rto
        first = number = flight.sn
        inflight = flight.segments
        stamp, due = (now + self._clock) & MASK, now + rto
        if not inflight:
            flight.due, flight.progress_at = due, now
        data, at = self._head, self._head_at
        count, most, proof = min(self._window_left(), self._pace.allowance(now)), MSS, self._proof
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
            inflight[number] = Segment(PUSH, piece, stamp, due, rto)
            segments.append(pack(conv, PUSH, 0, free, stamp, number & MASK, next_, len(piece)) + piece)
            number += 1
            self.queued -= len(piece)
        self._head, self._head_at = (data, at) if at < len(data) else (b"", 0)
        if self._fin_queued and not self.queued and self.may_send(2 * OVERHEAD):
            self._fin_queued, self._fin_sent = False, True
            inflight[number] = Segment(FIN, b"", stamp, due, rto)
            segments.append(self._question(free))
            segments.append(pack(conv, FIN, 0, free, stamp, number & MASK, next_, 0))
            number += 1
        if proof is not None and number > first:
            proof.sent(stamp, now)
        flight.sn = number
        flight.due = min(flight.due, due)
        self._pace.spend(number - first)
        self._pace.sent(number - first, now)

    # Time

    def next_timeout(self, now: int) -> int:
        """When :meth:`data_to_send` or :meth:`dead` is due, in milliseconds, if nothing arrives before."""
        due = max(self._received_at + IDLE, self._asked_at + _IDLE_EVERY)
        flight, proof = self._flight, self._proof
        if proof is not None and proof.blocked:
            due = min(due, proof.next_question)
        elif flight.segments:
            due = min(due, flight.due)
        if flight.segments:
            due = min(due, flight.progress_at + DEAD_AFTER)
        if self.queued and (proof is None or not proof.blocked) and self._window_left() > 0:
            due = min(due, now + BEAT)
        if self._probe_wait:
            due = min(due, self._probe_at)
        if self._receiver.announcements:
            due = min(due, self._receiver.announce_at)
        return max(due, now)

    def silent(self, now: int) -> int:
        """Milliseconds since the last sign of the peer."""
        return now - self._received_at

    def dead(self, now: int) -> bool:
        """Whether the peer is taken for gone: it acknowledges nothing, or gives no sign of life at all."""
        if self._flight.segments and now - self._flight.progress_at >= DEAD_AFTER:
            return True
        return now - self._received_at >= IDLE + DEAD_AFTER
