"""``aiofrp config reference``: every key of the configuration files as a page of the documents.

Made from the declarations of the fields, like the schema; a test holds ``docs/reference/configuration.md`` to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from aiofrp import registry
from aiofrp.config.models.client import ClientConfig
from aiofrp.config.models.model import Declared, Model, declared
from aiofrp.config.models.proxy import (
    PluginConfig,
    PluginKind,
    ProxyConfig,
    ProxyKind,
    VisitorConfig,
    VisitorPluginConfig,
)
from aiofrp.config.models.server import ServerConfig
from aiofrp.config.models.shape import shapes
from aiofrp.config.models.types import Bandwidth
from aiofrp.config.models.values import Shape

_HEAD = """# Configuration

<!-- Made by `aiofrp config reference`; edit the declarations in src/aiofrp/config and src/aiofrp/proxy instead. -->

This page lists every key of the configuration files of frps and frpc, in TOML, YAML or JSON. A dot means a table
inside a table. A key with a zero value (`0`, `""`) is the same as no key. Upper and lower case do not matter.
"""
_SCALARS = {int: "number", bool: "true or false"}
#: Tables that have a section each.
_APART = (ProxyConfig, VisitorConfig, PluginConfig, VisitorPluginConfig)


def reference() -> str:
    """The page of all settings of both programs, as Markdown."""
    rows = registry.PROXIES.items()
    types = {name: registry.load(row, ProxyKind) for name, row in rows}
    common = set(declared(ProxyConfig))
    sections = [
        _section("frps", ServerConfig),
        _section("frpc", ClientConfig),
        _section("Every proxy: `[[proxies]]`", ProxyConfig),
        *(_section(f"Proxy of type `{name}`", row.Config, common) for name, row in types.items()),
        _section("Every visitor: `[[visitors]]`", VisitorConfig),
        *(
            _section(f"Visitor of type `{name}`", row.VisitorConfig, set(declared(VisitorConfig)))
            for name, row in types.items()
            if row.VisitorConfig is not None
        ),
        *(_plugin("Plugin", name, row) for name, row in registry.CLIENT_PLUGINS.items()),
        *(_plugin("Visitor plugin", name, row) for name, row in registry.VISITOR_PLUGINS.items()),
    ]
    return _HEAD + "".join(section for section in sections if section)


def _plugin(kind: str, name: str, row: str) -> str:
    return _section(f"{kind} `{name}`", registry.load(row, PluginKind).Config, {"type"})


def _section(title: str, model: type[Model], without: set[str] | None = None) -> str:
    lines = list(_rows(model, "", without or set()))
    if not lines:
        return f"\n## {title}\n\nThere are no other keys.\n"
    return (
        f"\n## {title}\n\n| key | value | default | meaning |\n|---|---|---|---|\n" + "\n".join(lines) + "\n"
    )


def _rows(model: type[Model], prefix: str, without: set[str]) -> Iterator[str]:
    forms = shapes(model)
    for item in declared(model).values():
        if item.name in without:
            continue
        key, shape = f"{prefix}{item.alias}", forms[item.name]
        inner = _table_in(shape)
        if inner is None:
            yield _row(key, item, _value(item, shape))
        elif inner in _APART:
            yield _row(key, item, "tables, below" if shape.kind == "list" else "table, below")
        elif shape.kind == "list":
            yield _row(key, item, "list of tables")
            yield from _rows(inner, f"{key}[].", set())
        else:
            yield from _rows(inner, f"{key}.", set())


def _table_in(shape: Shape) -> type[Model] | None:
    while shape.kind in ("list", "map"):
        shape = shape.element
    return cast("type[Model]", shape.type) if shape.kind == "table" else None


def _row(key: str, item: Declared, value: str) -> str:
    help_text = item.help.replace("|", "\\|")
    return f"| `{key}` | {value} | {_default(item.default)} | {help_text} |"


def _value(item: Declared, shape: Shape) -> str:
    if item.choices:
        return ", ".join(f"`{choice}`" for choice in item.choices)
    if shape.kind == "list":
        return "list of " + _value_name(shape.element) + "s"
    if shape.kind == "map":
        return "table of " + _value_name(shape.element) + "s"
    return _value_name(shape)


def _value_name(shape: Shape) -> str:
    if shape.type is Bandwidth:
        return "bandwidth"
    return _SCALARS.get(shape.type, "text")


def _default(value: Any) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`" if value else ""
    if isinstance(value, str | int) and value:
        return f"`{value}`"
    return ""
