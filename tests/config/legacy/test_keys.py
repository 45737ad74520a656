"""The tables of keys agree with the models they lead to."""

from __future__ import annotations

from collections.abc import Mapping

from aiofrp import registry
from aiofrp.config.legacy import keys
from aiofrp.config.legacy.reader import Key, KeyKind
from aiofrp.config.models.client import ClientConfig
from aiofrp.config.models.model import Model, declared
from aiofrp.config.models.proxy import PluginKind, ProxyKind
from aiofrp.config.models.server import HttpPluginConfig, ServerConfig
from aiofrp.config.models.shape import shapes
from aiofrp.config.models.values import Shape

KINDS = {KeyKind.TEXT: str, KeyKind.NUMBER: int, KeyKind.FLAG: bool, KeyKind.LIST: tuple}


def shape_at(model: type[Model], path: str) -> Shape:
    """The shape of the field a path of keys leads to."""
    first, _, rest = path.partition(".")
    (item,) = [item for item in declared(model).values() if item.alias == first]
    shape = shapes(model)[item.name]
    return shape_at(shape.type, rest) if rest else shape


def check(table: Mapping[str, Key], model: type[Model]) -> None:
    for name, key in table.items():
        kind = shape_at(model, key.path).type
        assert kind.__name__ in ("Secret", "Bandwidth") or issubclass(kind, KINDS[key.kind]), (name, key)


def test_keys_of_the_programs_lead_to_fields() -> None:
    for model in (ServerConfig, ClientConfig):
        shared = {name: key for name, key in keys.COMMON.items() if name != "assets_dir"}
        check(shared, model)
    check(keys.SERVER, ServerConfig)
    check(keys.SERVER_PLUGIN, HttpPluginConfig)
    check(keys.CLIENT, ClientConfig)


def test_keys_of_proxies_visitors_and_plugins_lead_to_fields() -> None:
    for name, table in keys.PROXIES.items():
        config = registry.load(registry.PROXIES[name], ProxyKind).Config
        check(keys.PROXY, config)
        check(table, config)
    for name, table in keys.VISITORS.items():
        visitor = registry.load(registry.PROXIES[name], ProxyKind).VisitorConfig
        assert visitor is not None
        check(keys.VISITOR, visitor)
        check(table, visitor)
    for name, table in keys.PLUGINS.items():
        check(table, registry.load(registry.CLIENT_PLUGINS[name], PluginKind).Config)


def test_every_plugin_is_old_or_newer() -> None:
    assert keys.PLUGINS.keys() | keys.NEWER_PLUGINS == registry.CLIENT_PLUGINS.keys()
    assert not keys.PLUGINS.keys() & keys.NEWER_PLUGINS
