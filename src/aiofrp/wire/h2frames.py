"""A look at the sizes HTTP/2 frames announce, before anybody waits for that much (RFC 9113 §4.1).

h2 refuses a frame that is too long only when all of it, up to 16 MiB, has come.
"""

from __future__ import annotations

from aiofrp.errors import RemoteProtocolError

#: Bytes of the longest payload a peer may send unless it was told otherwise (RFC 9113 §4.2).
MAX_FRAME = 1 << 14
_LENGTH, _REST_OF_HEADER = 3, 6


class FrameSizes:
    """Follows the frames of one direction. ``preface``: bytes that come before the first."""

    __slots__ = ("_length", "_skip")

    def __init__(self, preface: int = 0) -> None:
        self._skip = preface
        self._length = b""  # beginning of a length

    def receive_data(self, data: bytes | memoryview) -> None:
        """Raises :class:`~aiofrp.errors.RemoteProtocolError` as soon as a frame announces too much."""
        position, size = 0, len(data)
        while position < size:
            if self._skip:
                step = min(self._skip, size - position)
                self._skip -= step
                position += step
                continue
            piece = data[position : position + _LENGTH - len(self._length)]
            position += len(piece)
            self._length += piece
            if len(self._length) == _LENGTH:
                self._end_length()

    def _end_length(self) -> None:
        length, self._length = int.from_bytes(self._length), b""
        if length > MAX_FRAME:
            raise RemoteProtocolError(f"an HTTP/2 frame of {length} bytes")
        self._skip = _REST_OF_HEADER + length
