from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from aiofrp import registry
from aiofrp.config.models.client import ClientConfig
from aiofrp.config.models.model import Model, WrongValues, declared, to_tree
from aiofrp.config.models.proxy import PluginKind, ProxyKind
from aiofrp.config.models.server import ServerConfig
from aiofrp.config.models.shape import shapes
from aiofrp.proxy.http import HttpConfig
from aiofrp.proxy.tcp import TcpConfig


def _models(model: type[Model]) -> set[type[Model]]:
    found = {model}
    for shape in shapes(model).values():
        inner = shape.item if shape.kind in ("list", "map") and shape.item else shape
        if inner.kind == "table":
            found |= _models(inner.type)
    return found


def _all_models() -> set[type[Model]]:
    tops: list[type[Model]] = [ServerConfig, ClientConfig]
    for row in registry.PROXIES.values():
        kind = registry.load(row, ProxyKind)
        tops += [part for part in (kind.Config, kind.VisitorConfig) if part]
    tops += [
        registry.load(row, PluginKind).Config
        for row in (*registry.CLIENT_PLUGINS.values(), *registry.VISITOR_PLUGINS.values())
    ]
    return {model for top in tops for model in _models(top)}


# Declarations


def test_every_field_is_explained_in_one_sentence() -> None:
    for model in _all_models():
        for item in declared(model).values():
            assert item.help.endswith("."), (model, item.name)
            assert len(item.help) <= 110, (model, item.name)


def test_attributes_are_the_keys_in_snake_case() -> None:
    for model in _all_models():
        for item in declared(model).values():
            assert item.name.replace("_", "") == item.alias.lower(), model


def test_keys_of_a_model_differ_in_more_than_case() -> None:
    for model in _all_models():
        aliases = [item.alias.lower() for item in declared(model).values()]
        assert len(aliases) == len(set(aliases)), model


def test_defaults_are_allowed_values() -> None:
    for model in _all_models():
        for item in declared(model).values():
            assert not item.choices or item.default in (*item.choices, ""), (model, item.name)


# Models


def test_models_are_frozen_and_comparable() -> None:
    proxy = TcpConfig(name="a", local_port=1)
    assert proxy == TcpConfig(name="a", local_port=1, remote_port=0)
    assert proxy != TcpConfig(name="a", local_port=2)
    with pytest.raises(FrozenInstanceError):
        proxy.name = "b"
    with pytest.raises(FrozenInstanceError):
        del proxy.name


def test_a_copy_has_other_values_and_leaves_the_model_as_it_is() -> None:
    proxy = TcpConfig(name="a")
    other = proxy.model_copy(update={"remote_port": 5})
    assert (proxy.remote_port, other.remote_port, other.name) == (0, 5, "a")
    assert sorted(proxy.given) == ["name"]
    assert sorted(other.given) == ["name", "remote_port"]
    assert copy.deepcopy(other) == other
    assert pickle.loads(pickle.dumps(other)) == other


def test_models_are_shown_with_their_values_but_not_with_secrets() -> None:
    shown = repr(ServerConfig(auth={"token": "hunter2"}))  # type: ignore[arg-type]  # as in files
    assert "bind_port=7000" in shown
    assert "token='***'" in shown
    assert "hunter2" not in shown


def test_everything_that_is_wrong_is_named_with_its_place() -> None:
    tree: dict[str, Any] = {"name": 5, "transport": {"useEncryption": "yes"}, "metadatas": {"a": 1}, "b": 1}
    with pytest.raises(WrongValues) as caught:
        TcpConfig.model_validate(tree)
    assert [(wrong.path, wrong.want, wrong.text) for wrong in caught.value.wrongs] == [
        (("name",), "string", ""),
        (("transport", "useEncryption"), "bool", ""),
        (("metadatas", "a"), "string", ""),
        (("b",), "", "unknown key"),
    ]
    assert "name: cannot unmarshal number into string" in str(caught.value)


def test_a_wrong_name_is_refused() -> None:
    with pytest.raises(WrongValues):
        TcpConfig(nmae="a")  # type: ignore[call-arg]  # what is tested


def test_an_explicit_false_stays() -> None:
    assert ServerConfig(detailed_errors_to_client=False).detailed_errors_to_client is False
    assert ClientConfig(login_fail_exit=False).login_fail_exit is False


def test_a_proxy_of_an_ini_file_may_have_no_type() -> None:
    assert (TcpConfig(type="").type, TcpConfig().type) == ("", "tcp")


def test_trees_have_the_keys_of_the_file() -> None:
    tree = to_tree(HttpConfig(name="w", http_password="p", request_headers={"set": {"A": "1"}}))  # type: ignore[arg-type]  # as in files
    assert (tree["httpPassword"], tree["requestHeaders"]) == ("p", {"set": {"A": "1"}})
    assert tree["plugin"] is None
    assert list(tree)[:2] == ["name", "type"]
    assert to_tree(HttpConfig(http_password="p"), reveal=False)["httpPassword"] == "***"  # type: ignore[arg-type]  # likewise


# What it costs


def test_the_package_alone_imports_no_models() -> None:
    code = "import sys, aiofrp; raise SystemExit('aiofrp.config' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_models_import_no_parsers_and_no_types_of_proxies() -> None:
    code = (
        "import sys, aiofrp.config.models.client, aiofrp.config.models.server;"
        "heavy = ('yaml', 'tomllib', 'aiofrp.proxy.tcp', 'asyncio', 'aiofrp.wire');"
        "raise SystemExit(str([name for name in heavy"
        " if name in sys.modules] or ''))"
    )
    run = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert run.stderr.strip() == ""
