"""The flags that configuration models declare, and the source text of the table made from them.

``scripts/flagtable`` writes that text to :mod:`aiofrp.config.flags.table`, which a program loads without the models.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from aiofrp import registry
from aiofrp.config.flags.parse import Flag
from aiofrp.config.models import model, shape
from aiofrp.config.models.client import ClientCommonConfig
from aiofrp.config.models.proxy import ProxyConfig, ProxyKind, VisitorConfig
from aiofrp.config.models.server import ServerConfig
from aiofrp.config.models.types import Bandwidth, Secret
from aiofrp.config.models.values import Shape

_KINDS = {str: "string", Secret: "string", int: "int", bool: "bool", Bandwidth: "bandwidth"}

_HEAD = '''"""The flags that set fields of a configuration, as the models declare them.

Made by ``scripts/flagtable``: a program shows its help from this table without loading the models.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aiofrp.config.flags.parse import Flag
'''


def flags_of(table: type[model.Model], above: str = "") -> Iterator[Flag]:
    """The flags that a model and the tables in it declare, in order; ``above`` goes before their paths."""
    for item in model.declared(table).values():
        form = shape.shapes(table)[item.name]
        if item.flag:
            yield _flag_of(table, item.name, item.flag, above)
        for path, flag in item.flags.items():
            *tables, name = path.split(".")
            inner = form.type
            for part in tables:
                inner = shape.shapes(inner)[part].type
            yield _flag_of(inner, name, flag, ".".join((above + item.name, *tables, "")))
        if form.kind == "table" and not item.flag and not item.optional:
            yield from flags_of(form.type, f"{above}{item.name}.")


def table_text() -> str:
    """The source of :mod:`aiofrp.config.flags.table`, before it is formatted."""
    kinds = {name: registry.load(row, ProxyKind) for name, row in registry.PROXIES.items()}
    proxy, visitor = tuple(flags_of(ProxyConfig)), tuple(flags_of(VisitorConfig))
    proxies = {name: _beyond(kind.Config, proxy) for name, kind in kinds.items()}
    visitors = {
        name: _beyond(kind.VisitorConfig, visitor) for name, kind in kinds.items() if kind.VisitorConfig
    }
    parts = [
        _HEAD,
        f'SERVER = {_tuple(tuple(flags_of(ServerConfig)))}\n"""The configuration of frps."""\n',
        f'CONNECTION = {_tuple(tuple(flags_of(ClientCommonConfig)))}\n"""How frpc reaches its server."""\n',
        f"_PROXY = {_tuple(proxy)}\n",
        f'PROXY: Final[Mapping[str, tuple[Flag, ...]]] = {_rows("_PROXY", proxies)}\n"""One proxy, by its type."""\n',
        f"_VISITOR = {_tuple(visitor)}\n",
        f"VISITOR: Final[Mapping[str, tuple[Flag, ...]]] = {_rows('_VISITOR', visitors)}\n"
        '"""One visitor, by its type."""\n',
    ]
    return "\n".join(parts)


def _flag_of(table: type[model.Model], name: str, flag: model.FieldFlag, above: str) -> Flag:
    item, form = model.declared(table)[name], shape.shapes(table)[name]
    kind = _kind_of(form)
    value: Any = item.default if flag.default is None else flag.default
    default = None if kind in ("map", "ports") else str(value) if kind in ("string", "bandwidth") else value
    return Flag(flag.name, kind, item.help.replace("`", ""), flag.short, default, above + name)


def _kind_of(form: Shape) -> str:
    if form.kind == "list":
        return "ports" if form.element.kind == "table" else "strings"
    return "map" if form.kind == "map" else _KINDS[form.type]


def _beyond(table: type[model.Model], common: Sequence[Flag]) -> tuple[Flag, ...]:
    """The flags of a type that not all types have."""
    return tuple(flag for flag in flags_of(table) if flag not in common)


def _rows(common: str, types: dict[str, tuple[Flag, ...]]) -> str:
    rows = (
        f'    "{name}": {_tuple(flags, f"    *{common},") if flags else common},\n'
        for name, flags in types.items()
    )
    return "{\n" + "".join(rows) + "}"


def _tuple(flags: Sequence[Flag], first: str = "") -> str:
    return "\n".join(["(", first, *(f"    {_source(flag)}," for flag in flags), ")"])


def _source(flag: Flag) -> str:
    """The call that makes ``flag``: what differs from the defaults, the first three without names."""
    words = [repr(flag.name), repr(flag.kind), repr(flag.help)]
    words += [
        f"{name}={getattr(flag, name)!r}"
        for name, default in flag._field_defaults.items()
        if getattr(flag, name) != default
    ]
    return f"Flag({', '.join(words)})"
