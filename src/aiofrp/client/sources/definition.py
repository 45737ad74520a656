"""A proxy or visitor as the admin API shows it and the store keeps it (docs/protocol/client.md §6)."""

from __future__ import annotations

from typing import Any, Final

from aiofrp.config.models.model import Declared, Model, declared, fills, to_tree
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


def definition(config: ProxyConfig | VisitorConfig, *, completed: bool = True) -> dict[str, Any]:
    """Name, type, and under the type's name the whole configuration; see :func:`block`."""
    return {"name": config.name, "type": config.type, config.type: block(config, completed=completed)}


def block(config: Model, before: str = "", *, completed: bool = True) -> dict[str, Any]:
    """A table with the file's keys, secrets revealed. Without ``completed`` it has no defaults, only what was set."""
    table: dict[str, Any] = {}
    for item in declared(type(config)).values():
        if not completed and item.name not in config.given and _has_default(config, item):
            continue
        value, key = getattr(config, item.name), before + item.alias
        shown = block(value, f"{key}.", completed=completed) if isinstance(value, Model) else _plain(value)
        unlike_default = value is not None and not shown and (item.optional or item.default is True)
        if shown or unlike_default or key in _ALWAYS:
            table[item.alias] = shown
    return table


def _has_default(config: Model, item: Declared) -> bool:
    """Whether the value of an absent field is another than the zero value."""
    return item.default is True or any(item.name == name for name, _ in fills(type(config)))


def _plain(value: Any) -> Any:
    tree = to_tree(value)
    return dict(sorted(tree.items())) if isinstance(tree, dict) else tree
