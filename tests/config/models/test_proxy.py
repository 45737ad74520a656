"""What the fields of proxies say to the server."""

from __future__ import annotations

from typing import Any, get_type_hints

from aiofrp import registry
from aiofrp.config.load.decode import decode_proxy
from aiofrp.config.models.proxy import ProxyConfig
from aiofrp.wire.frp.messages import NewProxy
from tests.config.batch import every
from tests.config.cases import expected_tree, good_cases


def _wire(tree: dict[str, Any]) -> dict[str, Any]:
    return decode_proxy(tree).wire_values()


def test_a_plain_proxy() -> None:
    message = NewProxy(
        proxy_name="a", proxy_type="tcp", **_wire({"name": "a", "type": "tcp", "remotePort": 6000})
    )
    assert message == NewProxy(proxy_name="a", proxy_type="tcp", remote_port=6000)


def test_nested_fields() -> None:
    values = _wire(
        {
            "type": "http",
            "customDomains": ["a.org"],
            "httpPassword": "p",
            "requestHeaders": {"set": {"A": "1"}},
            "responseHeaders": {"set": {"B": "2"}},
            "loadBalancer": {"group": "g", "groupKey": "k"},
            "transport": {"useEncryption": True, "bandwidthLimit": " 1MB", "bandwidthLimitMode": "server"},
            "metadatas": {"m": "1"},
        }
    )
    message = NewProxy(**values)
    assert message.custom_domains == ("a.org",)
    assert (message.http_pwd, type(message.http_pwd)) == ("p", str)
    assert (message.headers, message.response_headers) == ({"A": "1"}, {"B": "2"})
    assert (message.group, message.group_key) == ("g", "k")
    assert (message.use_encryption, message.bandwidth_limit, message.bandwidth_limit_mode) == (
        True,
        "1MB",
        "server",
    )
    assert message.metas == {"m": "1"}


def test_the_default_mode_is_not_sent() -> None:
    assert "bandwidth_limit_mode" not in _wire({"type": "tcp"})


def test_every_wire_name_is_a_field_of_the_message() -> None:
    known = set(get_type_hints(NewProxy))
    for name in registry.PROXIES:
        assert set(_wire({"type": name})) <= known, name


CLIENTS = [case for case in good_cases() if case["program"] == "frpc"]


@every(CLIENTS, lambda case: case["name"])
def test_recorded_proxies_are_complete(case: dict[str, Any]) -> None:
    """Decoding what a proxy was completed to gives the same again."""
    from aiofrp.config.load.decode import Rules
    from aiofrp.config.models.model import to_tree

    for tree in expected_tree(case)["proxies"]:
        proxy = decode_proxy(tree, Rules(legacy=True))
        assert isinstance(proxy, ProxyConfig)
        assert to_tree(proxy) == tree
