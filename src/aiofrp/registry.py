"""Three tables of names → import strings: proxy types, transports, plugins.

Strings, so that a configuration can ask "which model decodes type = http?" without importing every type, and a
heavy dependency is loaded only when its row is used.
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
}


def load(target: str) -> Any:
    """Import ``package.module:Name`` and return the named object."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)
