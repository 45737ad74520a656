"""Forms of the store: one complete schema for each type, with what a form needs to show its fields."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from aiofrp import registry
from aiofrp.config.models.proxy import ProxyKind
from aiofrp.config.tools.forms import forms
from aiofrp.config.tools.schema import title


def fields(schema: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every property at every depth, with its key."""
    for key, field in schema.get("properties", {}).items():
        yield key, field
        for inner in (field, field.get("items", {}), *field.get("oneOf", ())):
            yield from fields(inner)


def test_each_type_has_a_complete_schema() -> None:
    made = forms()
    kinds = {name: registry.load(row, ProxyKind) for name, row in registry.PROXIES.items()}
    assert list(made["proxies"]) == list(registry.PROXIES)
    assert list(made["visitors"]) == [name for name, kind in kinds.items() if kind.VisitorConfig]
    for schemas in made.values():
        for name, schema in schemas.items():
            assert schema["properties"]["type"]["const"] == name
            assert {"name", "type"} <= set(schema["required"])
            assert all(field["title"] and field["description"] for _, field in fields(schema))
    text = json.dumps(made)
    assert "$ref" not in text
    assert "allOf" not in text


def test_plugins_are_variants_with_what_they_require() -> None:
    plugin = forms()["proxies"]["tcp"]["properties"]["plugin"]
    variants = {form["properties"]["type"]["const"]: form for form in plugin["oneOf"]}
    assert list(variants) == list(registry.CLIENT_PLUGINS)
    assert variants["unix_domain_socket"]["required"] == ["type", "unixPath"]
    visitor = forms()["visitors"]["stcp"]["properties"]["plugin"]
    assert [form["properties"]["type"]["const"] for form in visitor["oneOf"]] == list(
        registry.VISITOR_PLUGINS
    )


def test_fields_have_groups_choices_defaults_and_forms() -> None:
    http = forms()["proxies"]["http"]["properties"]
    groups = list(dict.fromkeys(field["x-group"] for field in http.values()))
    assert groups == ["General", "Local service", "Domains", "http"]
    assert http["localIP"] == {
        "type": "string",
        "title": "Local IP",
        "description": "Address or host name of the local service.",
        "default": "127.0.0.1",
        "x-group": "Local service",
    }
    assert http["localPort"]["maximum"] == 65535
    assert http["httpPassword"]["format"] == "password"
    mode = http["transport"]["properties"]["bandwidthLimitMode"]
    assert (mode["enum"], mode["default"]) == (["client", "server"], "client")


def test_titles_are_the_words_of_keys() -> None:
    keys = ["localIP", "customDomains", "routeByHTTPUser", "enableHTTP2", "name", "natHoleStunServer"]
    assert [title(key) for key in keys] == [
        *("Local IP", "Custom domains", "Route by HTTP user", "Enable HTTP2", "Name", "NAT hole STUN server")
    ]
