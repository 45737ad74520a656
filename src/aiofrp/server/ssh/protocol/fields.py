"""The data types of SSH messages (RFC 4251 §5), and the numbers of the messages of the connection protocol (RFC 4254).

Nothing here knows a connection or a channel.
"""

from __future__ import annotations

from typing import Final

from aiofrp.errors import RemoteProtocolError

GLOBAL_REQUEST: Final = 80
REQUEST_SUCCESS: Final = 81
REQUEST_FAILURE: Final = 82
CHANNEL_OPEN: Final = 90
CHANNEL_OPEN_CONFIRMATION: Final = 91
CHANNEL_OPEN_FAILURE: Final = 92
CHANNEL_WINDOW_ADJUST: Final = 93
CHANNEL_DATA: Final = 94
CHANNEL_EXTENDED_DATA: Final = 95
CHANNEL_EOF: Final = 96
CHANNEL_CLOSE: Final = 97
CHANNEL_REQUEST: Final = 98
CHANNEL_SUCCESS: Final = 99
CHANNEL_FAILURE: Final = 100

#: Reason codes of a refused channel (RFC 4254 §5.1).
PROHIBITED: Final = 1
RESOURCE_SHORTAGE: Final = 4

MOST: Final = 0xFFFFFFFF
"""The largest window and the largest channel number."""

CUT_OFF: Final = "SSH: a message ends in the middle of a field"


def uint32(value: int) -> bytes:
    """A number of four bytes."""
    return value.to_bytes(4, "big")


def string(value: bytes | str) -> bytes:
    """Bytes with their length in front; text becomes UTF-8."""
    raw = value.encode("utf-8", "replace") if isinstance(value, str) else value
    return len(raw).to_bytes(4, "big") + raw


class Fields:
    """Reads the fields of one message in order. Every method raises :class:`RemoteProtocolError` when the message ends
    before the field does."""

    __slots__ = ("_at", "_data")

    def __init__(self, payload: bytes, at: int = 1) -> None:
        """``at``: index of the first field, by default behind the message number."""
        self._data = payload
        self._at = at

    def boolean(self) -> bool:
        """One byte; any but zero is true."""
        return self._take(1) != b"\0"

    def uint32(self) -> int:
        """A number of four bytes."""
        at = self._at
        self._at = end = at + 4
        if end > len(self._data):
            raise RemoteProtocolError(CUT_OFF)
        return int.from_bytes(self._data[at:end], "big")

    def string(self, most: int) -> bytes:
        """Bytes with their length in front; raises also above ``most`` bytes."""
        size = self.uint32()
        if size > most:
            raise RemoteProtocolError(f"SSH: a field of {size} bytes, {most} are allowed")
        return self._take(size)

    def text(self, most: int) -> str:
        """:meth:`string` as UTF-8; what is no text in it becomes U+FFFD."""
        return self.string(most).decode("utf-8", "replace")

    def _take(self, size: int) -> bytes:
        end = self._at + size
        if end > len(self._data):
            raise RemoteProtocolError(CUT_OFF)
        taken, self._at = self._data[self._at : end], end
        return taken
