"""Limits of HTTP/2 header blocks, checked before they are decoded.

One byte of HPACK (RFC 7541) may stand for a field of 4 KiB, and decoding a field costs many times what sending it
costs. So the fields are counted first.
"""

from __future__ import annotations

from aiofrp.wire.http.h2.frames import END_HEADERS, HAS_PRIORITY, HEADERS, PADDED, CalmDown, Frame

#: Limits of one header block: its bytes as sent; those of them in Huffman code (decoding 1 KiB takes about 1 ms); its
#: HEADERS and CONTINUATION frames; and its fields (decoding one takes about 20 µs).
MAX_BLOCK, MAX_HUFFMAN, MAX_PARTS, MAX_FIELDS = 64 * 1024, 16 * 1024, 32, 256
_PRIORITY = 5


class HeaderBlock:
    """The header block that a connection is receiving. It is true while a block has begun and not ended."""

    __slots__ = ("_parts", "_size")

    def __init__(self) -> None:
        self._parts: list[memoryview] = []  # limited by MAX_PARTS and MAX_BLOCK
        self._size = 0

    def __bool__(self) -> bool:
        """Whether a block has begun whose END_HEADERS was not received."""
        return bool(self._parts)

    def receive(self, frame: Frame) -> int:
        """Add a HEADERS or CONTINUATION frame. Returns the number of fields when the block is complete, else 0.

        Raises :class:`~aiofrp.wire.http.h2.frames.CalmDown` when a limit is exceeded. h2 finds all other errors.
        """
        part = _fragment(frame) if frame.kind == HEADERS else frame.payload
        self._parts.append(part)
        self._size += len(part)
        if self._size > MAX_BLOCK or len(self._parts) > MAX_PARTS:
            raise CalmDown(f"a header block of {self._size} bytes in {len(self._parts)} frames")
        if not frame.flags & END_HEADERS:
            return 0
        block, self._parts, self._size = b"".join(self._parts), [], 0
        return count_fields(block)


def _fragment(frame: Frame) -> memoryview:
    """The payload of a HEADERS frame without padding and priority."""
    payload = frame.payload
    start, padding = 0, 0
    if frame.flags & PADDED and payload:
        start, padding = 1, payload[0]
    if frame.flags & HAS_PRIORITY:
        start += _PRIORITY
    return payload[start : max(start, len(payload) - padding)]


def count_fields(block: bytes) -> int:
    """The number of fields in ``block``; an incomplete last field counts.

    Raises :class:`~aiofrp.wire.http.h2.frames.CalmDown` for more than :data:`MAX_FIELDS`, or more than
    :data:`MAX_HUFFMAN` bytes in Huffman code.
    """
    position, fields, coded, size = 0, 0, 0, len(block)
    while position < size:
        first = block[position]
        fields += 1
        if first & 0x80:  # an indexed field
            _, position = _integer(block, position, 0x7F)
            strings = 0
        elif first & 0xE0 == 0x20:  # a dynamic table size update
            _, position = _integer(block, position, 0x1F)
            strings = 0
        else:  # a literal field; its name is an index or a second literal
            index, position = _integer(block, position, 0x3F if first & 0x40 else 0x0F)
            strings = 1 if index else 2
        for _ in range(strings):
            if position >= size:
                break
            huffman = block[position] & 0x80
            length, position = _integer(block, position, 0x7F)
            position += length
            coded += length if huffman else 0
        if fields > MAX_FIELDS or coded > MAX_HUFFMAN:
            raise CalmDown(f"a header block of {fields} fields or more, {coded} bytes in Huffman code")
    return fields


def _integer(block: bytes, position: int, mask: int) -> tuple[int, int]:
    """An HPACK integer (RFC 7541 §5.1) and the position after it. For an incomplete integer, and for one of more than
    five bytes, both are the length of the block."""
    value = block[position] & mask
    position += 1
    if value < mask:
        return value, position
    for shift in range(0, 28, 7):
        if position >= len(block):
            break
        byte = block[position]
        position += 1
        value += (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, position
    return len(block), len(block)
