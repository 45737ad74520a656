"""The bytes of an HTTP/1 user that are not parsed yet: finds the ends of heads and limits their size."""

from __future__ import annotations

from aiofrp.wire.http.head import MAX_HEAD, HeadError, head_end, loose_head_end

#: Most bytes it holds, in any state of its connection: a head, and what the loop may read before reading is paused
#: (uvloop and asyncio read 256 KB at once).
MAX_HELD = MAX_HEAD + 512 * 1024

#: How a TLS handshake begins: its record type and the first byte of the version (RFC 8446 §5.1). No method does.
_HANDSHAKE = b"\x16\x03"


class HeadBuffer:
    """Received bytes before they are parsed. Its owner pauses reading while it takes no head."""

    __slots__ = ("_data", "_known")

    def __init__(self) -> None:
        self._data = bytearray()  # limited by MAX_HELD
        self._known = 0  # bytes that hold no end of a head

    def __len__(self) -> int:
        return len(self._data)

    def receive_data(self, data: bytes | memoryview) -> None:
        """Add received bytes. Raises :class:`~aiofrp.wire.http.head.HeadError` (431) above :data:`MAX_HELD` bytes."""
        if len(self._data) + len(data) > MAX_HELD:
            raise HeadError(status=431)
        self._data += data

    def next_head(self) -> bytes | None:
        """Remove and return the next head, its empty line included; ``None`` while it is incomplete.

        Raises :class:`~aiofrp.wire.http.head.HeadError`: 431 above :data:`~aiofrp.wire.http.head.MAX_HEAD` bytes, 400
        when a bare LF ends the head, and when TLS begins in its place, whose sender waits for an answer.
        """
        end = head_end(self._data, self._known)
        if end > MAX_HEAD or (end < 0 and len(self._data) > MAX_HEAD):
            raise HeadError(status=431)
        if end < 0:
            if loose_head_end(self._data, self._known) >= 0:
                raise HeadError
            if self._data.startswith(_HANDSHAKE):
                raise HeadError("this port speaks plain HTTP, not TLS: write http:// instead of https://")
            self._known = len(self._data)
            return None
        head = bytes(self._data[:end])
        del self._data[:end]
        self._known = 0
        return head

    def take(self) -> bytes:
        """Remove and return all bytes."""
        data = bytes(self._data)
        self._data.clear()
        self._known = 0
        return data
