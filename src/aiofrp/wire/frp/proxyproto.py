"""PROXY headers, which carry the user's real address to a local service
(docs/protocol/client.md §3; HAProxy's proxy-protocol.txt).

frp writes them to local services only; it never reads one.
"""

from __future__ import annotations

import ipaddress
from typing import Final, TypeAlias

from aiofrp.errors import LocalProtocolError
from aiofrp.wire.frp.messages import StartWorkConn

#: Host (text of an IP address) and port.
Address: TypeAlias = tuple[str, int]

_SIGNATURE: Final = b"\r\n\r\n\x00\r\nQUIT\n"
_PROXY: Final = 0x21  # version 2, command PROXY
_STREAM, _DATAGRAM = 1, 2
_FAMILIES: Final = {4: 0x10, 6: 0x20}

_Ip: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


def connection_header(version: str, start: StartWorkConn) -> bytes:
    """The bytes to write first on the connection to a local service; empty when ``start`` has no user's address.

    ``version``: ``v1``, ``v2``, or empty for no header. Raises :class:`~aiofrp.errors.LocalProtocolError` for
    addresses the header cannot hold.
    """
    if not version or not start.src_addr or not start.src_port:
        return b""
    source = (start.src_addr, start.src_port)
    destination = (start.dst_addr or "127.0.0.1", start.dst_port)
    if version == "v1":
        return _text(source, destination)
    return _binary(_STREAM, source, destination)


def datagram_header(version: str, source: Address, destination: Address) -> bytes:
    """The bytes before the payload of a user's first datagram; version 1 has no form for datagrams (``UNKNOWN``).

    ``version`` and errors as in :func:`connection_header`.
    """
    if not version:
        return b""
    if version == "v1":
        return b"PROXY UNKNOWN\r\n"
    return _binary(_DATAGRAM, source, destination)


def _text(source: Address, destination: Address) -> bytes:
    src, dst = _same_family(source, destination)
    line = f"PROXY TCP{src.version} {src} {dst} {source[1]} {destination[1]}\r\n"
    return line.encode("ascii")


def _binary(kind: int, source: Address, destination: Address) -> bytes:
    src, dst = _same_family(source, destination)
    ports = source[1].to_bytes(2, "big") + destination[1].to_bytes(2, "big")
    addresses = src.packed + dst.packed + ports
    head = bytes((_PROXY, _FAMILIES[src.version] | kind)) + len(addresses).to_bytes(2, "big")
    return _SIGNATURE + head + addresses


def _same_family(source: Address, destination: Address) -> tuple[_Ip, _Ip]:
    """Both addresses in the family of the source; IPv4 inside IPv6 counts as IPv4."""
    src, dst = _ip(source[0]), _ip(destination[0])
    if src.version == 6 and dst.version == 4:
        dst = ipaddress.IPv6Address(f"::ffff:{dst}")
    if src.version != dst.version:
        raise LocalProtocolError(f"no PROXY header can hold both {source[0]} and {destination[0]}")
    return src, dst


def _ip(text: str) -> _Ip:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        raise LocalProtocolError(f"{text!r} is no address for a PROXY header") from None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return address if mapped is None else mapped
