"""A proxy or visitor as the admin API shows it and the store keeps it (docs/protocol/client.md §6)."""

from __future__ import annotations

from typing import Any, Final

from aiofrp.config.models.model import Model, declared, to_tree
from aiofrp.config.models.proxy import ProxyConfig, VisitorConfig

#: Keys that are there even when their value is empty; other empty values are left out.
_ALWAYS: Final = frozenset(
    {
        "name",
        "type",
        "transport",
        "transport.bandwidthLimit",
        "loadBalancer",
        "loadBalancer.group",
        "healthCheck",
        "healthCheck.type",
        "healthCheck.intervalSeconds",
        "plugin",
        "plugin.requestHeaders",
        "requestHeaders",
        "responseHeaders",
    }
)


def definition(config: ProxyConfig | VisitorConfig) -> dict[str, Any]:
    """Name, type, and under the type's name the whole configuration."""
    return {"name": config.name, "type": config.type, config.type: block(config)}


def block(config: Model, before: str = "") -> dict[str, Any]:
    """A table with the file's keys, secrets revealed."""
    table: dict[str, Any] = {}
    for item in declared(type(config)).values():
        value, key = getattr(config, item.name), before + item.alias
        shown = block(value, f"{key}.") if isinstance(value, Model) else to_tree(value)
        unlike_default = value is not None and not value and (item.optional or item.default is True)
        if shown or unlike_default or key in _ALWAYS:
            table[item.alias] = shown
    return table
