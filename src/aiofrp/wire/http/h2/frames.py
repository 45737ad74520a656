"""Splits a byte stream into HTTP/2 frames and checks their limits before h2 gets them (RFC 9113 §4).

h2 refuses a frame that is too long only after all of it, up to 16 MiB, was received. It stores every setting that a
peer names, and handles all the bytes it is given in one call. With single frames the connection can stop between two
of them, and expensive ones are refused before they cost anything.
"""

from __future__ import annotations

from typing import NamedTuple

from aiofrp.errors import RemoteProtocolError

#: Bytes of the longest payload a peer may send: the initial SETTINGS_MAX_FRAME_SIZE, which we keep (RFC 9113 §4.2).
MAX_FRAME = 1 << 14
#: Bytes of a frame's header; its payload begins after them.
HEADER = 9
#: Most settings in one SETTINGS frame; the RFCs define eight.
MAX_SETTINGS = 64
#: Settings that pass to h2 (RFC 9113 §6.5.2, RFC 8441). It would store each of the 65,529 others, and go through all
#: stored ones at every SETTINGS frame.
_KNOWN_SETTINGS = frozenset((1, 2, 3, 4, 5, 6, 8))
#: Most bytes of the HPACK table for fields that we send, even if the peer allows more.
MAX_ENCODER_TABLE = 4096
_HEADER_TABLE_SIZE, _SETTING = 1, 6

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = (
    range(10)
)
#: Flags (RFC 9113 §6): END_STREAM of DATA and HEADERS, ACK of SETTINGS and PING; the end of a header block; padding; a
#: priority before the header block.
END_STREAM = ACK = 0x1
END_HEADERS, PADDED, HAS_PRIORITY = 0x4, 0x8, 0x20


class FrameTooLong(RemoteProtocolError):
    """The peer announced a frame above :data:`MAX_FRAME`: a connection error FRAME_SIZE_ERROR."""


class CalmDown(RemoteProtocolError):
    """The peer sends more of something allowed than it can need: a connection error ENHANCE_YOUR_CALM."""


class Frame(NamedTuple):
    """A complete frame. ``kind``: its type. ``stream``: its stream identifier. ``data``: all bytes, header included."""

    kind: int
    flags: int
    stream: int
    data: bytes

    @property
    def payload(self) -> memoryview:
        """The bytes after the header, as a view onto ``data``."""
        return memoryview(self.data)[HEADER:]


class FrameReader:
    """Splits the bytes of one direction into frames. ``preface``: bytes that must come before the first frame.

    After each :meth:`receive_data`, call :meth:`next_frame` until it returns ``None``, at once or later.
    """

    __slots__ = ("_buffer", "_preface")

    def __init__(self, preface: bytes = b"") -> None:
        self._buffer = (
            bytearray()
        )  # limited by a frame and one read: the connection does not read while whole frames are here
        self._preface = preface

    def __len__(self) -> int:
        """How many received bytes no frame has used."""
        return len(self._buffer)

    def receive_data(self, data: bytes | memoryview) -> None:
        """Add received bytes."""
        self._buffer += data

    def clear(self) -> None:
        """Drop the bytes that no frame has used."""
        self._buffer.clear()

    def next_frame(self) -> Frame | None:
        """The next frame, or ``None`` while it is incomplete.

        Raises :class:`~aiofrp.errors.RemoteProtocolError` for a wrong preface, and :class:`FrameTooLong` when a header
        announces more than :data:`MAX_FRAME` bytes of payload.
        """
        if self._preface and not self._skip_preface():
            return None
        buffer = self._buffer
        if len(buffer) < 3:
            return None
        length = int.from_bytes(buffer[:3])
        if length > MAX_FRAME:
            raise FrameTooLong(f"an HTTP/2 frame of {length} bytes")
        end = HEADER + length
        if len(buffer) < end:
            return None
        data = bytes(memoryview(buffer)[:end])
        del buffer[:end]
        return Frame(data[3], data[4], int.from_bytes(data[5:HEADER]) & 0x7FFFFFFF, data)

    def _skip_preface(self) -> bool:
        """Remove the preface; returns whether it was complete."""
        preface, seen = self._preface, bytes(self._buffer[: len(self._preface)])
        if not preface.startswith(seen):
            raise RemoteProtocolError("no HTTP/2 preface")
        if len(seen) < len(preface):
            return False
        self._preface = b""
        del self._buffer[: len(preface)]
        return True


def bounded_settings(frame: Frame) -> bytes:
    """The bytes of a SETTINGS frame for h2.

    Unknown settings are left out (RFC 9113 §6.5.2: they are ignored), and the header table size is at most
    :data:`MAX_ENCODER_TABLE`. Raises :class:`CalmDown` for more than :data:`MAX_SETTINGS` settings.
    """
    payload = bytes(frame.payload)
    if len(payload) % _SETTING:
        return frame.data  # h2 raises FRAME_SIZE_ERROR
    if len(payload) > MAX_SETTINGS * _SETTING:
        raise CalmDown(f"{len(payload) // _SETTING} settings in an HTTP/2 frame")
    kept = bytearray()
    for start in range(0, len(payload), _SETTING):
        name = int.from_bytes(payload[start : start + 2])
        if name == _HEADER_TABLE_SIZE:
            value = min(int.from_bytes(payload[start + 2 : start + _SETTING]), MAX_ENCODER_TABLE)
            kept += name.to_bytes(2) + value.to_bytes(4)
        elif name in _KNOWN_SETTINGS:
            kept += payload[start : start + _SETTING]
    return len(kept).to_bytes(3) + frame.data[3:HEADER] + bytes(kept)
