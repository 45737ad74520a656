"""Proxies and visitors as the admin API shows them; the recorded ones are compared through the API itself."""

from __future__ import annotations

import pytest

from aiofrp import registry
from aiofrp.client.sources.definition import block, definition
from aiofrp.config.load.decode import decode_proxy, decode_visitor


def test_what_is_empty_is_left_out() -> None:
    tree = {"name": "a", "type": "tcp", "transport": {"useEncryption": False, "bandwidthLimit": ""}}
    assert block(decode_proxy(tree)) == {
        "name": "a",
        "type": "tcp",
        "transport": {"bandwidthLimit": "", "bandwidthLimitMode": "client"},
        "loadBalancer": {"group": ""},
        "healthCheck": {"type": "", "intervalSeconds": 0},
        "localIP": "127.0.0.1",
        "plugin": None,
    }


def test_what_is_said_stays() -> None:
    tree = {
        "name": "a",
        "type": "stcp",
        "enabled": False,
        "secretKey": "s",
        "annotations": {"site": "lab"},
        "transport": {"useCompression": True, "bandwidthLimit": "1MB", "bandwidthLimitMode": "server"},
        "healthCheck": {"type": "http", "path": "/", "httpHeaders": [{"name": "X", "value": "y"}]},
        "plugin": {"type": "https2http", "localAddr": "127.0.0.1:1", "enableHTTP2": False},
    }
    shown = block(decode_proxy(tree))
    assert shown["enabled"] is False
    assert shown["secretKey"] == "s"
    assert shown["annotations"] == {"site": "lab"}
    assert shown["transport"] == {
        "useCompression": True,
        "bandwidthLimit": "1MB",
        "bandwidthLimitMode": "server",
    }
    assert shown["healthCheck"] == {**tree["healthCheck"], "intervalSeconds": 0}  # type: ignore[dict-item]  # a table
    assert shown["plugin"] == {
        "type": "https2http",
        "localAddr": "127.0.0.1:1",
        "requestHeaders": {},
        "enableHTTP2": False,
    }


def test_a_visitor() -> None:
    tree = {"name": "v", "type": "stcp", "serverName": "s", "bindPort": -1}
    shown = {**tree, "transport": {}, "bindAddr": "127.0.0.1", "plugin": None}
    assert definition(decode_visitor(tree)) == {"name": "v", "type": "stcp", "stcp": shown}


@pytest.mark.parametrize("kind", registry.PROXIES)
def test_what_is_shown_means_the_same(kind: str) -> None:
    config = decode_proxy({"name": "a", "type": kind, "localPort": 5})
    assert decode_proxy(block(config)) == config
