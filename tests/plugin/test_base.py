"""Every plugin of the registry: its row, its options, and what a proxy with it gets."""

from __future__ import annotations

from typing import Any

import pytest

from aiofrp import registry
from aiofrp.config.load.decode import decode_proxy, decode_visitor
from aiofrp.config.models.model import declared
from aiofrp.plugin.base import ClientPlugin, VisitorPlugin

#: The options of each plugin with values that are not their defaults.
OPTIONS: dict[str, dict[str, Any]] = {
    "http2http": {
        "localAddr": "127.0.0.1:80",
        "hostHeaderRewrite": "h",
        "requestHeaders": {"set": {"a": "b"}},
    },
    "http2https": {
        "localAddr": "127.0.0.1:443",
        "hostHeaderRewrite": "h",
        "requestHeaders": {"set": {"a": "b"}},
    },
    "http_proxy": {"httpUser": "u", "httpPassword": "p"},
    "https2http": {
        "localAddr": "127.0.0.1:80",
        "hostHeaderRewrite": "h",
        "requestHeaders": {"set": {"a": "b"}},
        "enableHTTP2": False,
        "crtPath": "c",
        "keyPath": "k",
    },
    "https2https": {
        "localAddr": "127.0.0.1:443",
        "hostHeaderRewrite": "h",
        "requestHeaders": {"set": {"a": "b"}},
        "enableHTTP2": False,
        "crtPath": "c",
        "keyPath": "k",
    },
    "socks5": {"username": "u", "password": "p"},
    "static_file": {"localPath": "/p", "stripPrefix": "s", "httpUser": "u", "httpPassword": "p"},
    "tls2raw": {"localAddr": "127.0.0.1:80", "crtPath": "c", "keyPath": "k"},
    "unix_domain_socket": {"unixPath": "/s"},
    "virtual_net": {},
}


@pytest.mark.parametrize("name", registry.CLIENT_PLUGINS)
def test_a_client_plugin_and_all_its_options(name: str) -> None:
    plugin = registry.load(registry.CLIENT_PLUGINS[name], ClientPlugin)
    assert plugin.name == name
    tree = {"type": name, **OPTIONS[name]}
    read = decode_proxy({"name": "p", "type": "tcp", "plugin": tree}).plugin
    assert type(read) is plugin.Config
    items = {item.alias: item.name for item in declared(plugin.Config).values()}
    assert set(items) == set(tree), "every option has a value here"
    fresh = plugin.Config()
    same = [alias for alias, field in items.items() if getattr(read, field) == getattr(fresh, field)]
    assert same == ["type"]


@pytest.mark.parametrize("name", registry.VISITOR_PLUGINS)
def test_a_visitor_plugin(name: str) -> None:
    plugin = registry.load(registry.VISITOR_PLUGINS[name], VisitorPlugin)
    assert plugin.name == name
    read = decode_visitor({"name": "v", "type": "stcp", "serverName": "s", "plugin": {"type": name}}).plugin
    assert type(read) is plugin.Config
