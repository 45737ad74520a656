"""The snappy framing format over raw snappy blocks (docs/protocol/wire.md §8;
https://github.com/google/snappy/blob/main/framing_format.txt).

A chunk is ``type:u8 | length:u24 LE | content``; content of types 0 and 1 is ``masked CRC-32C:u32 LE |
block``.
"""

from __future__ import annotations

from typing import Final

import cramjam
import google_crc32c

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.transforms.base import Buffer

MAX_BLOCK: Final = 65_536
"""Most plain bytes in one chunk; the framing format's limit, and ours against decompression bombs."""

MAX_CHUNK: Final = 76_494
"""Longest content of a chunk: CRC and the largest raw snappy block for MAX_BLOCK bytes, 32 + n + n/6."""

_STREAM_HEADER: Final = b"\xff\x06\x00\x00sNaPpY"
_IDENTIFIER: Final = b"sNaPpY"
_TYPE_COMPRESSED, _TYPE_PLAIN, _TYPE_IDENTIFIER = 0x00, 0x01, 0xFF
_FIRST_SKIPPABLE: Final = 0x80
_WORTH_A_TRY: Final = 17  # shorter blocks never compress: the encoders of snappy emit them as literals


class Snappy:
    """Transform of one connection, both directions; see :class:`aiofrp.wire.transforms.base.Transform`."""

    __slots__ = ("_identified", "_rest", "_started")

    def __init__(self) -> None:
        self._started = False  # we sent the stream header
        self._identified = False  # the peer sent it
        self._rest = b""  # an incomplete chunk; at most MAX_CHUNK + 4 bytes

    def encode(self, data: Buffer) -> bytes:
        """Return ``data`` as whole chunks, ready to be decoded at once; nothing for nothing."""
        if not data:
            return b""
        parts = [] if self._started else [_STREAM_HEADER]
        self._started = True
        plain = bytes(data)
        if len(plain) <= MAX_BLOCK:
            _append_chunk(parts, plain)
        else:
            for start in range(0, len(plain), MAX_BLOCK):
                _append_chunk(parts, plain[start : start + MAX_BLOCK])
        return b"".join(parts)

    def decode(self, data: Buffer) -> bytes:
        """Return the plain bytes of the chunks that ``data`` completes.

        Raises :class:`RemoteProtocolError` for bad chunks; the transform is then of no more use.
        """
        received = self._rest + data if self._rest else bytes(data)
        view, start, blocks = memoryview(received), 0, []
        while len(received) - start >= 4:
            content = start + 4
            end = content + _content_length(received, start)
            if end > len(received):
                break
            blocks.append(self._decode_chunk(received[start], view[content:end]))
            start = end
        self._rest = received[start:]
        return blocks[0] if len(blocks) == 1 else b"".join(blocks)

    def _decode_chunk(self, kind: int, content: memoryview) -> bytes:
        if kind == _TYPE_IDENTIFIER:
            if bytes(content) != _IDENTIFIER:
                raise RemoteProtocolError("snappy: bad stream identifier")
            self._identified = True
            return b""
        if not self._identified:
            raise RemoteProtocolError("snappy: stream does not begin with its identifier")
        if kind >= _FIRST_SKIPPABLE:
            return b""
        if kind > _TYPE_PLAIN:
            raise RemoteProtocolError(f"snappy: unknown chunk type {kind:#04x}")
        return _decode_block(kind, content)


def _append_chunk(parts: list[bytes], plain: bytes) -> None:
    size = len(plain)
    kind, block = _TYPE_PLAIN, plain
    if size >= _WORTH_A_TRY:
        compressed = bytes(cramjam.snappy.compress_raw(plain))
        if len(compressed) < size - size // 8:
            kind, block = _TYPE_COMPRESSED, compressed
    header = kind | (len(block) + 4) << 8 | _masked_crc(plain) << 32
    parts.append(header.to_bytes(8, "little"))
    parts.append(block)


def _content_length(received: bytes, start: int) -> int:
    length = int.from_bytes(received[start + 1 : start + 4], "little")
    if length > MAX_CHUNK:
        raise RemoteProtocolError(f"snappy: chunk of {length} bytes, over the limit of {MAX_CHUNK}")
    return length


def _decode_block(kind: int, content: memoryview) -> bytes:
    if len(content) < 4:
        raise RemoteProtocolError("snappy: chunk without checksum")
    block = content[4:]
    plain = _decompress(block) if kind == _TYPE_COMPRESSED else bytes(block)
    if len(plain) > MAX_BLOCK:
        raise RemoteProtocolError(f"snappy: plain chunk of {len(plain)} bytes, over the limit of {MAX_BLOCK}")
    if _masked_crc(plain) != int.from_bytes(content[:4], "little"):
        raise RemoteProtocolError("snappy: checksum does not match")
    return plain


def _decompress(block: memoryview) -> bytes:
    try:
        announced = cramjam.snappy.decompress_raw_len(block)
        if announced > MAX_BLOCK:
            raise RemoteProtocolError(f"snappy: block of {announced} bytes, over the limit of {MAX_BLOCK}")
        return bytes(cramjam.snappy.decompress_raw(block))
    except cramjam.DecompressionError as error:
        raise RemoteProtocolError(str(error)) from None


def _masked_crc(plain: bytes) -> int:
    crc: int = google_crc32c.value(plain)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
