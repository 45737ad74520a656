"""The JSON Schemas accept every good configuration and know every field."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from aiofrp import registry
from aiofrp.config.load.files import open_source, read
from aiofrp.config.tools.schema import schema
from tests.config.batch import every
from tests.config.cases import GOOD, expected_tree, good_cases

TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "boolean": (bool,),
}


def _complaints(value: Any, rule: Any, root: Any, path: str = "") -> Iterator[str]:
    """A checker for the part of JSON Schema that is used."""
    if "$ref" in rule:
        yield from _complaints(value, root["definitions"][rule["$ref"].rsplit("/", 1)[1]], root, path)
    for part in rule.get("allOf", ()):
        yield from _complaints(value, part, root, path)
    if "oneOf" in rule:
        good = [part for part in rule["oneOf"] if not list(_complaints(value, part, root, path))]
        if len(good) != 1:
            yield f"{path}: {len(good)} variants match"
    if "const" in rule and value != rule["const"]:
        yield f"{path}: not {rule['const']}"
    if "enum" in rule and value not in rule["enum"]:
        yield f"{path}: not one of {rule['enum']}"
    if "type" in rule and (type(value) not in TYPES[rule["type"]]):
        yield f"{path}: not {rule['type']}"
    if isinstance(value, int) and not rule.get("minimum", value) <= value <= rule.get("maximum", value):
        yield f"{path}: out of range"
    if isinstance(value, str) and "pattern" in rule and not re.search(rule["pattern"], value):
        yield f"{path}: does not match"
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _complaints(item, rule.get("items", {}), root, f"{path}[{index}]")
    if isinstance(value, dict):
        yield from _table_complaints(value, rule, root, path)


def _table_complaints(value: dict[str, Any], rule: Any, root: Any, path: str) -> Iterator[str]:
    for key in rule.get("required", ()):
        if key not in value:
            yield f"{path}: {key} is missing"
    for key, item in value.items():
        inner = rule.get("properties", {}).get(key, rule.get("additionalProperties", {}))
        if inner is False:
            yield f"{path}.{key}: unknown"
        else:
            yield from _complaints(item, inner, root, f"{path}.{key}")


#: Good for the programs, but with what an editor should mark: other case, null, zero values, nonsense.
LOOSE = {
    "frps-case-insensitive",
    "frps-json",
    "frps-toml-numbers",
    "frps-zero-values",
    "frpc-accepted-nonsense",
    "frpc-plugin-null",
    "frpc-plugins",
    "frpc-visitor-defaults",
}
CASES = [
    case
    for case in good_cases()
    if case["strict"] and case["name"] not in LOOSE and not expected_tree(case)["legacyFormat"]
]


@every(CASES, lambda case: case["name"])
def test_good_configurations_conform(case: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(GOOD)
    source = open_source(case["file"], read(case["file"]), case.get("env", {}), program=case["program"])
    rule = schema("server" if case["program"] == "frps" else "client")
    assert list(_complaints(source.tree or {}, rule, rule)) == []


def test_wrong_configurations_do_not() -> None:
    rule = schema("client")
    for tree in (
        {"bogus": 1},
        {"serverPort": "7000"},
        {"transport": {"protocol": "udp"}},
        {"proxies": [{"name": "a", "type": "tpc"}]},
        {"proxies": [{"type": "tcp"}]},
        {"proxies": [{"name": "a", "type": "tcp", "customDomains": []}]},
        {"proxies": [{"name": "a", "type": "tcp", "localPort": 65536}]},
        {"proxies": [{"name": "a", "type": "tcp", "transport": {"bandwidthLimit": "1"}}]},
        {"proxies": [{"name": "a", "type": "tcp", "plugin": {"type": "socks5", "user": "x"}}]},
        {"visitors": [{"name": "a", "type": "tcp"}]},
    ):
        assert list(_complaints(tree, rule, rule)), tree


def test_every_type_and_plugin_is_defined() -> None:
    definitions = schema("client")["definitions"]
    kinds = {
        part["properties"]["type"]["const"]
        for part in definitions.values()
        if "const" in part["properties"].get("type", {})
    }
    assert kinds == {*registry.PROXIES, *registry.CLIENT_PLUGINS, *registry.VISITOR_PLUGINS}


def test_references_lead_somewhere() -> None:
    for program in ("server", "client"):
        rule = schema(program)
        names = re.findall(r"#/definitions/(\w+)", repr(rule))
        assert names
        assert set(names) == set(rule["definitions"])


def test_defaults_and_explanations() -> None:
    port = schema("server")["properties"]["bindPort"]
    assert port == {
        "type": "integer",
        "title": "Bind port",
        "description": "TCP port for clients.",
        "minimum": 0,
        "maximum": 65535,
        "default": 7000,
    }
