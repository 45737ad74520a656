"""UDPPacket messages of wire protocol v1, written by hand (docs/protocol/wire.md §6.1 and §11).

Every relayed datagram becomes one, mostly for few users: the text of an address is made once and kept.
Received packets go through the ordinary decoder, which is faster than anything written in Python.
"""

from __future__ import annotations

from binascii import b2a_base64
from functools import lru_cache
from typing import Final

from aiofrp.wire.frp.codec import Codec
from aiofrp.wire.frp.jsonbody import encode_body
from aiofrp.wire.frp.messages import UDPAddress, UDPPacket

MAX_MESSAGE: Final = 131_072
"""Bytes of the longest message with a datagram between our programs: the largest of UDP, 65,507 bytes, fits in base64.
frp takes :data:`aiofrp.wire.frp.codec.MAX_BODY` or, in v2, :data:`aiofrp.wire.frp.codec2.MAX_PAYLOAD`."""

MAX_DATAGRAM: Final = 65_507
"""Bytes of the largest datagram of UDP over IPv4."""


def encode_udp(payload: bytes, ip: str, port: int, zone: str = "") -> bytes:
    """Return the v1 frame of one datagram of, or for, the user at the given address.

    The length is not checked: peers refuse a frame whose body is longer than
    :data:`aiofrp.wire.frp.codec.MAX_BODY`, which happens with payloads above some 7600 bytes.
    """
    address = _address(ip, port, zone)
    content = b'"c":"%b",' % b2a_base64(payload, newline=False) if payload else b""
    body = b"{%b%b" % (content, address)
    return b"u" + len(body).to_bytes(8, "big") + body


@lru_cache(maxsize=1024)
def _address(ip: str, port: int, zone: str) -> bytes:
    return b'"r":' + encode_body(UDPAddress(ip=ip, port=port, zone=zone)) + b"}"


def longest_frame(codec: Codec, accepted: int) -> int:
    """Bytes of the longest frame that may be sent to a peer that said it takes messages of ``accepted`` bytes; 0 for
    one that said nothing."""
    return max(codec.max_frame, min(accepted, MAX_MESSAGE))


def longest_datagram(codec: Codec, accepted: int) -> int:
    """Bytes of the longest datagram that fits such a frame, whatever its user's address."""
    address = UDPAddress(ip="ffff:" * 7 + "ffff", port=65535)
    around = len(codec.encode(UDPPacket(content=b"\0\0\0", remote_addr=address))) - 4
    return min((longest_frame(codec, accepted) - around) // 4 * 3, MAX_DATAGRAM)
