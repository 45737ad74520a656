"""The table of flags is what the models declare."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from aiofrp import registry
from aiofrp.config.flags import table as flagtable
from aiofrp.config.flags.declared import flags_of
from aiofrp.config.models.client import ClientCommonConfig
from aiofrp.config.models.proxy import ProxyKind, VisitorConfig
from aiofrp.config.models.server import ServerConfig

PROXIES = {name: registry.load(target, ProxyKind) for name, target in registry.PROXIES.items()}


def test_the_table_is_made_from_the_models() -> None:
    command = [sys.executable, "-m", "scripts._flagtable", "--check"]
    made = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[3])
    assert made.returncode == 0, made.stderr


def test_flags_of_the_server() -> None:
    assert set(flagtable.SERVER) == set(flags_of(ServerConfig))


def test_flags_of_the_connection() -> None:
    assert set(flagtable.CONNECTION) == set(flags_of(ClientCommonConfig))


def test_every_type_has_its_flags() -> None:
    assert flagtable.PROXY.keys() == registry.PROXIES.keys()
    assert flagtable.VISITOR.keys() == {name for name, kind in PROXIES.items() if kind.VisitorConfig}


@pytest.mark.parametrize("name", flagtable.PROXY)
def test_flags_of_a_proxy(name: str) -> None:
    assert set(flagtable.PROXY[name]) == set(flags_of(PROXIES[name].Config))


@pytest.mark.parametrize("name", flagtable.VISITOR)
def test_flags_of_a_visitor(name: str) -> None:
    model = PROXIES[name].VisitorConfig
    assert model is not None
    assert set(flagtable.VISITOR[name]) == set(flags_of(VisitorConfig)) | set(flags_of(model))


def test_no_flag_stands_twice_in_a_command() -> None:
    for flags in (
        flagtable.SERVER,
        *flagtable.VISITOR.values(),
        *(flagtable.CONNECTION + p for p in flagtable.PROXY.values()),
    ):
        assert len({flag.name for flag in flags}) == len(flags)
        short = [flag.short for flag in flags if flag.short]
        assert len(set(short)) == len(short)
