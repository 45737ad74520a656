"""UDPPacket messages of wire protocol v1, written by hand (docs/protocol/wire.md §6.1 and §11).

Every relayed datagram becomes one, mostly for few users: the text of an address is made once and kept.
Received packets go through the ordinary decoder, which is faster than anything written in Python.
"""

from __future__ import annotations

from binascii import b2a_base64
from functools import lru_cache

from aiofrp.wire.frp.jsonbody import encode_body
from aiofrp.wire.frp.messages import UDPAddress


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
