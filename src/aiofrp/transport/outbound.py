"""The proxy on the way to the server (``transport.proxyURL``)."""

from __future__ import annotations

from urllib.parse import urlsplit

from aiofrp.errors import ConnectFailed
from aiofrp.stream.base import Stream
from aiofrp.stream.tcp import set_keepalive
from aiofrp.transport.base import DialOptions
from aiofrp.transport.net import dial

_SCHEMES = ("http", "https", "socks5", "ntlm")


async def reach(options: DialOptions) -> Stream:
    """A byte stream to the server over TCP, through the proxy if there is one, no layer of frp on it yet.

    Raises :class:`~aiofrp.errors.ConnectFailed`.
    """
    check_proxy_url(options.proxy_url)
    stream = await dial(options.host, options.port, timeout=options.timeout, local_ip=options.local_ip)
    set_keepalive(stream, options.keepalive)
    return stream


def check_proxy_url(url: str) -> None:
    """Refuse to go round a proxy that cannot be used. Raises :class:`~aiofrp.errors.ConnectFailed`."""
    if not url:
        return
    scheme = urlsplit(url).scheme
    if scheme not in _SCHEMES:
        raise ConnectFailed(f"ProxyType must be http, https, socks5 or ntlm, not [{scheme}]")
    raise ConnectFailed(f"transport.proxyURL: proxies of type {scheme} are not in this release of aiofrp")
