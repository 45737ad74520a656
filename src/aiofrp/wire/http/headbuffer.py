"""What a user of HTTP/1 sent and nobody used yet: where one head ends, and that none grows without measure."""

from __future__ import annotations

from aiofrp.wire.http.head import MAX_HEAD, HeadError, head_end, loose_head_end

#: Bytes it takes, in whatever state its connection is: a head, and what a loop reads at once before it can be told to
#: stop (uvloop and asyncio read 256 KB).
MAX_HELD = MAX_HEAD + 512 * 1024


class HeadBuffer:
    """Bytes ahead of their use. Whoever fills it stops reading while no head is asked for."""

    __slots__ = ("_data", "_known")

    def __init__(self) -> None:
        self._data = bytearray()  # limited by MAX_HELD
        self._known = 0  # bytes that hold no end of a head

    def __len__(self) -> int:
        return len(self._data)

    def receive_data(self, data: bytes | memoryview) -> None:
        """More bytes. Raises :class:`~aiofrp.wire.http.head.HeadError` for more than :data:`MAX_HELD`."""
        if len(self._data) + len(data) > MAX_HELD:
            raise HeadError(status=431)
        self._data += data

    def next_head(self) -> bytes | None:
        """The next head, its empty line included, or ``None`` when more has to come.

        Raises :class:`~aiofrp.wire.http.head.HeadError` for one that is too long, or that a bare LF ended.
        """
        end = head_end(self._data, self._known)
        if end > MAX_HEAD or (end < 0 and len(self._data) > MAX_HEAD):
            raise HeadError(status=431)
        if end < 0:
            if loose_head_end(self._data, self._known) >= 0:
                raise HeadError
            self._known = len(self._data)
            return None
        head = bytes(self._data[:end])
        del self._data[:end]
        self._known = 0
        return head

    def take(self) -> bytes:
        """Everything, and be empty."""
        data = bytes(self._data)
        self._data.clear()
        self._known = 0
        return data
