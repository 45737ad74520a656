"""The store: proxies and visitors made at run time, kept in a JSON file
(docs/protocol/configuration.md §5.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from aiofrp.config.formats.json import parse_json
from aiofrp.config.golang.literals import from_bytes
from aiofrp.config.load.decode import Rules, decode_proxy, decode_visitor
from aiofrp.config.load.files import NoSuchFile, read
from aiofrp.config.load.validate import proxy_problems, visitor_problems
from aiofrp.config.models.client import ClientConfig
from aiofrp.config.models.proxy import ProxyConfig, VisitorConfig
from aiofrp.config.problem import InvalidConfig, Problem
from aiofrp.errors import ConfigError

_LENIENT = Rules(strict=False, ordered=True)

E = TypeVar("E", ProxyConfig, VisitorConfig)


@dataclass(frozen=True, slots=True)
class Stored:
    """The content of a store; names are unique in each part."""

    proxies: tuple[ProxyConfig, ...] = ()
    visitors: tuple[VisitorConfig, ...] = ()


def read_store(path: str) -> Stored:
    """The content of a store's file; a missing file is an empty store. Raises :class:`ConfigError`."""
    try:
        return _decoded(_parsed(read(path)))
    except NoSuchFile:
        return Stored()
    except ConfigError as error:
        raise ConfigError(f"failed to create store source: failed to load existing data: {error}") from None


def with_stored(config: ClientConfig, stored: Stored) -> ClientConfig:
    """``config`` with the store's entries that are to be started; they win over those of the same name.

    Raises :class:`InvalidConfig` if one of them cannot be used.
    """
    proxies = _merged(config.proxies, stored.proxies, config.start)
    visitors = _merged(config.visitors, stored.visitors, config.start)
    problems = [
        *_problems("proxy", proxies, stored.proxies, proxy_problems),
        *_problems("visitor", visitors, stored.visitors, visitor_problems),
    ]
    if problems:
        raise InvalidConfig(problems)
    return config.model_copy(update={"proxies": proxies, "visitors": visitors})


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        tree = parse_json(from_bytes(data), strict=False)
    except ConfigError as error:
        raise ConfigError(f"failed to parse JSON: {error}") from None
    if not isinstance(tree, dict):
        raise ConfigError("failed to parse JSON: the file does not hold an object with proxies and visitors")
    return {key.lower(): value for key, value in tree.items()}


def _decoded(tree: dict[str, Any]) -> Stored:
    proxies = _entries(tree, "proxies", "proxy", lambda item: decode_proxy(item, _LENIENT))
    visitors = _entries(tree, "visitors", "visitor", lambda item: decode_visitor(item, _LENIENT))
    return Stored(tuple(proxies), tuple(visitors))


def _entries(tree: dict[str, Any], key: str, kind: str, decode: Callable[[Any], E]) -> list[E]:
    items = tree.get(key) or []
    if not isinstance(items, list):
        raise ConfigError(f"failed to parse JSON: {key} is not a list")
    entries: dict[str, E] = {}
    for index, item in enumerate(items):
        try:
            entry = decode(item)
        except ConfigError as error:
            raise ConfigError(f"failed to decode {kind} at index {index}: {error}") from None
        if not entry.name:
            raise ConfigError(f"{kind} name cannot be empty")
        entries[entry.name] = entry
    return list(entries.values())


def _merged(own: tuple[E, ...], stored: tuple[E, ...], start: tuple[str, ...]) -> tuple[E, ...]:
    taken = {entry.name for entry in stored}
    chosen = [e for e in stored if e.enabled is not False and (not start or e.name in start)]
    return tuple(entry for entry in own if entry.name not in taken) + tuple(chosen)


def _problems(
    kind: str, merged: tuple[E, ...], stored: tuple[E, ...], find: Callable[[E], Iterator[Problem]]
) -> Iterator[Problem]:
    for entry in merged:
        if entry in stored:
            yield from (Problem(f"{kind} {entry.name}: {item.message}") for item in find(entry))
