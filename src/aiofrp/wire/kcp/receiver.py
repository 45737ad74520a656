"""What a KCP conversation receives: segments put in order, their acknowledgements, and the window open for more.

Sequence numbers here are those of the wire, and every ``now`` is in milliseconds. It knows nothing of what is sent.
"""

from __future__ import annotations

from aiofrp.wire.kcp.proof import Proof
from aiofrp.wire.kcp.segment import ACK, HALF, MASK, MSS, OVERHEAD, WINS, Buffer, pack

#: How often a window that opened again is announced, unless data comes first, and milliseconds between: an
#: announcement may get lost.
_ANNOUNCE_TIMES, _ANNOUNCE_EVERY = 3, 100


class KcpReceiver:
    """The receiving half. ``window``: segments that may be received and not taken.

    ``proof`` in its methods: allows what may be sent until the address of the peer is proved.
    """

    __slots__ = (
        "_early",
        "_ready",
        "_unread",
        "_window",
        "acks",
        "advertised",
        "announce_at",
        "announcements",
        "eof",
        "next",
    )

    def __init__(self, window: int, now: int) -> None:
        self.next = 0  #: the next expected
        self.eof = False  #: the peer finished sending, and all of it is here
        self.advertised = window  #: the window last sent
        #: (sn, time) to acknowledge; limited by the owner's batches.
        self.acks: list[tuple[int, int]] = []
        self._window = window
        self._ready: list[Buffer] = []  # in order, not taken yet
        self._early: dict[int, bytes | None] = {}  # by sn, None for a FIN; limited by the window
        self._unread = 0  # bytes the owner holds for a user who does not read
        self.announcements, self.announce_at = 0, now  #: announcements to send, and when the next is due

    def __repr__(self) -> str:
        return f"<KcpReceiver next={self.next} early={len(self._early)} eof={self.eof}>"

    # Receiving

    def push(self, sn: int, stamp: int, data: Buffer | None) -> None:
        """Take a segment of data, ``None`` for a FIN; what lies beyond the window is dropped."""
        ahead = (sn - self.next) & MASK
        if ahead >= HALF:
            self.acks.append((sn, stamp))  # it was acknowledged before; that got lost
        elif ahead >= self._window or self.eof:
            return
        elif ahead:
            self.acks.append((sn, stamp))
            if sn not in self._early:
                self._early[sn] = None if data is None else bytes(data)
        elif data is None or self._unread < 2 * self._window * MSS:
            self.acks.append((sn, stamp))
            self._in_order(data)
            while self._early and self.next in self._early and not self.eof:
                self._in_order(self._early.pop(self.next))
        # else the peer ignores the window

    def _in_order(self, data: Buffer | None) -> None:
        self.next = (self.next + 1) & MASK
        self.announcements = 0
        if data is None:
            self.eof = True
            self._early.clear()
        elif data:
            self._ready.append(data)

    def take(self) -> Buffer:
        """What arrived in order since the last call; empty if nothing did."""
        ready = self._ready
        if not ready:
            return b""
        self._ready = []
        return ready[0] if len(ready) == 1 else b"".join(ready)

    # The window

    def free(self) -> int:
        """Segments the peer may send now."""
        return max(0, self._window - (self._unread + MSS - 1) // MSS)

    def hold(self, size: int, now: int) -> bool:
        """The owner holds ``size`` bytes more of what it took, or less when negative; the window follows.

        Returns whether the peer should get the new window at once.
        """
        self._unread += size
        half = self._window // 2
        if size < 0 and self.advertised < half <= self.free():
            self.announcements, self.announce_at = _ANNOUNCE_TIMES, now
            return True
        return False

    def asked(self, now: int) -> None:
        """The peer asked for the window."""
        self.announcements, self.announce_at = max(1, self.announcements), now

    # Sending

    def answer(self, segments: list[bytes], conv: int, free: int, proof: Proof | None) -> None:
        """Acknowledge what :attr:`acks` holds, at least one; ``una`` covers all but the last of what is below it."""
        una, window = self.next, self._window
        acks, self.acks = self.acks, []
        last = acks.pop()
        if self._early:
            segments += [
                pack(conv, ACK, 0, free, stamp, sn, una, 0)
                for sn, stamp in acks
                if (sn - una) & MASK < window and (proof is None or proof.take(OVERHEAD))
            ]
        if proof is None or proof.take(OVERHEAD):
            segments.append(pack(conv, ACK, 0, free, last[1], last[0], una, 0))

    def announce(self, segments: list[bytes], conv: int, free: int, now: int, proof: Proof | None) -> None:
        """Announce the window: one of :attr:`announcements`."""
        self.announcements, self.announce_at = self.announcements - 1, now + _ANNOUNCE_EVERY
        if proof is None or proof.take(OVERHEAD):
            segments.append(pack(conv, WINS, 0, free, 0, 0, self.next, 0))
