"""The table of flags is what the models declare."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from aiofrp import registry
from aiofrp.cli import flagtable
from aiofrp.cli.flags import Flag
from aiofrp.config.models import model, shape
from aiofrp.config.models.client import ClientCommonConfig
from aiofrp.config.models.proxy import ProxyKind, VisitorConfig
from aiofrp.config.models.server import ServerConfig
from aiofrp.config.models.types import Bandwidth, Secret

_KINDS = {str: "string", Secret: "string", int: "int", bool: "bool", Bandwidth: "bandwidth"}


def declared_flags(table: type[model.Model], above: str = "") -> Iterator[Flag]:
    """The flags a model and the tables in it declare."""
    for item in model.declared(table).values():
        form = shape.shapes(table)[item.name]
        if item.flag:
            yield flag_of(table, item.name, item.flag, above)
        for path, flag in item.flags.items():
            *tables, name = path.split(".")
            inner = form.type
            for part in tables:
                inner = shape.shapes(inner)[part].type
            yield flag_of(inner, name, flag, ".".join((above + item.name, *tables, "")))
        if form.kind == "table" and not item.flag and not item.optional:
            yield from declared_flags(form.type, f"{above}{item.name}.")


def flag_of(table: type[model.Model], name: str, flag: model.Flag, above: str) -> Flag:
    item, form = model.declared(table)[name], shape.shapes(table)[name]
    kind = kind_of(form)
    value: Any = item.default if flag.default is None else flag.default
    default = None if kind in ("map", "ports") else str(value) if kind in ("string", "bandwidth") else value
    return Flag(flag.name, kind, item.help.replace("`", ""), flag.short, default, above + name)


def kind_of(form: shape.Shape) -> str:
    if form.kind == "list":
        return "ports" if form.element.kind == "table" else "strings"
    return "map" if form.kind == "map" else _KINDS[form.type]


PROXIES = {name: registry.load(target, ProxyKind) for name, target in registry.PROXIES.items()}


def test_flags_of_the_server() -> None:
    assert set(flagtable.SERVER) == set(declared_flags(ServerConfig))


def test_flags_of_the_connection() -> None:
    assert set(flagtable.CONNECTION) == set(declared_flags(ClientCommonConfig))


def test_every_type_has_its_flags() -> None:
    assert flagtable.PROXY.keys() == registry.PROXIES.keys()


@pytest.mark.parametrize("name", flagtable.PROXY)
def test_flags_of_a_proxy(name: str) -> None:
    assert set(flagtable.PROXY[name]) == set(declared_flags(PROXIES[name].Config))


@pytest.mark.parametrize("name", [name for name, row in PROXIES.items() if row.VisitorConfig])
def test_flags_of_a_visitor(name: str) -> None:
    model = PROXIES[name].VisitorConfig
    assert model is not None
    declared = set(declared_flags(VisitorConfig)) | set(declared_flags(model))
    assert set(flagtable.VISITOR) == declared


def test_no_flag_stands_twice_in_a_command() -> None:
    for flags in (
        flagtable.SERVER,
        flagtable.VISITOR,
        *(flagtable.CONNECTION + p for p in flagtable.PROXY.values()),
    ):
        assert len({flag.name for flag in flags}) == len(flags)
        short = [flag.short for flag in flags if flag.short]
        assert len(set(short)) == len(short)
