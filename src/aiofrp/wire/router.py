"""Which route a host, path and user lead to: one table shape for http, https and tcpmux
(docs/protocol/server.md §6.1).

The router compares names only; the targets of its routes are the caller's objects.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterator
from typing import Generic, TypeVar

from aiofrp.errors import ProxyError

_T = TypeVar("_T")

#: Hosts with fewer labels than this match no wildcard, so that ``example.com`` is not ``*.com``.
_WILDCARD_LABELS = 3
#: Characters of the longest DNS name (RFC 1035 §2.3.4); a longer host matches only ``*``.
_MAX_HOST = 255


class Router(Generic[_T]):
    """Routes by (domain, location, user); limited by the number of proxies.

    An empty location or user matches all. A lookup tries the host itself, then ``*.`` with ever fewer of its
    labels, then ``*``; at each the user's own routes first; among those the longest location that the path starts
    with.
    """

    def __init__(self) -> None:
        self._by_domain: dict[str, dict[str, _Locations[_T]]] = {}

    def __len__(self) -> int:
        return sum(len(locations) for users in self._by_domain.values() for locations in users.values())

    def add(self, domain: str, location: str, user: str, target: _T) -> None:
        """Add a route of a domain, written as :func:`canonical_host` writes it.

        Raises :class:`~aiofrp.errors.ProxyError` when a route with equal domain, location and user exists.
        """
        users = self._by_domain.get(domain, {})
        locations = users.get(user) or _Locations()
        locations.add(location.encode(), target)
        users[user] = locations
        self._by_domain[domain] = users

    def remove(self, domain: str, location: str, user: str) -> None:
        """Remove a route; does nothing when it does not exist."""
        users = self._by_domain.get(domain, {})
        locations = users.get(user)
        if locations is None:
            return
        locations.remove(location.encode())
        if not len(locations):
            del users[user]
        if not users:
            del self._by_domain[domain]

    def find(self, host: str, path: bytes = b"", user: str = "") -> _T | None:
        """The target of a request for ``path`` of ``host`` by ``user``.

        ``host`` is in lower case and without port, see :func:`canonical_host`; ``path`` is percent-decoded.
        """
        for locations in self._tables(host, user):
            found = locations.find(path)
            if found is not None:
                return found
        return None

    def is_whole(self, host: str, user: str = "") -> bool:
        """Whether every path of ``host`` has the same target for ``user``."""
        first = next(self._tables(host, user), None)
        return first is not None and first.is_whole

    def _tables(self, host: str, user: str) -> Iterator[_Locations[_T]]:
        """The tables to search, in order."""
        for domain in _domains(host):
            users = self._by_domain.get(domain)
            if users is not None:
                for name in (user, "") if user else ("",):
                    locations = users.get(name)
                    if locations is not None:
                        yield locations


def _domains(host: str) -> Iterator[str]:
    """The domains that ``host`` belongs to, in the order of their preference."""
    if len(host) <= _MAX_HOST:
        yield host
        rest = host
        for _ in range(host.count(".") + 1 - (_WILDCARD_LABELS - 1)):
            rest = rest[rest.index(".") + 1 :]
            yield "*." + rest
    yield "*"


class _Locations(Generic[_T]):
    """The path prefixes of one domain and user.

    A lookup tries each length that a prefix has, the longest first: prefixes of N bytes together have at most
    ``sqrt(2 * N)`` lengths.
    """

    __slots__ = ("_counts", "_lengths", "_targets")

    def __init__(self) -> None:
        self._targets: dict[bytes, _T] = {}  # limited by the number of routes
        self._counts: Counter[int] = Counter()  # prefixes by length
        self._lengths: list[int] = []  # the lengths as negative numbers, sorted: the longest is first

    def __len__(self) -> int:
        return len(self._targets)

    @property
    def is_whole(self) -> bool:
        """Whether one target has every path."""
        return len(self._targets) == 1 and b"" in self._targets

    def add(self, prefix: bytes, target: _T) -> None:
        if prefix in self._targets:
            raise ProxyError("router config conflict")
        self._targets[prefix] = target
        self._counts[len(prefix)] += 1
        if self._counts[len(prefix)] == 1:
            insort(self._lengths, -len(prefix))

    def remove(self, prefix: bytes) -> None:
        if self._targets.pop(prefix, None) is None:
            return
        self._counts[len(prefix)] -= 1
        if not self._counts[len(prefix)]:
            del self._counts[len(prefix)]
            del self._lengths[bisect_left(self._lengths, -len(prefix))]

    def find(self, path: bytes) -> _T | None:
        """The target of the longest prefix of ``path``."""
        for negative in self._lengths[bisect_left(self._lengths, -len(path)) :]:
            target = self._targets.get(path[:-negative] if negative else b"")
            if target is not None:
                return target
        return None


def canonical_host(host: str) -> str:
    """The host of a request, or a domain of a proxy, as routes know it.

    It is in lower case, without port and trailing dot; ``""`` when it is malformed. Names with letters beyond ASCII
    are not converted: in requests they have the form ``xn--…``.
    """
    host = host.lower()
    colons = host.count(":")
    if colons == 1 or (colons and host.startswith("[") and "]:" in host):
        host = _without_port(host)
    return host.removesuffix(".")


def _without_port(host: str) -> str:
    if not host.startswith("["):
        return host.partition(":")[0]
    address, _, port = host[1:].partition("]")
    return address if port.startswith(":") and port.count(":") == 1 else ""


def canonical_address(domain: str, port: int) -> str:
    """The address of a domain for ``NewProxyResp``: host and port, without the port when it is 80 or 443."""
    return domain if port in (80, 443) else f"[{domain}]:{port}" if ":" in domain else f"{domain}:{port}"
