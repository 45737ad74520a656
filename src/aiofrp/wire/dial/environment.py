"""The proxies that environment variables name, as Go's ``net/http`` reads them."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class EnvironmentProxies:
    """``HTTP_PROXY``, ``HTTPS_PROXY`` and ``NO_PROXY``, or the same in lower case."""

    __slots__ = ("_exceptions", "_urls")

    def __init__(self, environment: Mapping[str, str]) -> None:
        def value(name: str) -> str:
            return environment.get(name) or environment.get(name.lower()) or ""

        # A CGI program gets HTTP_PROXY from a field of the request, so that it is not to be trusted there.
        http = "" if environment.get("REQUEST_METHOD") else value("HTTP_PROXY")
        self._urls = {"http": http, "https": value("HTTPS_PROXY")}
        parts = (part.strip().lower() for part in value("NO_PROXY").split(","))
        self._exceptions = [_Exception(part) for part in parts if part]

    def url_for(self, scheme: str, host: str, port: int) -> str:
        """The URL of the proxy to reach ``host`` through; empty: connect directly, as always to this machine."""
        url = self._urls.get(scheme, "")
        if not url or self._excepts(host.lower().rstrip("."), port):
            return ""
        return url if "://" in url else f"http://{url}"

    def _excepts(self, host: str, port: int) -> bool:
        address = _address(host)
        if host == "localhost" or (address is not None and address.is_loopback):
            return True
        return any(exception.covers(host, port, address) for exception in self._exceptions)


class _Exception:
    """One part of NO_PROXY: ``*``, a network, an address, or a domain; the last two with a port if they have one.

    ``.a.test`` and ``*.a.test`` stand for the names below ``a.test``, ``a.test`` for itself too.
    """

    __slots__ = ("_below", "_name", "_network", "_port")

    def __init__(self, text: str) -> None:
        self._network = _network(text) if "/" in text else None
        name, colon, port = text.rpartition(":")
        if not (colon and port.isdigit() and (":" not in name or name.endswith("]"))):
            name, port = text, ""
        self._port = int(port) if port else 0
        self._below = name.startswith((".", "*."))
        self._name = name.strip("[]") if name == "*" else name.strip("[]").lstrip("*").strip(".")

    def covers(self, host: str, port: int, address: _Address | None) -> bool:
        """Whether ``host`` is reached without a proxy; ``address``: what it is, when it is no name."""
        if self._network is not None:
            return address is not None and address in self._network
        if self._port not in (0, port):
            return False
        if self._name == "*" or (host == self._name and not self._below):
            return True
        return _address(self._name) is None and host.endswith(f".{self._name}")


def _network(text: str) -> _Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _address(host: str) -> _Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
