"""Header blocks of HTTP/2 before they are decoded: how long they may grow, and what decoding them would cost.

A byte of HPACK (RFC 7541) may stand for a field of 4 KiB, and decoding a field costs many times what sending it does,
so that fields are counted first.
"""

from __future__ import annotations

from aiofrp.wire.http.h2frames import END_HEADERS, HAS_PRIORITY, HEADERS, PADDED, CalmDown, Frame

#: Bytes of a header block, as it is sent; how many of them may be in Huffman code, of which decoding 1 KiB takes about
#: 1 ms; frames it may come in; and its fields, of which each takes about 20 µs.
MAX_BLOCK, MAX_HUFFMAN, MAX_PARTS, MAX_FIELDS = 64 * 1024, 16 * 1024, 32, 256
_PRIORITY = 5


class HeaderBlock:
    """The header block of a connection that is under way."""

    __slots__ = ("_parts", "_size")

    def __init__(self) -> None:
        self._parts: list[memoryview] = []  # limited by MAX_PARTS and MAX_BLOCK
        self._size = 0

    def __bool__(self) -> bool:
        """Whether its end has not come yet."""
        return bool(self._parts)

    def receive(self, frame: Frame) -> int:
        """A HEADERS or CONTINUATION frame; returns the number of fields when the block is whole, else 0.

        Raises :class:`~aiofrp.wire.http.h2frames.CalmDown` when a limit is passed. What else is wrong with the frame is
        left to h2.
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
    """The part of the block in a HEADERS frame."""
    payload = frame.payload
    start, padding = 0, 0
    if frame.flags & PADDED and payload:
        start, padding = 1, payload[0]
    if frame.flags & HAS_PRIORITY:
        start += _PRIORITY
    return payload[start : max(start, len(payload) - padding)]


def count_fields(block: bytes) -> int:
    """The number of fields in ``block``, as far as it can be read.

    Raises :class:`~aiofrp.wire.http.h2frames.CalmDown` for more than :data:`MAX_FIELDS`, or more than
    :data:`MAX_HUFFMAN` bytes in Huffman code.
    """
    position, fields, coded, size = 0, 0, 0, len(block)
    while position < size:
        first = block[position]
        fields += 1
        if first & 0x80:  # an index
            _, position = _integer(block, position, 0x7F)
            strings = 0
        elif first & 0xE0 == 0x20:  # a table size
            _, position = _integer(block, position, 0x1F)
            strings = 0
        else:  # a literal, whose name has an index or is one too
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
    """An integer of HPACK (RFC 7541 §5.1) and where it ends; one that no block can hold is as long as the block."""
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
