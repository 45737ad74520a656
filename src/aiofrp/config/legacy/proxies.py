"""A section of frpc.ini as a proxy or a visitor (docs/protocol/configuration.md §3.4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aiofrp.config.legacy import keys
from aiofrp.config.legacy.reader import SectionReader, Tree, put
from aiofrp.config.models.types import Bandwidth
from aiofrp.errors import ConfigError

_POSITIVE: Final = ("maxRetriesAnHour", "minRetryInterval", "fallbackTimeoutMs")
"""Fields of a visitor that fall back to their default at zero and below."""


def convert_proxy(reader: SectionReader) -> Tree:
    """A proxy in the new format. Raises :class:`~aiofrp.errors.ConfigError`."""
    kind = reader.text("type")
    further = keys.PROXIES.get(kind or "tcp")
    if further is None:
        raise _failed(reader, f"invalid type [{kind}]")
    tree: Tree = {"name": reader.section, "type": kind}
    reader.fill(tree, keys.PROXY)
    reader.fill(tree, further)
    _bandwidth(reader, tree)
    _put_prefixed(reader, tree, "meta_", "metadatas")
    if kind == "http":
        _put_prefixed(reader, tree, "header_", "requestHeaders.set")
    plugin = reader.text("plugin")
    parameters = reader.with_prefix("plugin_")
    if plugin:
        tree["plugin"] = _plugin(reader, plugin, parameters)
    return tree


def convert_visitor(reader: SectionReader) -> Tree:
    """A visitor in the new format. Raises :class:`~aiofrp.errors.ConfigError`."""
    kind = reader.text("type")
    further = keys.VISITORS.get(kind)
    if further is None:
        reason = f"type [{kind}] error" if kind else "type shouldn't be empty"
        raise ConfigError(f"failed to parse visitor {reader.section}, err: {reason}")
    tree: Tree = {"name": reader.section, "type": kind}
    reader.fill(tree, keys.VISITOR)
    reader.fill(tree, further)
    for name in _POSITIVE:
        if tree.get(name, 1) <= 0:
            del tree[name]
    return tree


def _bandwidth(reader: SectionReader, tree: Tree) -> None:
    try:
        limit = Bandwidth.parse(reader.text("bandwidth_limit"))
    except ValueError as error:
        raise _failed(reader, str(error)) from None
    if limit:
        put(tree, "transport.bandwidthLimit", limit.text)


def _put_prefixed(reader: SectionReader, tree: Tree, prefix: str, path: str) -> None:
    found = reader.with_prefix(prefix)
    if found:
        put(tree, path, found)


def _plugin(reader: SectionReader, name: str, parameters: Mapping[str, str]) -> Tree:
    """A plugin's table; a plugin that the reference lacks has a type and nothing else."""
    if name in keys.NEWER_PLUGINS:
        raise _failed(reader, f"plugin [{name}] has no INI form; use toml, yaml or json")
    tree: Tree = {"type": name}
    for key, field in keys.PLUGINS.get(name, {}).items():
        value = parameters.get(key.removeprefix("plugin_"))
        if value:
            tree[field.path] = value
    prefix = "header_"
    headers = {key.removeprefix(prefix): value for key, value in parameters.items() if key.startswith(prefix)}
    headers.pop("", None)
    if headers and name in keys.HEADER_PLUGINS:
        put(tree, "requestHeaders.set", headers)
    return tree


def _failed(reader: SectionReader, reason: str) -> ConfigError:
    return ConfigError(f"failed to parse proxy {reader.section}, err: {reason}")
