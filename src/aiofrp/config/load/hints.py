"""What to write instead: one short sentence for each kind of mistake. Used only when there is a problem."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

from aiofrp import registry
from aiofrp.config.models.client import ClientCommonConfig
from aiofrp.config.models.model import Model, declared
from aiofrp.config.models.proxy import PluginConfig, ProxyConfig, ProxyKind, VisitorConfig
from aiofrp.config.models.server import ServerConfig
from aiofrp.config.models.shape import Shape, shapes
from aiofrp.config.models.types import kind

NOT_A_TABLE = "a configuration is a table of keys and values"
BANDWIDTH = "write a number and KB or MB, such as 500KB or 1.5MB"

_FEW = 8  # keys that are listed

_DEPTH = 4  # tables inside tables that are searched for a key


def unknown_key(model: type[Model], key: str) -> str:
    """Where an unknown key may belong: a field with nearly that name, one elsewhere, another type's field."""
    names = [item.alias for item in declared(model).values()]
    plain = {_squashed(name): name for name in names}
    if _squashed(key) in plain:
        return f'did you mean "{plain[_squashed(key)]}"?'
    elsewhere = [path for path in _paths(model) if _squashed(path).endswith(_squashed(key))]
    if elsewhere and len(key) > 2:
        return f'did you mean "{min(elsewhere, key=len)}"?'
    types = _types_with(model, key)
    if types:
        return f"a field of type {', '.join(types)}"
    near = nearest(key, names)
    if near:
        return f'did you mean "{near}"?'
    if not issubclass(model, PluginConfig) and _squashed(key) in _top_level():
        return "belongs at the top of the file, above the first table"
    return f"known here: {', '.join(names)}" if len(names) <= _FEW else ""


def choice(text: str, known: Iterable[str]) -> str:
    """The nearest of the known texts, or all of them."""
    near = nearest(text, known)
    return f'did you mean "{near}"?' if near else "write one of: " + ", ".join(known)


def nearest(text: str, known: Iterable[str]) -> str:
    """The known text most similar to ``text``; empty if none is similar."""
    folded = {name.lower(): name for name in known}
    found = difflib.get_close_matches(text.lower(), folded, n=1, cutoff=0.7)
    return folded[found[0]] if found else ""


def wrong_type(shape: Shape, value: object) -> str:
    """An example of a value of the type that is wanted."""
    if shape.kind == "list":
        return "write a list in brackets, such as [" + ('"a", "b"]' if kind(value) == "string" else "…]")
    if shape.kind in ("table", "map"):
        return "write a table of keys and values"
    if shape.type is bool:
        return "write true or false, without quotes"
    if shape.type is int:
        return "write a whole number, without quotes"
    return "write the text in quotes" if kind(value) in ("number", "bool") else "write one text in quotes"


def _squashed(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "").replace(".", "")


def _top_level() -> set[str]:
    return {
        _squashed(item.alias) for top in (ServerConfig, ClientCommonConfig) for item in declared(top).values()
    }


def _paths(model: type[Model], depth: int = _DEPTH) -> Iterator[str]:
    for name, shape in shapes(model).items():
        alias = declared(model)[name].alias
        yield alias
        if shape.kind == "table" and depth:
            for path in _paths(shape.type, depth - 1):
                yield f"{alias}.{path}"


def _types_with(model: type[Model], key: str) -> list[str]:
    """The proxy or visitor types that do have a field."""
    if not issubclass(model, ProxyConfig | VisitorConfig):
        return []
    part = "Config" if issubclass(model, ProxyConfig) else "VisitorConfig"
    types = ((name, getattr(registry.load(row, ProxyKind), part)) for name, row in registry.PROXIES.items())
    return [
        name
        for name, other in types
        if other and _squashed(key) in {_squashed(item.alias) for item in declared(other).values()}
    ]
