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
#: With its header it takes 64 KiB.
LARGEST_PAYLOAD = 64 * 1024 - HEADER_SIZE

#: Bytes of a chunk above which its frames are worth joining; small ones are mostly of several streams. Payload up to
#: this size is copied out of its chunk.
_BULK = 16 * 1024

#: Bytes of payload in the first part of a data frame in :func:`data_parts`: with the header as many as TLS encrypts at
#: once, a record (RFC 8446 §5.1).
_FIRST_PART = 16 * 1024 - HEADER_SIZE

#: One frame, or a part of a data frame: (type, flags, stream id, length, payload). A data frame longer than
#: one chunk comes in parts: the first has the frame's whole ``length`` and its flags, later ones have neither;
#: FIN and RST wait for the last part. For other types ``length`` is the frame's value, the payload is empty.
Frame: TypeAlias = tuple[int, int, int, int, bytes | memoryview]


def header(kind: int, flags: int, stream_id: int, length: int) -> bytes:
    """One frame header, 12 bytes."""
    return _pack(0, kind, flags, stream_id, length)


def data_frame(stream_id: int, data: bytes | memoryview) -> bytes:
    """``data`` in one data frame: at most :data:`LARGEST_PAYLOAD` bytes."""
    return b"".join((_pack(0, DATA, 0, stream_id, len(data)), data))


def data_parts(stream_id: int, data: bytes | memoryview) -> list[bytes | memoryview]:
    """``data`` in as many data frames as it takes, in parts: the first part of each frame begins with its header, and
    only that one is copied."""
    parts: list[bytes | memoryview] = []
    view = memoryview(data)
    for at in range(0, len(data), LARGEST_PAYLOAD):
        payload = view[at : at + LARGEST_PAYLOAD]
        parts.append(b"".join((_pack(0, DATA, 0, stream_id, len(payload)), payload[:_FIRST_PART])))
        if len(payload) > _FIRST_PART:
            parts.append(payload[_FIRST_PART:])
    return parts


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
        """Take a chunk of the session; returns its frames, with data frames in parts (see :data:`Frame`). Payload of
        more than 16 KiB is a view of the chunk, see :func:`joined`.

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


def joined(frames: list[Frame], size: int) -> list[Frame]:
    """``frames`` of a chunk of ``size`` bytes, with neighbours that are data of one stream, without flags, as one frame
    whose length is that of all.

    What was received in one chunk is written to the next socket in one system call then, which costs more than a copy.
    No payload is lent memory (a view that can be written to), and none is a small part that keeps the chunk alive.
    """
    if size <= _BULK:
        return frames
    result: list[Frame] = []
    run: list[bytes | memoryview] = []  # payloads of the last frame of the result, if that is one of data
    for frame in frames:
        kind, flags, stream_id, length, payload = frame
        if run:
            last = result[-1]
            if last[2] == stream_id and not (kind or flags or last[1]):
                run.append(payload)
                result[-1] = DATA, 0, stream_id, last[3] + length, b""
                continue
            _end_run(result, run, size)
        result.append(frame)
        if not kind:
            run.append(payload)
    if run:
        _end_run(result, run, size)
    return result


def _end_run(frames: list[Frame], run: list[bytes | memoryview], size: int) -> None:
    """Give the last frame the payloads of ``run``, which is empty then."""
    if len(run) > 1 or not _may_keep(run[0], size):
        _, flags, stream_id, length, _ = frames[-1]
        frames[-1] = DATA, flags, stream_id, length, b"".join(run)
    run.clear()


def _may_keep(payload: bytes | memoryview, size: int) -> bool:
    """Whether ``payload`` may be kept as it is: a part of a chunk of ``size`` bytes."""
    return not isinstance(payload, memoryview) or (payload.readonly and len(payload) * 4 > size)


def _slice(data: bytes | memoryview, start: int, stop: int) -> bytes | memoryview:
    return memoryview(data)[start:stop] if stop - start > _BULK else bytes(data[start:stop])
