"""Packets of a virtual network in a byte stream: a length of four bytes, least significant first, and a raw IP packet
(docs/protocol/nat.md §8)."""

from __future__ import annotations

import struct
from typing import Final

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.ippacket import MAX_PACKET

#: What stands before each packet.
LENGTH: Final = struct.Struct("<I")
#: The largest length that the reference takes; one above it, and 0, ends the connection.
MAX_LENGTH: Final = 1024 * 1024


class IpFrameDecoder:
    """Takes the packets out of the received bytes.

    Packets longer than any IP packet are skipped and counted in :attr:`skipped`: a peer cannot have more than
    :data:`~aiofrp.wire.ippacket.MAX_PACKET` bytes of a packet held. After a length that ends the connection
    :attr:`error` is set, and all further bytes are ignored.
    """

    __slots__ = ("_at", "_data", "_partial", "_skip", "_wanted", "error", "skipped")

    def __init__(self) -> None:
        self._data = b""  # received bytes that were not all taken yet
        self._at = 0  # where in them the next packet begins
        self._partial = bytearray()  # a length with the packet that is not complete; limited by MAX_PACKET
        self._wanted = LENGTH.size  # bytes in it from which decoding can go on
        self._skip = 0  # bytes still to come of a packet that is skipped
        self.skipped = 0  #: packets
        self.error: RemoteProtocolError | None = None

    @property
    def pending(self) -> bool:
        """Whether :meth:`take` may give more packets."""
        return bool(self._data)

    def receive_data(self, data: bytes | memoryview) -> None:
        """``data`` was received: :meth:`take` gives the packets that it completes."""
        if self.error is not None:
            return
        data = bytes(data)
        if self._data:
            data = self._data[self._at :] + data
        elif self._partial or self._skip:
            data = self._with_partial(data)
        self._data, self._at = data, 0

    def take(self, most: int) -> list[bytes]:
        """The next packets in order, ``most`` at most."""
        packets: list[bytes] = []
        data, at, end = self._data, self._at, len(self._data)
        unpack, header = LENGTH.unpack_from, LENGTH.size
        while len(packets) < most:
            if end - at < header or self.error is not None:
                self._keep(at)
                return packets
            (size,) = unpack(data, at)
            after = at + header + size
            if not 0 < size <= MAX_PACKET:
                after = self._exceptional(size, after, end)
            elif after > end:
                self._wanted = after - at
                self._keep(at)
                return packets
            else:
                packets.append(data[at + header : after])
            at = after
        self._at = at
        return packets

    def _keep(self, at: int) -> None:
        """Keep what is not complete; all packets were taken."""
        if self.error is None:
            self._partial += self._data[at:]
        self._data, self._at = b"", 0

    def _with_partial(self, data: bytes) -> bytes:
        """What to decode now: nothing while the packet that was begun is not complete."""
        if self._skip:
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            return data[skipped:]
        self._partial += data
        if len(self._partial) < self._wanted:
            return b""
        joined = bytes(self._partial)
        self._partial.clear()
        self._wanted = LENGTH.size
        return joined

    def _exceptional(self, size: int, after: int, end: int) -> int:
        """Skip a packet that is too long, or set the error; returns where decoding goes on."""
        if size == 0:
            self.error = RemoteProtocolError("message length is 0")
        elif size > MAX_LENGTH:
            self.error = RemoteProtocolError(f"message too large: {size} > {MAX_LENGTH}")
        else:
            self.skipped += 1
            self._skip = max(0, after - end)
        return min(after, end)
