"""Addresses of sockets as text, and what kind of host a text is."""

from __future__ import annotations

import ipaddress
import sys
from functools import lru_cache
from typing import Any

#: Characters of the longest IP address as text: IPv6 with IPv4 inside, ``%`` and the name of an interface.
MAX_ADDRESS = 45 + 1 + 15


def join_host_port(host: str, port: int) -> str:
    """``host:port``, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def plain_host(host: str) -> str:
    """An address without the IPv4-in-IPv6 prefix a dual-stack socket shows."""
    return host[7:] if host.startswith("::ffff:") and "." in host else host


def address_of(name: Any) -> tuple[str, int]:
    """(host, port) of a ``peername`` or ``sockname``, the same object where it is just that; ("", 0) when there is
    none."""
    if not isinstance(name, tuple) or len(name) < 2:
        return "", 0
    host = plain_host(str(name[0]))
    return name if len(name) == 2 and host is name[0] else (host, int(name[1]))


def address_text(name: Any) -> str:
    """A ``peername`` as ``host:port`` for logs."""
    return host_port_text(address_of(name))


def host_port_text(address: tuple[str, int]) -> str:
    """What :func:`address_of` returned, as ``host:port`` for logs."""
    return join_host_port(*address) if address[0] else "pipe"


def source_of(address: str) -> str:
    """The key under which what comes from an IP address is counted: the address, or the /64 network of an IPv6 one."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    return str(parsed.ipv4_mapped or ipaddress.ip_network((int(parsed), 64), strict=False))


@lru_cache(256)
def is_loopback(host: str) -> bool:
    """Whether connecting to ``host`` is done within the call: Linux alone answers a second ``connect`` with the result
    of the first (connect(2)), and only over the loopback interface is it there by then."""
    return (
        sys.platform == "linux"
        and is_address(host)
        and "%" not in host
        and ipaddress.ip_address(host).is_loopback
    )


@lru_cache(1024)
def is_address(host: str) -> bool:
    """Whether ``host`` is an IP address, not a name. Asked for every connection and datagram, so answers are kept.

    A zone (``%eth0``) may be any printable ASCII; no address is longer than :data:`MAX_ADDRESS` characters.
    """
    if len(host) > MAX_ADDRESS or not (host.isascii() and host.isprintable()):
        return False
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
