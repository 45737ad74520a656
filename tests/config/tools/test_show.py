from __future__ import annotations

import json
import tomllib
from typing import Any

from aiofrp.config.load.decode import decode_client, decode_server
from aiofrp.config.tools.show import masked_tree, show

SECRET = "hunter2"


def _tree() -> dict[str, Any]:
    return {
        "auth": {
            "token": SECRET,
            "oidc": {"clientSecret": SECRET},
            "tokenSource": {
                "type": "exec",
                "exec": {"command": "c", "env": [{"name": "A", "value": SECRET}]},
            },
        },
        "webServer": {"password": SECRET, "user": "admin"},
        "transport": {"proxyURL": f"socks5://me:{SECRET}@127.0.0.1:1080"},
        "proxies": [
            {
                "name": "w",
                "type": "http",
                "httpPassword": SECRET,
                "requestHeaders": {"set": {"Authorization": SECRET, "X-From": "frp"}},
                "healthCheck": {"httpHeaders": [{"name": "authorization", "value": SECRET}]},
                "loadBalancer": {"groupKey": SECRET},
                "plugin": {"type": "static_file", "httpPassword": SECRET},
            },
            {
                "name": "s",
                "type": "stcp",
                "secretKey": SECRET,
                "plugin": {"type": "socks5", "password": SECRET},
            },
        ],
        "visitors": [{"name": "v", "type": "stcp", "secretKey": SECRET}],
    }


def test_no_secret_is_shown() -> None:
    config = decode_client(_tree())
    for text in (show(config), json.dumps(masked_tree(config)), str(config), repr(config)):
        assert "admin" in text
    assert SECRET not in show(config)
    assert SECRET not in json.dumps(masked_tree(config))


def test_the_rest_is() -> None:
    tree = tomllib.loads(show(decode_client(_tree())))
    assert tree["auth"]["token"] == "***"
    assert tree["transport"]["proxyURL"] == "socks5://me:***@127.0.0.1:1080"
    assert tree["proxies"][0]["requestHeaders"]["set"] == {"Authorization": "***", "X-From": "frp"}
    assert tree["serverPort"] == 7000


def test_defaults_are_shown() -> None:
    tree = tomllib.loads(show(decode_server({"bindAddr": "127.0.0.1"})))
    assert (tree["proxyBindAddr"], tree["transport"]["heartbeatTimeout"]) == ("127.0.0.1", -1)
    assert tree["auth"]["token"] == ""
