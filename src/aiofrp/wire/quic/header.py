"""What can be read of a QUIC packet without keys (RFC 8999, RFC 9000 §17), and tokens for address validation.

A server needs this much to find the connection of a packet, and to have a client prove its address before the client
costs more than a few hashes. This module knows nothing of connections.
"""

from __future__ import annotations

import hmac
import struct
from dataclasses import dataclass

#: Bytes the datagram of a client's first packet must have (RFC 9000 §14.1).
MIN_INITIAL = 1200
VERSION_1 = 0x00000001
_MAX_CID = 20
_DIGEST = "sha256"
_MAC_SIZE = 16
_TOKEN_HEAD = struct.Struct(">IB")


@dataclass(frozen=True, slots=True)
class LongHeader:
    """A packet of the handshake."""

    version: int
    destination: bytes  #: connection id
    source: bytes  #: connection id
    initial: bool  #: the client's first, of version 1
    token: bytes  #: of an initial packet, empty for none


def parse_long(datagram: bytes) -> LongHeader | None:
    """The header of a packet with a long one, ``None`` for other packets and nonsense."""
    if len(datagram) < 7 or not datagram[0] & 0x80:
        return None
    version = int.from_bytes(datagram[1:5], "big")
    destination, at = _sized(datagram, 5)
    source, at = _sized(datagram, at)
    if destination is None or source is None:
        return None
    initial = version == VERSION_1 and not datagram[0] & 0x30
    token = _token(datagram, at) if initial else b""
    return None if token is None else LongHeader(version, destination, source, initial, token)


def _sized(datagram: bytes, at: int) -> tuple[bytes | None, int]:
    """A connection id with its length in front, and where it ends."""
    if at >= len(datagram):
        return None, at
    end = at + 1 + datagram[at]
    if datagram[at] > _MAX_CID or end > len(datagram):
        return None, at
    return datagram[at + 1 : end], end


def _token(datagram: bytes, at: int) -> bytes | None:
    if at >= len(datagram):
        return None
    width = 1 << (datagram[at] >> 6)
    size = int.from_bytes(datagram[at : at + width], "big") & ((1 << (8 * width - 2)) - 1)
    at += width
    return datagram[at : at + size] if at + size <= len(datagram) else None


class RetryTokens:
    """Makes and reads the tokens of Retry packets: nothing is remembered, and nobody else can make one."""

    def __init__(self, secret: bytes, lifetime: int = 10) -> None:
        """``lifetime``: seconds a token is good for."""
        self._secret = secret
        self._lifetime = lifetime

    def make(self, address: bytes, original_cid: bytes, now: int) -> bytes:
        """A token for the client at ``address`` that began with ``original_cid``; ``now`` in seconds."""
        body = _TOKEN_HEAD.pack(now & 0xFFFFFFFF, len(original_cid)) + original_cid
        return self._mac(address, body) + body

    def read(self, token: bytes, address: bytes, now: int) -> bytes | None:
        """The original connection id; ``None`` for a token that is forged, another's or too old."""
        mac, body = token[:_MAC_SIZE], token[_MAC_SIZE:]
        if len(body) < _TOKEN_HEAD.size or not hmac.compare_digest(mac, self._mac(address, body)):
            return None
        made, size = _TOKEN_HEAD.unpack_from(body)
        if (now - made) & 0xFFFFFFFF > self._lifetime:
            return None
        cid = body[_TOKEN_HEAD.size :]
        return cid if len(cid) == size else None

    def _mac(self, address: bytes, body: bytes) -> bytes:
        return hmac.digest(self._secret, address + body, _DIGEST)[:_MAC_SIZE]
