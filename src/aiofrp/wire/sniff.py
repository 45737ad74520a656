"""Finds the protocol of a new connection on a shared port by its first bytes (docs/protocol/wire.md §1.1)."""

from __future__ import annotations

import enum
from collections.abc import Collection

#: Bytes to wait for before :func:`classify`; the reference waits for as many (docs/protocol/wire.md §1.1).
SNIFF_SIZE = 10
#: Bytes to wait for before :func:`classify_vhost`.
VHOST_SNIFF_SIZE = 3

#: frp's own lead byte before a TLS handshake, and the first byte of any TLS handshake.
TLS_LEAD, TLS_HANDSHAKE = 0x17, 0x16
_CONNECT = b"CON"
_HTTP_METHODS = frozenset((b"GET", b"HEA", b"POS", b"PUT", b"DEL", _CONNECT, b"OPT", b"TRA", b"PAT", b"PRI"))


class Kind(enum.Enum):
    """The listener a connection is passed to."""

    VHOST_HTTPS = "vhost https"
    VHOST_HTTP = "vhost http"
    TCPMUX = "tcpmux"
    FRP = "frp"


def classify(head: bytes, vhosts: Collection[Kind]) -> Kind:
    """The listener for a connection on bindPort that is no websocket.

    ``head``: its first :data:`SNIFF_SIZE` bytes. ``vhosts``: the vhost listeners that share the port.
    """
    if Kind.VHOST_HTTPS in vhosts and head[0] == TLS_HANDSHAKE:
        return Kind.VHOST_HTTPS
    if Kind.TCPMUX in vhosts and head[:3] == _CONNECT:
        return Kind.TCPMUX
    if Kind.VHOST_HTTP in vhosts and head[:3] in _HTTP_METHODS:
        return Kind.VHOST_HTTP
    return Kind.FRP


def classify_vhost(head: bytes, vhosts: Collection[Kind]) -> Kind:
    """The listener for a connection on a port that only vhost listeners share.

    ``head``: its first :data:`VHOST_SNIFF_SIZE` bytes. Returns one of ``vhosts``: bytes of none of their protocols
    go to tcpmux, else to http, which answer with an error of their protocol.
    """
    if Kind.VHOST_HTTPS in vhosts and head[0] == TLS_HANDSHAKE:
        return Kind.VHOST_HTTPS
    if Kind.TCPMUX in vhosts and (Kind.VHOST_HTTP not in vhosts or head[:3] == _CONNECT):
        return Kind.TCPMUX
    return Kind.VHOST_HTTP if Kind.VHOST_HTTP in vhosts else Kind.VHOST_HTTPS
