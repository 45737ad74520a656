"""The keys of INI files, for people: where a field of the new format stands, and what an unknown key may be."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, Literal, TypeAlias

from aiofrp.config.legacy import keys
from aiofrp.config.legacy.reader import Key
from aiofrp.config.near import nearest, plain
from aiofrp.config.problem import Path

Program: TypeAlias = Literal["frps", "frpc"]

_NO_EFFECT: Final = "is not known here and has no effect"

_COMMON: Final = "in [common]"
_MOST: Final = 3  # places that are listed

#: Sections: the program whose file has them, where that is, the type they are of, their keys.
_Section: TypeAlias = tuple[Program, str, str, Collection[str]]


def explain(program: Program, section: str, key: str, known: Collection[str]) -> str:
    """Why a key of a section has no effect, and what may be meant.

    ``known``: the keys this section may have.
    """
    if key in keys.HINTS:
        return keys.HINTS[key]
    spelt = {plain(name): name for name in known}
    meant = spelt.get(plain(key), "")
    place = "" if meant else _place(program, section, key)
    meant = meant or ("" if place else nearest(key, known))
    more = f"; did you mean {meant}?" if meant else f"; it belongs {place}" if place else ""
    return _NO_EFFECT + more


def _place(program: Program, section: str, key: str) -> str:
    """Where a key belongs that this section has not; empty if nowhere, or in too many places."""
    owners: dict[tuple[Program, str], list[str]] = {}
    for owner, name, kind, names in _sections():
        if plain(key) in {plain(known) for known in names}:
            owners.setdefault((owner, name), []).extend([kind] if kind else [])
    own = [_typed(name, kinds) for (owner, name), kinds in owners.items() if owner == program]
    others = [f"to {owner}" for owner, name in owners if owner != program and name == _COMMON]
    if section != "common" and _COMMON in own:
        return _COMMON
    found = [*own, *(others[:1] if section == "common" or not own else [])]
    return ", or ".join(found) if len(found) <= _MOST else ""


def _typed(name: str, kinds: list[str]) -> str:
    return f"{name} of type {', '.join(kinds)}" if kinds else name


def _sections() -> Iterator[_Section]:
    yield "frps", _COMMON, "", {*keys.COMMON, *keys.SERVER, *keys.SERVER_APART}
    yield "frpc", _COMMON, "", {*keys.COMMON, *keys.CLIENT, *keys.CLIENT_APART}
    yield "frps", "to a section [plugin.…]", "", keys.SERVER_PLUGIN
    yield "frpc", "to a proxy", "", {*keys.PROXY, *keys.PROXY_APART}
    for kind, table in keys.PROXIES.items():
        yield "frpc", "to a proxy", kind, set(table) - set(keys.PROXY)
    yield "frpc", "to a visitor", "", set(keys.VISITOR)
    for kind, table in keys.VISITORS.items():
        yield "frpc", "to a visitor", kind, set(table)


def written(tree: Any, path: Path) -> Path:
    """The place of a field as an INI file has it: ``[web] custom_domains`` for ``proxies[2].customDomains``.

    ``tree``: what the file was turned into. A field that has no key of its own keeps its path.
    """
    section, item, rest = "common", {}, path
    if len(path) > 1 and path[0] in ("proxies", "visitors"):
        item, rest = tree[path[0]][path[1]], path[2:]
        section = str(item["name"])
    name = _names(str(path[0]) if item else "", item).get(".".join(map(str, rest)))
    return (f"[{section}] {name}",) if name else path


def _names(kind: str, item: Mapping[str, Any]) -> Mapping[str, str]:
    """The keys of a section by the paths of the fields they set."""
    tables: list[Mapping[str, Key]]
    if not kind:
        tables = [keys.SERVER, keys.CLIENT, keys.COMMON]
    elif kind == "visitors":
        tables = [keys.VISITORS.get(item["type"], {}), keys.VISITOR]
    else:
        tables = [keys.PROXIES.get(item["type"] or "tcp", {}), keys.PROXY]
    found = {key.path: name for table in tables for name, key in table.items() if key.path}
    plugin = item.get("plugin", {}).get("type", "")
    found |= {f"plugin.{key.path}": name for name, key in keys.PLUGINS.get(plugin, {}).items()}
    return {**found, "type": "type"}
