"""What a fresh connection on the shared port speaks, told from its first bytes (spec: wire §1.1)."""

from __future__ import annotations

import enum

#: Bytes every rule can decide on; the reference waits for exactly these (spec: wire §1.1).
SNIFF_SIZE = 10

#: frp's own lead byte before a TLS handshake, and the first byte of any TLS handshake.
TLS_LEAD, TLS_HANDSHAKE = 0x17, 0x16
#: The first byte of a websocket's request, which no frp message, magic or yamux frame begins with.
HTTP_GET = ord("G")
_WEBSOCKET = b"GET /~!frp"
_HTTP_METHODS = frozenset((b"GET", b"HEA", b"POS", b"PUT", b"DEL", b"CON", b"OPT", b"TRA", b"PAT", b"PRI"))


class Kind(enum.Enum):
    """Who takes the connection."""

    WEBSOCKET = "websocket"
    VHOST_HTTPS = "vhost https"
    VHOST_HTTP = "vhost http"
    FRP = "frp"


def classify(head: bytes, *, vhost_http: bool, vhost_https: bool) -> Kind:
    """Judge the first :data:`SNIFF_SIZE` bytes; the flags tell which vhost listeners share the port."""
    if head == _WEBSOCKET:
        return Kind.WEBSOCKET
    if vhost_https and head[0] == TLS_HANDSHAKE:
        return Kind.VHOST_HTTPS
    if vhost_http and head[:3] in _HTTP_METHODS:
        return Kind.VHOST_HTTP
    return Kind.FRP
