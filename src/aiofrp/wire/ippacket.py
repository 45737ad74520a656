"""The addresses of an IP packet (RFC 791, RFC 8200). Nothing else of it is read, so that every protocol passes."""

from __future__ import annotations

from typing import Final

#: Bytes of the longest packet there is: the header of IPv6 and the most that its length field counts. IPv4's are
#: shorter.
MAX_PACKET: Final = 40 + 65_535

_HEADER4: Final = 20
_HEADER6: Final = 40


def addresses(packet: bytes) -> bytes | None:
    """The source and the destination of a packet as they stand in its header, one after the other: 8 bytes of IPv4, 32
    of IPv6. ``None`` for what is no IP packet."""
    if not packet:
        return None
    version = packet[0] >> 4
    if version == 4 and len(packet) >= _HEADER4:
        return packet[12:20]
    if version == 6 and len(packet) >= _HEADER6:
        return packet[8:40]
    return None
