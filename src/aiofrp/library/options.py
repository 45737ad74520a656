"""Configurations from what a program has at hand: models, dictionaries, keyword arguments.

Names may be those of the files (``bindPort``) or of attributes (``bind_port``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from aiofrp import registry
from aiofrp.config.load.decode import decode_client, decode_server
from aiofrp.config.load.validate import client_problems, server_problems
from aiofrp.config.models.client import ClientConfig
from aiofrp.config.models.model import Model, declared
from aiofrp.config.models.proxy import ProxyKind
from aiofrp.config.models.server import ServerConfig
from aiofrp.config.problem import InvalidConfig, Problem
from aiofrp.errors import ConfigError

Tree = Mapping[str, Any]


def server_config(config: ServerConfig | Tree | None, options: Tree) -> ServerConfig:
    """The configuration of a frps; a ``bindPort`` of 0 is any free port. Raises ConfigError with all problems."""
    if isinstance(config, ServerConfig):
        _alone(options)
        return config
    tree = as_file(ServerConfig, {**(config or {}), **options})
    made = decode_server(tree)
    _check(server_problems(made))
    if tree.get("bindPort") == 0:  # in a file 0 means the default
        made = made.model_copy(update={"bind_port": 0})
    return made


def client_config(config: ClientConfig | Tree | None, options: Tree) -> ClientConfig:
    """The configuration of a frpc. Raises ConfigError with all problems."""
    if isinstance(config, ClientConfig):
        _alone(options)
        return config
    made = decode_client(as_file(ClientConfig, {**(config or {}), **options}))
    _check(client_problems(made))
    return made


def as_file(model: type[Model], tree: Tree) -> dict[str, Any]:
    """``tree`` with the names a file has."""
    known = declared(model)
    result = {}
    for key, value in tree.items():
        field = known.get(key)
        result[field.alias if field else key] = _value(field.annotation if field else None, key, value)
    return result


def _value(annotation: Any, key: str, value: Any) -> Any:
    if isinstance(value, Model):
        raise ConfigError(f"{key}: write it as a dictionary, as in a file")
    if isinstance(value, Mapping):
        is_table = isinstance(annotation, type) and issubclass(annotation, Model)
        return as_file(annotation, value) if is_table else dict(value)
    if key == "proxies" and isinstance(value, Iterable):
        return [_proxy(item) for item in value]
    return list(value) if isinstance(value, tuple) else value


def _proxy(item: Any) -> Any:
    target = registry.PROXIES.get(item.get("type", "tcp")) if isinstance(item, Mapping) else None
    return as_file(registry.load(target, ProxyKind).Config, item) if target else item


def _check(problems: Iterable[Problem]) -> None:
    found = list(problems)
    if found:
        raise InvalidConfig(found)


def _alone(options: Tree) -> None:
    if options:
        names = ", ".join(sorted(options))
        raise ConfigError(
            f"a finished configuration takes no further options ({names}): "
            "use its model_copy(update={...}), or give a dictionary"
        )
