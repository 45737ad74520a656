"""Generated configurations: our ``verify`` and the reference's agree.

Runs only where ``FRP_GO_BIN`` names the folder of the reference's programs (frps and frpc, 0.70.1).
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aiofrp import registry
from aiofrp.config.load.verify import verify
from aiofrp.config.models.client import ClientConfig
from aiofrp.config.models.model import Model, declared
from aiofrp.config.models.proxy import (
    PluginConfig,
    PluginKind,
    ProxyConfig,
    ProxyKind,
    VisitorConfig,
    VisitorPluginConfig,
)
from aiofrp.config.models.server import ServerConfig
from aiofrp.config.models.shape import shapes
from aiofrp.config.models.types import Bandwidth
from aiofrp.config.models.values import Shape
from aiofrp.config.tools.tomlwriter import key_text, value_text
from tests.support.peers import needs_go

EXAMPLES = int(os.environ.get("FRP_EXAMPLES", "200"))
REFERENCE = os.environ.get("FRP_GO_BIN", "")
pytestmark = needs_go

WRONG: list[Any] = [0, -1, 7, 7.0, 7.5, 70000, 1e30, "", "x", "7", "true", True, False, None]
WRONG += [[], {}, ["a"], {"a": "b"}]
WORDS = ["", "a", "b", "10 KB", "http", "tcp", "v1", "client", "./", "/", "*", "x.org/a", "http://a/", "A b"]
RATES = ["", "1MB", "1.5KB", " 2MB ", "1e1KB", "1", "x MB", "+1MB", "0x1p1KB", "1_0KB"]
KEYS = ["a", "B-c", "x.org/y", "A b", "", "scope", "VirtualNet"]


def _scalar(shape: Shape, choices: tuple[str, ...]) -> st.SearchStrategy[Any]:
    if shape.type is int:
        return st.sampled_from([0, 1, -1, 80, 65535, 65536, 70000])
    if shape.type is bool:
        return st.booleans()
    if shape.type is Bandwidth:
        return st.sampled_from(RATES)
    return st.sampled_from([*choices, *choices, *WORDS])


def _value(shape: Shape, choices: tuple[str, ...] = ()) -> st.SearchStrategy[Any]:
    if shape.kind == "list":
        return st.lists(_value(shape.element), max_size=2)
    if shape.kind == "map":
        return st.dictionaries(st.sampled_from(KEYS), _value(shape.element), max_size=2)
    if shape.kind == "table":
        return _typed(shape.type) if shape.type in OPEN else _table(shape.type)
    return _scalar(shape, choices)


def _typed(model: type[Model]) -> st.SearchStrategy[Any]:
    return st.one_of([_table(variant, name) for name, variant in OPEN[model]()])


def _parts(part: str) -> list[tuple[str, Any]]:
    rows = [(name, getattr(registry.load(row, ProxyKind), part)) for name, row in registry.PROXIES.items()]
    return [(name, model) for name, model in rows if model]


def _plugins(rows: dict[str, str]) -> list[tuple[str, Any]]:
    return [(name, registry.load(row, PluginKind).Config) for name, row in rows.items()]


OPEN: dict[type, Any] = {
    ProxyConfig: lambda: _parts("Config"),
    VisitorConfig: lambda: _parts("VisitorConfig"),
    PluginConfig: lambda: _plugins(registry.CLIENT_PLUGINS),
    VisitorPluginConfig: lambda: _plugins(registry.VISITOR_PLUGINS),
}


@st.composite
def _table(draw: st.DrawFn, model: type[Model], name: str = "") -> dict[str, Any]:
    items = [item for item in declared(model).values() if not item.ours]
    tree: dict[str, Any] = {}
    for item in draw(st.lists(st.sampled_from(items), max_size=4, unique_by=lambda item: item.name)):
        shape = shapes(model)[item.name]
        wrong = draw(st.integers(0, 14)) == 0
        value = draw(st.sampled_from(WRONG)) if wrong else draw(_value(shape, item.choices))
        key = (
            item.alias if draw(st.integers(0, 9)) else draw(st.sampled_from([item.alias.upper(), item.name]))
        )
        tree[key] = value
    if name and draw(st.integers(0, 14)):
        tree = {key: value for key, value in tree.items() if key.lower() != "type"} | {"type": name}
    if "name" in declared(model) and "NAME" not in tree and draw(st.integers(0, 9)):
        tree["name"] = draw(st.sampled_from(["p", "q", "r", "s"]))
    return tree


def _without_null(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_null(item) for key, item in value.items() if item is not None}
    return [_without_null(item) for item in value if item is not None] if isinstance(value, list) else value


def _toml(tree: dict[str, Any]) -> str:
    return "".join(f"{key_text(key)} = {value_text(value)}\n" for key, value in _without_null(tree).items())


FORMATS: dict[str, Any] = {
    "toml": _toml,
    "json": json.dumps,
    "yaml": lambda tree: yaml.safe_dump(tree, default_flow_style=False),
}


def _reference(program: str, path: str, *, strict: bool) -> tuple[int, str]:
    command = [f"{REFERENCE}/{program}", "verify", "-c", path, f"--strict-config={str(strict).lower()}"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    return run.returncode, run.stdout


def _lines(answer: str) -> list[str]:
    """The lines of an answer. The first of the warnings begins with ``WARNING:``."""
    return [line.removeprefix("WARNING: ") for line in answer.splitlines()]


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data(), st.sampled_from(["frps", "frpc"]), st.sampled_from(sorted(FORMATS)), st.booleans())
def test_verify_agrees(data: st.DataObject, program: str, format: str, strict: bool) -> None:
    tree = data.draw(_table(ServerConfig if program == "frps" else ClientConfig))
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        path = Path(folder) / f"c.{format}"
        path.write_text(FORMATS[format](tree))
        theirs, said = _reference(program, str(path), strict=strict)
        ours, answer = verify(program, str(path), strict=strict)  # type: ignore[arg-type]  # the two literals
    if theirs == 0 and ours == 0:
        lines, wanted = _lines(answer), _lines(said)
        assert [line for line in lines if line in wanted] == wanted  # ours has more warnings
        return
    if theirs and not ours and format == "yaml" and not strict and "string" in said:
        return  # read leniently, a number is a text in some fields of the reference; it is in all of ours
    if ours and not theirs and "serverAddr: write serverAddr = " in answer:
        return  # an address that no look-up finds is refused at once
    assert ours == theirs, f"{said}\n{answer}"
    first = said.splitlines()[0]
    if strict and not first.startswith("error unmarshaling"):
        assert first in answer, f"{said}\n{answer}"
