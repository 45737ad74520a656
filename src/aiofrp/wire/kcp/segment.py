"""The format of KCP segments (docs/protocol/wire.md §4).

::

    conv:u32 | command:u8 | fragment:u8 | window:u16 | time:u32 | sn:u32 | una:u32 | length:u32 | payload

Little endian; several share a packet. This module knows their layout, not their meaning in a conversation.

Two commands are our own. The reference has none to end a conversation and ignores datagrams with these: a FIN takes a
sequence number like data and says that nothing follows, a RST says that the conversation is not known any more.
"""

from __future__ import annotations

import struct
from typing import TypeAlias

#: Bytes of a segment's header, of the largest packet of segments, and of the payload that fills one
#: (docs/protocol/wire.md §4).
OVERHEAD, MTU = 24, 1350
MSS = MTU - OVERHEAD
PUSH, ACK, WASK, WINS, FIN, RST = 81, 82, 83, 84, 85, 86
#: Sequence numbers and times are 32 bits wide and go round; what lies in the upper half is behind.
MASK, HALF = 0xFFFFFFFF, 0x80000000

_HEADER = struct.Struct("<IBBHIIII")
pack, unpack_from = _HEADER.pack, _HEADER.unpack_from

Buffer: TypeAlias = bytes | memoryview


def first_segment(packet: Buffer) -> tuple[int, int, int, int] | None:
    """(conv, command, sn, una) of the first segment of ``packet``, ``None`` if there is none."""
    if len(packet) < OVERHEAD:
        return None
    conv, command, fragment, _, _, sn, una, length = unpack_from(packet)
    if not PUSH <= command <= RST or fragment or length > len(packet) - OVERHEAD:
        return None
    return conv, command, sn, una


def reset_segment(conv: int) -> bytes:
    """A RST segment, by which an aiofrp peer learns that conversation ``conv`` has ended."""
    return pack(conv, RST, 0, 0, 0, 0, 0, 0)


def join(segments: list[bytes]) -> list[bytes]:
    """As few packets of at most :data:`MTU` bytes as the segments need, in their order."""
    packets: list[bytes] = []
    parts: list[bytes] = []
    size = 0
    for segment in segments:
        size += len(segment)
        if size > MTU:
            packets.append(parts[0] if len(parts) == 1 else b"".join(parts))
            parts.clear()
            size = len(segment)
        parts.append(segment)
    packets.append(parts[0] if len(parts) == 1 else b"".join(parts))
    return packets
