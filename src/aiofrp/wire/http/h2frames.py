"""HTTP/2 frames as they come out of a stream, whole, before h2 sees them (RFC 9113 §4).

h2 refuses a frame that is too long only when all of it, up to 16 MiB, has come; it keeps every setting a peer names;
and what it is given, it works through to the end. Here frames are told apart, so that the connection may stop between
two of them, and what would cost much is refused before it costs.
"""

from __future__ import annotations

from typing import NamedTuple

from aiofrp.errors import RemoteProtocolError

#: Bytes of the longest payload a peer may send unless it was told otherwise (RFC 9113 §4.2).
MAX_FRAME = 1 << 14
#: Bytes of a frame's header, and where its payload begins.
HEADER = 9
#: Settings in one SETTINGS frame; the RFCs know eight.
MAX_SETTINGS = 64
#: Settings h2 is told of (RFC 9113 §6.5.2, RFC 8441); it would keep each of 65,536 others and look at all of them at
#: every SETTINGS frame.
_KNOWN_SETTINGS = frozenset((1, 2, 3, 4, 5, 6, 8))
#: Bytes of the table in which we look up fields that we send, however many the peer would keep.
MAX_ENCODER_TABLE = 4096
_HEADER_TABLE_SIZE, _SETTING = 1, 6

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = (
    range(10)
)
#: Flags (RFC 9113 §6): the last of a direction (DATA, HEADERS) or an answer (SETTINGS, PING); the end of a header
#: block; padding; a priority before the header block.
END_STREAM = ACK = 0x1
END_HEADERS, PADDED, HAS_PRIORITY = 0x4, 0x8, 0x20


class FrameTooLong(RemoteProtocolError):
    """The peer announced a frame that is longer than it was allowed."""


class CalmDown(RemoteProtocolError):
    """The peer sends what is allowed, and more of it than it can need."""


class Frame(NamedTuple):
    """A whole frame; ``data`` has its header too."""

    kind: int
    flags: int
    stream: int
    data: bytes

    @property
    def payload(self) -> memoryview:
        """What follows the header."""
        return memoryview(self.data)[HEADER:]


class FrameReader:
    """Takes the frames of one direction apart. ``preface``: bytes that come before the first one."""

    __slots__ = ("_buffer", "_preface")

    def __init__(self, preface: bytes = b"") -> None:
        self._buffer = (
            bytearray()
        )  # limited by a frame and what arrives at once: the connection reads no more then
        self._preface = preface

    def __len__(self) -> int:
        """Bytes that are held."""
        return len(self._buffer)

    def receive_data(self, data: bytes | memoryview) -> None:
        """More bytes."""
        self._buffer += data

    def clear(self) -> None:
        """Drop what is held."""
        self._buffer.clear()

    def next_frame(self) -> Frame | None:
        """The next frame, or ``None`` when more has to come.

        Raises :class:`~aiofrp.errors.RemoteProtocolError` for another preface, and :class:`FrameTooLong` as soon as a
        frame announces more than :data:`MAX_FRAME`.
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
        """Whether the preface is whole, and gone."""
        preface, seen = self._preface, bytes(self._buffer[: len(self._preface)])
        if not preface.startswith(seen):
            raise RemoteProtocolError("no HTTP/2 preface")
        if len(seen) < len(preface):
            return False
        self._preface = b""
        del self._buffer[: len(preface)]
        return True


def bounded_settings(frame: Frame) -> bytes:
    """A SETTINGS frame as h2 is to see it: without unknown settings (RFC 9113 §6.5.2 tells to ignore them), and with
    a header table of at most :data:`MAX_ENCODER_TABLE`. Raises :class:`CalmDown` when it
    has more than :data:`MAX_SETTINGS`."""
    payload = bytes(frame.payload)
    if len(payload) % _SETTING:
        return frame.data  # h2 says what is wrong
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
