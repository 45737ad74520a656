"""yamux frames (docs/protocol/wire.md §3; https://github.com/hashicorp/yamux/blob/master/spec.md).

Header, 12 bytes big endian: ``version:u8=0 | type:u8 | flags:u16 | stream_id:u32 | length:u32``. This module turns
bytes into frames and back. It knows nothing of streams, windows or time.
"""

from __future__ import annotations

import struct
from typing import TypeAlias

from aiofrp.errors import SEEN, RemoteProtocolError

HEADER_SIZE = 12
_HEADER = struct.Struct(">BBHII")
_pack = _HEADER.pack
_unpack_from = _HEADER.unpack_from

# Frame types
DATA, WINDOW_UPDATE, PING, GO_AWAY = 0, 1, 2, 3
# Flags
SYN, ACK, FIN, RST = 1, 2, 4, 8
# GoAway codes
NORMAL, PROTOCOL_ERROR, INTERNAL_ERROR = 0, 1, 2

#: Bytes of the window of a new stream, in each direction.
INITIAL_WINDOW = 256 * 1024
#: Bytes of the largest window of a stream (frp's setting).
MAX_WINDOW = 6 * 1024 * 1024

#: Bytes of the payload of a data frame, at most, when we make it: some peers deliver a frame only when it is whole.
LARGEST_PAYLOAD = 64 * 1024

#: Bytes of a chunk above which its frames are worth joining; small ones are mostly of several streams.
BULK = 16 * 1024

#: Payload up to this size is copied out of its chunk, so that a small slice never keeps a large chunk alive.
_COPY_BELOW = 16 * 1024

#: One frame, or a part of a data frame: (type, flags, stream id, length, payload). A data frame longer than
#: one chunk comes in parts: the first has the frame's whole ``length`` and its flags, later ones have neither;
#: FIN and RST wait for the last part. For other types ``length`` is the frame's value, the payload is empty.
Frame: TypeAlias = tuple[int, int, int, int, bytes | memoryview]


def header(kind: int, flags: int, stream_id: int, length: int) -> bytes:
    """One frame header, 12 bytes."""
    return _pack(0, kind, flags, stream_id, length)


def data_frames(stream_id: int, data: bytes | memoryview) -> bytes:
    """``data`` in one data frame, or in several of :data:`LARGEST_PAYLOAD` bytes."""
    size = len(data)
    if size <= LARGEST_PAYLOAD:
        return b"".join((_pack(0, DATA, 0, stream_id, size), data))
    frames: list[bytes | memoryview] = []
    view = memoryview(data)
    for at in range(0, size, LARGEST_PAYLOAD):
        piece = view[at : at + LARGEST_PAYLOAD]
        frames += (_pack(0, DATA, 0, stream_id, len(piece)), piece)
    return b"".join(frames)


def _no_frame(data: bytes | memoryview) -> RemoteProtocolError:
    """The error about ``data``, which begins with no header of a frame."""
    error = RemoteProtocolError(
        f"yamux: version {data[0]} type {data[1:2].hex()} is unknown: the peer speaks no yamux"
    )
    error.seen = bytes(data)
    return error


class FrameDecoder:
    """Bytes in, frames out; keeps at most an unfinished header (11 bytes)."""

    __slots__ = ("_end_flags", "_head", "_left", "_stream")

    def __init__(self) -> None:
        self._head = b""
        self._left = 0  # payload bytes still to come of the current data frame
        self._stream = 0  # the stream they belong to
        self._end_flags = 0  # FIN and RST of that frame, which come with its last part

    def receive_data(self, data: bytes | memoryview) -> list[Frame]:
        """Take a chunk of the session; returns its frames, with data frames in parts (see :data:`Frame`).

        Raises :class:`~aiofrp.errors.RemoteProtocolError` on an unknown version or type.
        """
        if self._head:
            data, self._head = self._head + bytes(data), b""
        frames: list[Frame] = []
        at, end = 0, len(data)
        if self._left:
            at = min(self._left, end)
            self._left -= at
            flags = 0 if self._left else self._end_flags
            frames.append((DATA, flags, self._stream, 0, _slice(data, 0, at)))
        while end - at >= HEADER_SIZE:
            version, kind, flags, stream_id, length = _unpack_from(data, at)
            at += HEADER_SIZE
            if version or kind > GO_AWAY:
                raise _no_frame(data[at - HEADER_SIZE : at - HEADER_SIZE + SEEN])
            if kind or not length:
                frames.append((kind, flags, stream_id, length, b""))
                continue
            stop = at + length
            if stop > end:
                self._left, self._stream, self._end_flags = stop - end, stream_id, flags & (FIN | RST)
                stop, flags = end, flags & ~(FIN | RST)
            frames.append((DATA, flags, stream_id, length, _slice(data, at, stop)))
            at = stop
        if at < end:
            self._head = bytes(data[at:])
            if self._head[0]:  # no version: known before the header is whole
                raise _no_frame(self._head)
        return frames


def joined(frames: list[Frame]) -> list[Frame]:
    """``frames`` with neighbours that are data of one stream, without flags, as one frame whose length is that of all.

    What was received in one chunk is written to the next socket in one system call then, which costs more than a copy.
    """
    result: list[Frame] = []
    run: list[bytes | memoryview] = []  # payloads of the last frame of the result, when there are several
    for frame in frames:
        kind, flags, stream_id, length, payload = frame
        if result and not kind and not flags:
            last = result[-1]
            if last[2] == stream_id and not last[0] and not last[1]:
                run += (payload,) if run else (last[4], payload)
                result[-1] = DATA, 0, stream_id, last[3] + length, b""
                continue
        if run:
            _end_run(result, run)
        result.append(frame)
    if run:
        _end_run(result, run)
    return result


def _end_run(frames: list[Frame], run: list[bytes | memoryview]) -> None:
    """Give the last frame the payloads of ``run``, which is empty then."""
    _, _, stream_id, length, _ = frames[-1]
    frames[-1] = DATA, 0, stream_id, length, b"".join(run)
    run.clear()


def _slice(data: bytes | memoryview, start: int, stop: int) -> bytes | memoryview:
    size = stop - start
    if size > _COPY_BELOW and size * 4 > len(data):
        return memoryview(data)[start:stop]
    return bytes(data[start:stop])
