"""Every key of both programs' files: in which table it stands, and for which types. Asked only when there is a
problem."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, TypeAlias

from msgspec import Struct

from aiofrp import registry
from aiofrp.config.models.client import ClientCommonConfig
from aiofrp.config.models.model import Model, declared
from aiofrp.config.models.proxy import PluginConfig, PluginKind, ProxyConfig, ProxyKind, VisitorConfig
from aiofrp.config.models.server import ServerConfig
from aiofrp.config.models.shape import shapes
from aiofrp.config.near import plain

if TYPE_CHECKING:
    from aiofrp.config.legacy.reader import Key

Program = Literal["frps", "frpc"]

Tables: TypeAlias = tuple[str, ...]
"""The tables around a key from the top of the file; ``proxies[]`` is an element of the list ``proxies``."""

_OPEN = (PluginConfig, ProxyConfig, VisitorConfig)  # the type decides which keys these have


class Known(Struct, frozen=True):
    """A key of the models and the path of its table."""

    program: Program
    tables: Tables
    key: str
    types: tuple[str, ...] = ()  #: of proxies, visitors or plugins that have it; empty where all have

    @property
    def path(self) -> str:
        """The whole path with dots, such as ``proxies[].transport.useEncryption``."""
        return ".".join((*self.tables, self.key))


def places(key: str) -> list[Known]:
    """All places of a key, however it is spelt; also by the end of its path (``tls_enable``), and, where there are
    none, by its name in INI files."""
    exact, old = _index(*(tuple(table.items()) for table in _tables()))
    return exact.get(plain(key)) or old.get(plain(key)) or []


def keys() -> list[Known]:
    """All keys of the files of frpc and frps."""
    found: dict[tuple[Program, Tables, str], tuple[str, ...]] = {}
    for program, tables, key, kind in _walk_all():
        place = (program, tables, key)
        found[place] = (*found.get(place, ()), *([kind] if kind else []))
    everyone = {(tables, types) for (_, tables, key), types in found.items() if key == "type" and types}
    return [
        Known(*place, () if (place[1][: 1 + ("plugin" in place[1])], types) in everyone else types)
        for place, types in found.items()
    ]


_Index: TypeAlias = Mapping[str, list[Known]]


@lru_cache(maxsize=1)
def _index(*tables: object) -> tuple[_Index, _Index]:
    """The keys by plain name, and by plain name in INI files. ``tables``: the registry, which programs may extend."""
    exact: dict[str, list[Known]] = defaultdict(list)
    old: dict[str, list[Known]] = defaultdict(list)
    by_path: dict[tuple[Program, str], Known] = {}
    for known in keys():
        by_path[known.program, known.path] = known
        for name in _ends(known):
            exact[name].append(known)
    for program, name, path in _ini_names():
        if (found := by_path.get((program, path))) and found not in old[plain(name)]:
            old[plain(name)].append(found)
    return exact, old


def _tables() -> tuple[Mapping[str, str], ...]:
    return registry.PROXIES, registry.CLIENT_PLUGINS, registry.VISITOR_PLUGINS


def _ends(known: Known) -> Iterator[str]:
    """The key alone and behind the tables around it, as far as these are in no list."""
    name = plain(known.key)
    yield name
    for table in reversed(known.tables):
        if table.endswith("[]"):
            return
        name = plain(table) + name
        yield name


def _walk_all() -> Iterator[tuple[Program, Tables, str, str]]:
    yield from (("frps", tables, key, "") for tables, key in _walk(ServerConfig, ()))
    yield from (("frpc", tables, key, "") for tables, key in _walk(ClientCommonConfig, ()))
    yield from (("frpc", (), name, "") for name in ("proxies", "visitors"))
    for kind, row in registry.PROXIES.items():
        proxy = registry.load(row, ProxyKind)
        yield from (("frpc", *place, kind) for place in _walk(proxy.Config, ("proxies[]",)))
        if proxy.VisitorConfig:
            yield from (("frpc", *place, kind) for place in _walk(proxy.VisitorConfig, ("visitors[]",)))
    for owner, rows in (("proxies[]", registry.CLIENT_PLUGINS), ("visitors[]", registry.VISITOR_PLUGINS)):
        for kind, row in rows.items():
            plugin = registry.load(row, PluginKind)
            yield from (("frpc", *place, kind) for place in _walk(plugin.Config, (owner, "plugin")))


def _walk(model: type[Model], tables: Tables) -> Iterator[tuple[Tables, str]]:
    for name, shape in shapes(model).items():
        key = declared(model)[name].alias
        yield tables, key
        inner = shape.element if shape.kind == "list" else shape
        if issubclass(inner.type, Model) and not issubclass(inner.type, _OPEN):
            yield from _walk(inner.type, (*tables, f"{key}[]" if shape.kind == "list" else key))


def _ini_names() -> Iterator[tuple[Program, str, str]]:
    """The names of keys in INI files with the paths they stand for."""
    from aiofrp.config.legacy import keys as ini  # here, as only hints need them

    sections: list[tuple[Program, str, Mapping[str, Key]]] = [
        ("frps", "", ini.COMMON),
        ("frpc", "", ini.COMMON),
        ("frps", "", ini.SERVER),
        ("frpc", "", ini.CLIENT),
        ("frpc", "proxies[].", ini.PROXY),
        ("frpc", "visitors[].", ini.VISITOR),
        *((("frpc", "proxies[].", table)) for table in ini.PROXIES.values()),
        *((("frpc", "visitors[].", table)) for table in ini.VISITORS.values()),
        *((("frpc", "proxies[].plugin.", table)) for table in ini.PLUGINS.values()),
    ]
    for program, before, table in sections:
        yield from ((program, name, before + key.path) for name, key in table.items())
