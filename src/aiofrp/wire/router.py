"""Which route a host, path and user lead to: one table shape for http, https and tcpmux (spec: server §6.1).

Knows names only: what a route leads to is the caller's business.
"""

from __future__ import annotations

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
        self._by_domain: dict[str, dict[str, list[tuple[bytes, _T]]]] = {}

    def __len__(self) -> int:
        return sum(len(routes) for users in self._by_domain.values() for routes in users.values())

    def add(self, domain: str, location: str, user: str, target: _T) -> None:
        """Enter a route. Raises :class:`~aiofrp.errors.ProxyError` when an equal one is there."""
        routes = self._by_domain.setdefault(domain.lower(), {}).setdefault(user, [])
        where = location.encode()
        if any(where == other for other, _ in routes):
            raise ProxyError("router config conflict")
        routes.append((where, target))
        routes.sort(key=_location, reverse=True)

    def remove(self, domain: str, location: str, user: str) -> None:
        """Take a route out; one that is not there is ignored."""
        domain, where = domain.lower(), location.encode()
        users = self._by_domain.get(domain, {})
        routes = [route for route in users.get(user, ()) if route[0] != where]
        if routes:
            users[user] = routes
        else:
            users.pop(user, None)
        if not users:
            self._by_domain.pop(domain, None)

    def find(self, host: str, path: bytes = b"", user: str = "") -> _T | None:
        """The target of a request for ``path`` of ``host`` by ``user``.

        ``host`` is in lower case and without port, see :func:`canonical_host`; ``path`` is percent-decoded.
        """
        if len(host) > _MAX_HOST:
            return self._at("*", path, user)
        found = self._at(host, path, user)
        if found is not None:
            return found
        rest = host
        for _ in range(host.count(".") + 1 - (_WILDCARD_LABELS - 1)):
            rest = rest[rest.index(".") + 1 :]
            found = self._at("*." + rest, path, user)
            if found is not None:
                return found
        return self._at("*", path, user)

    def _at(self, domain: str, path: bytes, user: str) -> _T | None:
        users = self._by_domain.get(domain)
        if users is None:
            return None
        for name in (user, "") if user else ("",):
            for location, target in users.get(name, ()):
                if path.startswith(location):
                    return target
        return None


def _location(route: tuple[bytes, object]) -> bytes:
    return route[0]


def canonical_host(host: str) -> str:
    """A request's host as routes know it: lower case, no port, no trailing dot; ``""`` when it is malformed."""
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
    """Where a domain is served, as the client is told it: the port is left out when it is 80 or 443."""
    return domain if port in (80, 443) else f"[{domain}]:{port}" if ":" in domain else f"{domain}:{port}"
