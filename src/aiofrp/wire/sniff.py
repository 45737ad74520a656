"""What a fresh connection on the shared port speaks, told from its first bytes
(docs/protocol/wire.md §1.1)."""

from __future__ import annotations

import enum
from collections.abc import Collection

#: Bytes every rule can decide on; the reference waits for exactly these (docs/protocol/wire.md §1.1).
SNIFF_SIZE = 10
#: Bytes that tell the users of vhost ports from each other.
VHOST_SNIFF_SIZE = 3

#: frp's own lead byte before a TLS handshake, and the first byte of any TLS handshake.
TLS_LEAD, TLS_HANDSHAKE = 0x17, 0x16
_CONNECT = b"CON"
_HTTP_METHODS = frozenset((b"GET", b"HEA", b"POS", b"PUT", b"DEL", _CONNECT, b"OPT", b"TRA", b"PAT", b"PRI"))


class Kind(enum.Enum):
    """Who takes the connection."""

    VHOST_HTTPS = "vhost https"
    VHOST_HTTP = "vhost http"
    TCPMUX = "tcpmux"
    FRP = "frp"


def classify(head: bytes, vhosts: Collection[Kind]) -> Kind:
    """Judge the first :data:`SNIFF_SIZE` bytes on bindPort, of no websocket; ``vhosts``: which vhost listeners share
    it."""
    if Kind.VHOST_HTTPS in vhosts and head[0] == TLS_HANDSHAKE:
        return Kind.VHOST_HTTPS
    if Kind.TCPMUX in vhosts and head[:3] == _CONNECT:
        return Kind.TCPMUX
    if Kind.VHOST_HTTP in vhosts and head[:3] in _HTTP_METHODS:
        return Kind.VHOST_HTTP
    return Kind.FRP


def classify_vhost(head: bytes, vhosts: Collection[Kind]) -> Kind:
    """Judge the first :data:`VHOST_SNIFF_SIZE` bytes on a port that vhost listeners share without frp: of those in
    ``vhosts`` the one that can make most of it."""
    if Kind.VHOST_HTTPS in vhosts and head[0] == TLS_HANDSHAKE:
        return Kind.VHOST_HTTPS
    if Kind.TCPMUX in vhosts and (Kind.VHOST_HTTP not in vhosts or head[:3] == _CONNECT):
        return Kind.TCPMUX
    return Kind.VHOST_HTTP if Kind.VHOST_HTTP in vhosts else Kind.VHOST_HTTPS
