"""What a proxy type says of itself."""

from __future__ import annotations

import pytest

from aiofrp import registry
from aiofrp.proxy.base import Place, proxy_type
from aiofrp.wire.frp.messages import NewProxy


def test_every_row_of_the_registry_leads_to_a_type_that_knows_its_place() -> None:
    for name in registry.PROXIES:
        found = proxy_type(name)
        assert found.name == name
        assert isinstance(found.place, Place)
        assert (found.VisitorConfig is not None) == (found.place is Place.DOOR)
        assert found.datagrams == name.endswith("udp")


def test_no_name_is_tcp_and_a_name_of_no_type_is_an_error() -> None:
    assert proxy_type("") is proxy_type("tcp")
    with pytest.raises(KeyError):
        proxy_type("TCP")


@pytest.mark.parametrize(
    ("kind", "message", "address", "fields"),
    [
        ("tcp", {}, ":6000", {"remotePort": 6000}),
        ("udp", {}, ":6000", {"remotePort": 6000}),
        ("https", {"custom_domains": ["a.example"]}, "a.example:443", {"customDomains": ["a.example"]}),
        ("http", {"subdomain": "a"}, "a.example:80", {"subdomain": "a"}),
        ("tcpmux", {"custom_domains": ["a.example"], "subdomain": "a"}, "", None),
        ("stcp", {"custom_domains": ["a.example"]}, "", {}),
        ("sudp", {}, "", {}),
        ("xtcp", {}, "", {}),
    ],
)
def test_the_address_of_a_running_proxy(
    kind: str, message: dict[str, object], address: str, fields: dict[str, object] | None
) -> None:
    request = NewProxy(proxy_name="p", proxy_type=kind, **message)  # type: ignore[arg-type]
    wanted = {"customDomains": ["a.example"], "subdomain": "a"} if fields is None else fields
    assert proxy_type(kind).address_fields(request, address) == wanted
