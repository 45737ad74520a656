"""From a tree of plain values, whatever format it came from, to models.

Collects every problem in the reference's words (docs/protocol/configuration.md §1.2), with the path and what to write
instead. No file is read here; the registry leads to the model of each proxy type and plugin.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeVar, cast

from msgspec import Struct, field
from msgspec.structs import replace

from aiofrp import registry
from aiofrp.config.golang.literals import format_float, quote
from aiofrp.config.load import hints, syntax
from aiofrp.config.load.hints import About
from aiofrp.config.load.syntax import Syntax
from aiofrp.config.models.client import ClientConfig
from aiofrp.config.models.model import Model, WrongValues
from aiofrp.config.models.proxy import (
    PluginConfig,
    PluginKind,
    ProxyConfig,
    ProxyKind,
    VisitorConfig,
    VisitorPluginConfig,
)
from aiofrp.config.models.server import ServerConfig
from aiofrp.config.models.shape import folded, holder, shapes
from aiofrp.config.models.types import kind
from aiofrp.config.models.values import Shape, Wrong
from aiofrp.config.problem import InvalidConfig, Path, Problem

#: Values one document may have; YAML aliases can make a short file mean very many.
MAX_VALUES = 1_000_000

_OPEN = (PluginConfig, VisitorPluginConfig, ProxyConfig, VisitorConfig)  # whose model depends on ``type``

M = TypeVar("M", bound=Model)


class Rules(Struct, frozen=True):
    """How strictly a document is read."""

    strict: bool = True  #: unknown keys are problems
    ordered: bool = False  #: of keys that differ only in case the last counts, not the one that sorts last
    coerce: bool = False  #: numbers and booleans are taken as texts, as in YAML read leniently
    legacy: bool = False  #: a proxy without type and unknown plugins are accepted, as in INI files
    syntax: Syntax = ""  #: in which hints are written
    max_values: int = MAX_VALUES  #: values the document may have


_USUAL: Final = Rules()


class _Work(Struct):
    """One document being decoded."""

    rules: Rules
    about: About
    problems: list[Problem] = field(default_factory=list)
    values: int = 0  # limited by MAX_VALUES


class _Place(Struct, frozen=True):
    """Where in a document, and how the reference begins its texts there."""

    work: _Work
    path: Path = ()
    unknown: str = ""  # before the text for an unknown key
    wrong: str = ""  # before other texts; empty in the common part
    outer: str = (
        ""  # before the dotted place of a field in texts, with a dot: where the document is part of another
    )

    def report(self, message: str, path: Path = (), hint: str = "") -> None:
        """Keep a problem at ``path`` below this place; ``hint`` is what to write instead."""
        self.work.problems.append(Problem(message, self.path + path, hint))

    def below(self, *path: str | int) -> _Place:
        """The place at ``path`` below this one, with the same texts."""
        return replace(self, path=self.path + path)


# The documents


def decode_server(tree: object, rules: Rules = _USUAL) -> ServerConfig:
    """The configuration of frps; raises :class:`InvalidConfig` with all problems."""
    work = _Work(rules, About("frps", rules.syntax))
    table = _table(_Place(work), tree, "v1.ServerConfig")
    config = _build(_Place(work), ServerConfig, table)
    return _checked(config, work)


def decode_client(tree: object, rules: Rules = _USUAL) -> ClientConfig:
    """The configuration of frpc, proxies and visitors too; raises :class:`InvalidConfig` like the above."""
    work = _Work(rules, About("frpc", rules.syntax))
    place = _Place(work)
    table = dict(_table(place, tree, "v1.rawClientConfig"))
    proxies = _items(place, table, "proxies")
    visitors = _items(place, table, "visitors")
    values = _canonical(place, ClientConfig, table)
    values["proxies"] = [_proxy(place, item, index) for index, item in enumerate(proxies)]
    values["visitors"] = [_visitor(place, item, index) for index, item in enumerate(visitors)]
    if any(item is None for item in values["proxies"] + values["visitors"]):
        values |= {"proxies": (), "visitors": ()}  # reported already; the common part may have problems too
    return _checked(_validate(place, ClientConfig, values), work)


def decode_proxy(tree: object, rules: Rules = _USUAL) -> ProxyConfig:
    """One proxy, as a store or an API has it; raises :class:`InvalidConfig`."""
    work = _Work(rules, About("frpc", rules.syntax, ("proxies", 0)))
    return _checked(_proxy(_Place(work), tree), work)


def decode_visitor(tree: object, rules: Rules = _USUAL) -> VisitorConfig:
    """One visitor, as a store or an API has it; raises :class:`InvalidConfig`."""
    work = _Work(rules, About("frpc", rules.syntax, ("visitors", 0)))
    return _checked(_visitor(_Place(work), tree), work)


def decode_proxy_block(tree: object, name: str, rules: Rules = _USUAL) -> ProxyConfig:
    """The proxy of type ``name`` in a definition of the admin API, where the block ``name`` is ``tree``; raises
    :class:`InvalidConfig`."""
    model = registry.load(registry.PROXIES[name], ProxyKind).Config
    return _block(tree, name, rules, model, "proxy")


def decode_visitor_block(tree: object, name: str, rules: Rules = _USUAL) -> VisitorConfig:
    """The same for a visitor; ``name`` is a type that has visitors."""
    model = registry.load(registry.PROXIES[name], ProxyKind).VisitorConfig
    assert model is not None
    return _block(tree, name, rules, model, "visitor")


def _block(tree: object, name: str, rules: Rules, model: type[M], owner: str) -> M:
    base = ("proxies", 0) if owner == "proxy" else ("visitors", 0)
    work = _Work(rules, About("frpc", rules.syntax, base))
    here = _Place(work, outer=f"{name}.")
    if isinstance(tree, dict):
        return _checked(_with_plugin(here, model, tree, owner, ""), work)
    where = f"{owner.title()}Definition.{name} of type v1.{model.reference_name}"
    here.report(f"json: cannot unmarshal {kind(tree)} into Go struct field {where}")
    return _checked(None, work)


def _checked(config: M | None, work: _Work) -> M:
    if work.problems or config is None:
        raise InvalidConfig(work.problems)
    return config


def _table(place: _Place, tree: object, want: str) -> Mapping[str, Any]:
    if tree is None:
        return {}
    if isinstance(tree, dict):
        return tree
    place.report(f"json: cannot unmarshal {kind(tree)} into Go value of type {want}", hint=hints.NOT_A_TABLE)
    return {}


# Proxies, visitors, plugins


def _items(place: _Place, table: dict[str, Any], name: str) -> list[Any]:
    """Take a list of tables out of the document."""
    items: Any = None
    for key in _keys(place.work.rules, table):
        if key.lower() == name:
            items = table.pop(key)
    if items is None:
        return []
    if isinstance(items, list):
        return items
    message = f'field "{name}": cannot unmarshal {kind(items)} into []jsonx.RawMessage'
    place.report(message, (name,), syntax.tables_of(place.work.rules.syntax, name))
    return []


def _proxy(place: _Place, tree: object, index: int | None = None) -> ProxyConfig | None:
    before = "" if index is None else f"decode proxy at index {index}: "
    wrong = f"{before}unmarshal ProxyConfig error: "
    here = _Place(place.work, () if index is None else ("proxies", index), wrong, wrong)
    name = _type_of(here, tree, before)
    if name is None:
        return None
    legacy = place.work.rules.legacy and not name
    row = registry.PROXIES.get("tcp" if legacy else name)
    if row is None:
        here.report(f"{before}unknown proxy type: {name}", ("type",), hints.choice(name, registry.PROXIES))
        return None
    model = registry.load(row, ProxyKind).Config
    return _with_plugin(here, model, cast("dict[str, Any]", tree), "proxy", before)


def _visitor(place: _Place, tree: object, index: int | None = None) -> VisitorConfig | None:
    before = "" if index is None else f"decode visitor at index {index}: "
    wrong = f"{before}unmarshal VisitorConfig error: "
    here = _Place(place.work, () if index is None else ("visitors", index), wrong, wrong)
    name = _type_of(here, tree, before)
    if name is None:
        return None
    row = registry.PROXIES.get(name)
    model = registry.load(row, ProxyKind).VisitorConfig if row else None
    if model is None:
        known = [
            key for key, target in registry.PROXIES.items() if registry.load(target, ProxyKind).VisitorConfig
        ]
        here.report(f"{before}unknown visitor type: {name}", ("type",), hints.choice(name, known))
        return None
    return _with_plugin(here, model, cast("dict[str, Any]", tree), "visitor", before)


def _type_of(here: _Place, tree: object, before: str) -> str | None:
    """The ``type`` of a proxy or visitor; ``None`` after reporting that there cannot be one."""
    if tree is None:
        here.report(f"{before}type is required")
        return None
    if not isinstance(tree, dict):
        here.report(f"{before}json: cannot unmarshal {kind(tree)} into Go value of type v1.typedEnvelope")
        return None
    name = _take(here, dict(tree), "type")
    if name is None or isinstance(name, str):
        return name or ""
    here.report(f'{before}field "type": cannot unmarshal {kind(name)} into string', ("type",))
    return None


def _with_plugin(here: _Place, model: type[M], tree: dict[str, Any], owner: str, before: str) -> M | None:
    """Build a proxy or visitor (``owner``) after its plugin."""
    table = dict(tree)
    plugin = _take(here, table, "plugin")
    if isinstance(plugin, dict):
        name = _take(here, dict(plugin), "type")
        if name is None or isinstance(name, str):
            table["plugin"] = _typed_plugin(here, plugin, name or "", owner, before)
        else:
            _report_plugin(here, model, name, "plugin.type of type string")
    elif plugin is not None:
        _report_plugin(here, model, plugin, "plugin of type v1.typedEnvelope")
    return _build(here, model, table)


def _report_plugin(here: _Place, model: type[Model], value: object, what: str) -> None:
    where = f"{model.reference_name}.{here.outer}{holder(model, 'plugin')}"
    text = f"{here.wrong}json: cannot unmarshal {kind(value)} into Go struct field {where}.{what}"
    here.report(text, ("plugin",), syntax.plugin(here.work.rules.syntax))


def _typed_plugin(here: _Place, tree: dict[str, Any], name: str, owner: str, before: str) -> Model | None:
    rows = registry.CLIENT_PLUGINS if owner == "proxy" else registry.VISITOR_PLUGINS
    label = "plugin" if owner == "proxy" else "visitor plugin"
    options = "ClientPluginOptions" if owner == "proxy" else "VisitorPluginOptions"
    if name not in rows:
        if name and here.work.rules.legacy:
            return PluginConfig(type=name)
        message = f"unknown {label} type: {name}" if name else f"{label} type is empty"
        here.report(here.wrong + message, ("plugin", "type"), hints.choice(name, rows))
        return None
    inside = replace(
        here.below("plugin"),
        unknown=f"{before}unmarshal {owner} plugin error: unmarshal {options} error: ",
        wrong=f"{here.wrong}unmarshal {options} error: ",
        outer="",
    )
    return _build(inside, registry.load(rows[name], PluginKind).Config, tree)


def _take(here: _Place, table: dict[str, Any], name: str) -> Any:
    """Take the value of a key, in whatever case, out of a table."""
    value = None
    for key in _keys(here.work.rules, table):
        if key.lower() == name:
            taken = table.pop(key)
            value = value if taken is None else taken
    return value


# Tables


def _build(place: _Place, model: type[M], tree: Mapping[str, Any]) -> M | None:
    count = len(place.work.problems)
    config = _validate(place, model, _canonical(place, model, tree))
    return config if len(place.work.problems) == count else None


def _validate(place: _Place, model: type[M], values: dict[str, Any]) -> M | None:
    try:
        return model.model_validate(values)
    except WrongValues as error:
        for wrong in error.wrongs:
            _report_wrong(place, model, wrong)
        return None


def _keys(rules: Rules, tree: Mapping[str, Any]) -> Iterable[str]:
    return list(tree) if rules.ordered else sorted(tree)


def _canonical(place: _Place, model: type[Model], tree: Mapping[str, Any]) -> dict[str, Any]:
    """The table with keys as the model spells them, without nulls and without unknown keys."""
    fields, forms = folded(model), shapes(model)
    values: dict[str, Any] = {}
    for key in _keys(place.work.rules, tree):
        item = fields.get(key.lower())
        if item is None:
            if place.work.rules.strict:
                message = f"{place.unknown}json: unknown field {quote(key)}"
                place.report(message, (key,), hints.unknown_key(model, key, place.work.about, place.path))
        elif tree[key] is not None:
            value = _value(place.below(item.alias), forms[item.name], tree[key])
            if item.alias in values and not isinstance(value, dict):
                _validate(place, model, {item.alias: values[item.alias]})  # overruled, but read too
            values[item.alias] = _merged(values.get(item.alias), value)
    return values


def _merged(old: Any, new: Any) -> Any:
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **{key: _merged(old.get(key), value) for key, value in new.items()}}
    return new


def _value(place: _Place, shape: Shape, value: Any) -> Any:
    _count(place)
    if shape.kind == "table" and isinstance(value, dict) and not issubclass(shape.type, _OPEN):
        return _canonical(place, cast("type[Model]", shape.type), value)
    if shape.kind == "list" and isinstance(value, list):
        return [_element(place.below(index), shape.element, item) for index, item in enumerate(value)]
    if shape.kind == "map" and isinstance(value, dict):
        return {key: _element(place, shape.element, item) for key, item in value.items()}
    if shape.kind == "scalar" and place.work.rules.coerce and issubclass(shape.type, str):
        return _coerced(value)
    return value


def _element(place: _Place, shape: Shape, value: Any) -> Any:
    if value is None:  # an element that is null has the zero value
        return {} if shape.kind == "table" else shape.type()
    return _value(place, shape, value)


def _count(place: _Place) -> None:
    place.work.values += 1
    limit = place.work.rules.max_values
    if place.work.values > limit:
        raise InvalidConfig([Problem(f"the configuration has more than {limit} values", place.path)])


def _coerced(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return format_float(value) if isinstance(value, float) else value


# Problems


def _report_wrong(place: _Place, model: type[Model], wrong: Wrong) -> None:
    """Report a value of the wrong type in the reference's words."""
    path, names, struct, shape = _walk(model, wrong.path)
    if wrong.text:
        place.report(place.wrong + wrong.text, path, hints.BANDWIDTH)
        return
    got, want = wrong.got or kind(wrong.value), wrong.want
    if place.wrong or place.outer:
        owner = struct.reference_name or struct.__name__
        where = f"{owner}.{place.outer}{'.'.join(names)}"
        text = f"{place.wrong}json: cannot unmarshal {got} into Go struct field {where} of type {want}"
    else:
        text = f'field "{".".join(names)}": cannot unmarshal {got} into {want}'
    place.report(text, path, hints.wrong_type(shape, wrong.value, place.work.rules.syntax, path))


def _walk(model: type[Model], loc: tuple[str | int, ...]) -> tuple[Path, list[str], type[Model], Shape]:
    """Follow a place: its path, the reference's path, the table it is in, what belongs there."""
    struct, shape = model, Shape("table", model, "")
    names: list[str] = []
    for part in loc:
        if shape.kind == "table":
            struct = shape.type
            item = folded(struct)[str(part).lower()]
            names += _names(struct, item.name, item.alias)
            shape = shapes(struct)[item.name]
        elif shape.item is not None:
            shape = shape.item
    return loc, names, struct, shape


def _names(struct: type[Model], name: str, alias: str) -> Iterator[str]:
    embedded = holder(struct, name)
    if embedded:
        yield embedded
    yield alias
