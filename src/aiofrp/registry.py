"""Tables of names → import strings: proxy types, transports, plugins.

The rows are strings, so that the model of ``type = "http"`` is found without importing every type, and a
heavy dependency is loaded only when its row is used.
"""

from __future__ import annotations

import importlib
from typing import Any, TypeVar

#: ``type`` of a proxy → its :class:`aiofrp.proxy.base.ProxyType`; in the order in which frps' API names them.
PROXIES = {
    "tcp": "aiofrp.proxy.tcp:Tcp",
    "udp": "aiofrp.proxy.udp:Udp",
    "http": "aiofrp.proxy.http:Http",
    "https": "aiofrp.proxy.https:Https",
    "tcpmux": "aiofrp.proxy.tcpmux:TcpMux",
    "stcp": "aiofrp.proxy.stcp:Stcp",
    "xtcp": "aiofrp.proxy.xtcp:Xtcp",
    "sudp": "aiofrp.proxy.sudp:Sudp",
}

#: ``transport.protocol`` → its :class:`aiofrp.transport.base.Transport`.
TRANSPORTS = {
    "tcp": "aiofrp.transport.tcp:TcpTransport",
    "kcp": "aiofrp.transport.kcp:Kcp",
    "quic": "aiofrp.transport.quic:Quic",
    "websocket": "aiofrp.transport.websocket:WebSocket",
    "wss": "aiofrp.transport.websocket:Wss",
}

#: ``type`` of a client plugin → its :class:`aiofrp.plugin.base.ClientPlugin`.
CLIENT_PLUGINS = {
    "http_proxy": "aiofrp.plugin.http_proxy:HttpProxy",
    "socks5": "aiofrp.plugin.socks5:Socks5",
    "static_file": "aiofrp.plugin.static_file:StaticFile",
    "unix_domain_socket": "aiofrp.plugin.unix_domain_socket:UnixDomainSocket",
    "http2https": "aiofrp.plugin.http2https:Http2Https",
    "http2http": "aiofrp.plugin.http2http:Http2Http",
    "https2http": "aiofrp.plugin.https2http:Https2Http",
    "https2https": "aiofrp.plugin.https2https:Https2Https",
    "tls2raw": "aiofrp.plugin.tls2raw:Tls2Raw",
    "virtual_net": "aiofrp.plugin.virtual_net:VirtualNet",
}

#: ``type`` of a visitor plugin → its :class:`aiofrp.plugin.base.VisitorPlugin`.
VISITOR_PLUGINS = {
    "virtual_net": "aiofrp.plugin.virtual_net:VirtualNetVisitor",
}


_T = TypeVar("_T")


def load(target: str, base: type[_T]) -> type[_T]:
    """Import ``package.module:Name``; the named class, which is one of ``base``. Raises :class:`TypeError` for any
    other object."""
    found = resolve(target)
    if not (isinstance(found, type) and issubclass(found, base)):
        raise TypeError(f"{target} is not a {base.__name__}")
    return found


def resolve(target: str) -> Any:
    """Import the module of ``package.module:Name`` and return the object of that name, whatever it is."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)
