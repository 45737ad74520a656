"""The proxy on the way to the server (``transport.proxyURL``)."""

from __future__ import annotations

from urllib.parse import urlsplit

from aiofrp.errors import ConnectFailed

_SCHEMES = ("http", "https", "socks5", "ntlm")


def check_proxy_url(url: str) -> None:
    """Refuse to go round a proxy that cannot be used. Raises :class:`~aiofrp.errors.ConnectFailed`."""
    if not url:
        return
    scheme = urlsplit(url).scheme
    if scheme not in _SCHEMES:
        raise ConnectFailed(f"ProxyType must be http, https, socks5 or ntlm, not [{scheme}]")
    raise ConnectFailed(f"transport.proxyURL: proxies of type {scheme} are not in this release of aiofrp")
