"""Flow-control credit of the peer, stream by stream (RFC 9000 §4.1).

The library sends MAX_STREAM_DATA for whatever arrived, whether the receiver took it or not. A receiver that takes
nothing must hold up its own stream and no other. So MAX_STREAM_DATA frames of such a stream are taken out of the
library's packets before they leave, and their credit is sent once the receiver has taken what is held.
"""

from __future__ import annotations

from collections.abc import Callable

from aiofrp.wire.quic.packet import (
    PADDING,
    PING,
    Opened,
    Protection,
    max_stream_data_frame,
    max_stream_data_frames,
)


class Credit:
    """Credit that is withheld and given, for the streams of one connection. No sockets and no loop: packets in, packets
    out."""

    def __init__(self, suite: int, secret: bytes, cid_size: int, longest: int) -> None:
        """See :class:`~aiofrp.wire.quic.packet.Protection`.

        ``cid_size``: bytes of the peer's ids; ``longest``: bytes of the largest packet that credit is put into."""
        self._longest = longest
        self._protection = Protection(suite, secret)
        self._cid_size = cid_size
        self._number: int | None = None  # of the last packet seen
        # Stream → credit withheld, 0 for none yet; limited by the streams.
        self._kept: dict[int, int] = {}
        self._grants: dict[int, int] = {}  # stream → credit, until the peer uses it
        self._unsent: set[int] = set()  # those of them that no packet has carried yet
        self._blind = False  # packets cannot be opened: all leave as the library made them

    @property
    def active(self) -> bool:
        """Whether packets must go through :meth:`rewrite`."""
        return bool(self._kept or self._unsent) and not self._blind

    def withhold(self, stream: int) -> None:
        """Send no credit for the stream from now on."""
        if stream not in self._kept:
            self._kept[stream] = self._grants.pop(stream, 0)
            self._unsent.discard(stream)

    def release(self, stream: int) -> None:
        """Send credit for the stream again; :meth:`announce` sends what was withheld."""
        if kept := self._kept.pop(stream, 0):
            self._grants[stream] = kept
        self._settle()

    def announce(self) -> bool:
        """Put all credit that the peer may not have received into the next packets; returns whether there is any."""
        self._unsent.update(self._grants)
        return bool(self._unsent) and not self._blind

    def give_up(self) -> None:
        """Send no credit again; what was sent may be lost."""
        self._grants.clear()
        self._unsent.clear()
        self._settle()

    def received(self, stream: int, total: int) -> None:
        """``total`` bytes of the stream were received so far; this may prove that the peer has received its credit."""
        if total >= self._grants.get(stream, total + 1):
            self.forget(stream)

    def forget(self, stream: int) -> None:
        """The stream needs no more credit."""
        self._kept.pop(stream, None)
        self._grants.pop(stream, None)
        self._unsent.discard(stream)
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
        # Ours first: the last frame of the library may extend to the end of the packet.
        payload = self._given(len(packet)) + self._blanked(opened)
        return packet if payload == opened.payload else self._protection.close(opened, payload)

    def _blanked(self, opened: Opened) -> bytes:
        payload = bytearray(opened.payload)
        for frame in max_stream_data_frames(opened.payload):
            kept = self._kept.get(frame.stream)
            if kept is not None:
                self._kept[frame.stream] = max(kept, frame.maximum)
                # A PING still elicits an acknowledgement, which the library counts on.
                payload[frame.start : frame.end] = bytes((PING,)).ljust(
                    frame.end - frame.start, bytes((PADDING,))
                )
        return bytes(payload)

    def _given(self, size: int) -> bytes:
        """Frames for a packet that has ``size`` bytes without them."""
        given = b""
        for stream in list(self._unsent):
            frame = max_stream_data_frame(stream, self._grants[stream])
            if size + len(given) + len(frame) > self._longest:
                break
            given += frame
            self._unsent.discard(stream)
        return given

    def _settle(self) -> None:
        if not self.active:
            self._number = None  # later packets are not opened
