"""Tables of names → import strings: proxy types, transports, plugins.

Strings, so that a configuration can ask "which model decodes type = http?" without importing every type, and
a heavy dependency is loaded only when its row is used.
"""

from __future__ import annotations

import importlib
from typing import Any

#: ``type`` of a proxy → its :class:`aiofrp.proxy.base.ProxyType`.
PROXIES = {
    "tcp": "aiofrp.proxy.tcp:Tcp",
    "udp": "aiofrp.proxy.udp:Udp",
    "http": "aiofrp.proxy.http:Http",
    "https": "aiofrp.proxy.https:Https",
    "tcpmux": "aiofrp.proxy.tcpmux:TcpMux",
    "stcp": "aiofrp.proxy.stcp:Stcp",
    "sudp": "aiofrp.proxy.sudp:Sudp",
    "xtcp": "aiofrp.proxy.xtcp:Xtcp",
}

#: ``transport.protocol`` → its :class:`aiofrp.transport.base.Transport`.
TRANSPORTS = {
    "tcp": "aiofrp.transport.tcp:Tcp",
    "kcp": "aiofrp.transport.kcp:Kcp",
    "quic": "aiofrp.transport.quic:Quic",
    "websocket": "aiofrp.transport.websocket:WebSocket",
    "wss": "aiofrp.transport.websocket:Wss",
}

#: ``type`` of a client plugin → its configuration.
CLIENT_PLUGINS = {
    "http_proxy": "aiofrp.plugin.http_proxy:HttpProxyPluginConfig",
    "socks5": "aiofrp.plugin.socks5:Socks5PluginConfig",
    "static_file": "aiofrp.plugin.static_file:StaticFilePluginConfig",
    "unix_domain_socket": "aiofrp.plugin.unix_domain_socket:UnixDomainSocketPluginConfig",
    "http2https": "aiofrp.plugin.http2https:Http2HttpsPluginConfig",
    "http2http": "aiofrp.plugin.http2http:Http2HttpPluginConfig",
    "https2http": "aiofrp.plugin.https2http:Https2HttpPluginConfig",
    "https2https": "aiofrp.plugin.https2https:Https2HttpsPluginConfig",
    "tls2raw": "aiofrp.plugin.tls2raw:Tls2RawPluginConfig",
    "virtual_net": "aiofrp.plugin.virtual_net:VirtualNetPluginConfig",
}

#: ``type`` of a visitor plugin → its configuration.
VISITOR_PLUGINS = {
    "virtual_net": "aiofrp.plugin.virtual_net:VirtualNetVisitorPluginConfig",
}


def load(target: str) -> Any:
    """Import ``package.module:Name`` and return the named object."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)
