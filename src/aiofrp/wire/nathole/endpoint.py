"""An IPv4 address with a port as text, ``192.0.2.1:7000``: the only form in which peers name places to each other.

The text comes from peers, and datagrams are sent to what it says. So it is no name, which would be looked up, and no
address that stands for several hosts.
"""

from __future__ import annotations

import ipaddress

from aiofrp.errors import RemoteProtocolError

#: Characters of the longest such text.
_LONGEST = len("255.255.255.255:65535")


def parse_endpoint(text: str) -> tuple[str, int]:
    """Host and port of ``text``. Raises :class:`~aiofrp.errors.RemoteProtocolError` unless it is one IPv4 address that
    a datagram can be sent to and a port from 1 to 65535, both without leading zeros."""
    shown = text[:_LONGEST]
    host, colon, port = text.rpartition(":")
    if not colon:
        raise RemoteProtocolError(f"address {shown}: missing port in address")
    if len(text) > _LONGEST or not (port.isascii() and port.isdigit() and port[0] != "0"):
        raise RemoteProtocolError(f"address {shown!r} is not an IPv4 address with a port")
    if not 1 <= int(port) <= 65535:
        raise RemoteProtocolError(f"address {shown!r}: the port is not in 1..65535")
    try:
        address = ipaddress.IPv4Address(host)
    except ValueError:
        raise RemoteProtocolError(f"address {shown!r} is not an IPv4 address with a port") from None
    if address.is_multicast or address.is_unspecified or int(address) == 0xFFFFFFFF:
        raise RemoteProtocolError(f"address {shown!r} is not the address of one host")
    return host, int(port)


def endpoint_text(host: str, port: int) -> str:
    """The text of an IPv4 address and a port."""
    return f"{host}:{port}"
