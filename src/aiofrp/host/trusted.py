"""The front ends of frps whose word about a user's address counts."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import lru_cache


class Trusted:
    """Addresses and networks, as ``vhostTrustedAddresses`` names them."""

    __slots__ = ("_networks", "has")

    def __init__(self, texts: Iterable[str] = ()) -> None:
        """``texts``: such as ``10.0.0.1`` and ``fd00::/8``. Raises :class:`ValueError` for one that is neither."""
        self._networks = [ipaddress.ip_network(text, strict=False) for text in texts]
        self.has = lru_cache(1024)(self._has)
        """Whether an IP address, in ASCII, is one of them. Asked for each request, so answers are kept."""

    def _has(self, address: bytes) -> bool:
        try:
            ip = ipaddress.ip_address(address.decode())
        except ValueError:
            return False
        return any(ip in network for network in self._networks)


#: No front end.
NOBODY = Trusted()
