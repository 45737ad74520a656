"""Room for the peer, stream by stream (RFC 9000 §4.1).

The library gives a stream's peer new room for whatever is taken out of it, read by its user or not. So that one user
who does not read holds up his own stream and not his neighbours', what the library says of such a stream's room is
taken out of its packets before they leave, and told once there is room indeed.
"""

from __future__ import annotations

from collections.abc import Callable

from aiofrp.wire.quic.packet import PADDING, PING, Opened, Protection, room_frame, rooms


class Credit:
    """What the peer is told of some streams' room. No sockets and no loop: packets in, packets out."""

    def __init__(self, suite: int, secret: bytes, cid_size: int, longest: int) -> None:
        """See :class:`~aiofrp.wire.quic.packet.Protection`.

        ``cid_size``: bytes of the peer's ids; ``longest``: bytes of
        the largest packet that room is told in."""
        self._longest = longest
        self._protection = Protection(suite, secret)
        self._cid_size = cid_size
        self._number: int | None = None  # of the last packet seen
        # Stream → room it is not told of, 0 for none yet; limited by their number.
        self._kept: dict[int, int] = {}
        self._grants: dict[int, int] = {}  # stream → room it is told of, until it shows that it knows
        self._untold: set[int] = set()  # those of them that wait for a packet
        self._blind = False  # packets cannot be opened: all goes as the library wants it

    @property
    def active(self) -> bool:
        """Whether packets must go through :meth:`rewrite`."""
        return bool(self._kept or self._untold) and not self._blind

    def withhold(self, stream: int) -> None:
        """Give no more room from now on."""
        if stream not in self._kept:
            self._kept[stream] = self._grants.pop(stream, 0)
            self._untold.discard(stream)

    def release(self, stream: int) -> None:
        """Give room again; call :meth:`tell` for what was kept back."""
        if kept := self._kept.pop(stream, 0):
            self._grants[stream] = kept
        self._settle()

    def tell(self) -> bool:
        """Put all room that peers may not know of into the next packets; returns whether there is any."""
        self._untold.update(self._grants)
        return bool(self._untold) and not self._blind

    def give_up(self) -> None:
        """Enough was said."""
        self._grants.clear()
        self._untold.clear()
        self._settle()

    def received(self, stream: int, total: int) -> None:
        """``total`` bytes of the stream came so far: who sent so many has been told."""
        if total >= self._grants.get(stream, total + 1):
            self.forget(stream)

    def forget(self, stream: int) -> None:
        """The stream needs no more room."""
        self._kept.pop(stream, None)
        self._grants.pop(stream, None)
        self._untold.discard(stream)
        self._settle()

    def rewrite(self, packet: bytes, near: Callable[[], int | None]) -> bytes:
        """A packet that is about to leave, perhaps changed; ``near``: asked for a number like its own when it is not
        known, ``None`` for no such number yet."""
        expected = near() if self._number is None else self._number
        if expected is None:
            return packet
        try:
            opened = self._protection.open(packet, self._cid_size, expected)
        except ValueError:
            self._blind = True
            return packet
        if opened is None:
            return packet
        self._number = opened.number
        # Ours first: the library's last frame may have no end of its own.
        payload = self._told(len(packet)) + self._blanked(opened)
        return packet if payload == opened.payload else self._protection.close(opened, payload)

    def _blanked(self, opened: Opened) -> bytes:
        payload = bytearray(opened.payload)
        for room in rooms(opened.payload):
            kept = self._kept.get(room.stream)
            if kept is not None:
                self._kept[room.stream] = max(kept, room.maximum)
                # Still something to be acknowledged, which the library counts on.
                payload[room.start : room.end] = bytes((PING,)).ljust(
                    room.end - room.start, bytes((PADDING,))
                )
        return bytes(payload)

    def _told(self, size: int) -> bytes:
        """Frames for a packet that has ``size`` bytes without them."""
        told = b""
        for stream in list(self._untold):
            frame = room_frame(stream, self._grants[stream])
            if size + len(told) + len(frame) > self._longest:
                break
            told += frame
            self._untold.discard(stream)
        return told

    def _settle(self) -> None:
        if not self.active:
            self._number = None  # packets leave unseen from here on
