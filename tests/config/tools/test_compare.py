"""What differs between two configurations."""

from __future__ import annotations

import tomllib

from aiofrp.config.load.decode import decode_server
from aiofrp.config.models.server import ServerConfig
from aiofrp.config.tools.compare import differences, with_values


def config(text: str) -> ServerConfig:
    return decode_server(tomllib.loads(text))


def test_differences_are_named_by_their_keys() -> None:
    old = config("bindPort = 1\n")
    new = config('bindPort = 2\nlog.to = "x"\nallowPorts = [{ single = 5 }]\n')
    assert set(differences(old, new)) == {"bindPort", "log.to", "allowPorts"}
    assert not list(differences(old, old))


def test_values_of_chosen_keys() -> None:
    old, new = config("bindPort = 1\n"), config('bindPort = 2\nlog = { to = "x", level = "warn" }\n')
    assert with_values(old, new, frozenset()) == old
    assert with_values(old, new, frozenset({"bindPort", "log"})) == new
    assert with_values(old, new, frozenset({"log.to"})).log.level == "info"
