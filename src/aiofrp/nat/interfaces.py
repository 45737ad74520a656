"""The IPv4 addresses of this host's interfaces, by which a peer in the same network reaches it."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

MOST_ADDRESSES: Final = 10
"""Addresses that are offered to a peer (docs/protocol/nat.md §1)."""


def local_addresses() -> tuple[str, ...]:
    """The first ten addresses, in the order of the system; none where it does not say."""
    import ifaddr

    with contextlib.suppress(OSError):
        found = (ip.ip for adapter in ifaddr.get_adapters() for ip in adapter.ips if isinstance(ip.ip, str))
        return tuple(islice(reachable(found), MOST_ADDRESSES))
    return ()


def reachable(addresses: Iterable[str]) -> Iterator[str]:
    """Those of ``addresses`` by which another host can reach this one: no loopback and no link-local addresses."""
    for text in addresses:
        address = ipaddress.IPv4Address(text)
        if not (address.is_loopback or address.is_link_local or address.is_multicast):
            yield text
