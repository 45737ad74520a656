"""The store: proxies and visitors made at run time, kept in a JSON file
(docs/protocol/configuration.md §5.3)."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Literal, TypeVar

from msgspec import Struct, field

from aiofrp.client.sources.definition import block
from aiofrp.client.sources.replace import replace_file, step
from aiofrp.config.formats.json import parse_json
from aiofrp.config.golang.literals import from_bytes, quote
from aiofrp.config.load.decode import Rules, decode_proxy, decode_visitor
from aiofrp.config.load.files import MAX_SIZE, NoSuchFile, read
from aiofrp.config.load.validate import proxy_problems, visitor_problems
from aiofrp.config.models.client import ClientConfig
from aiofrp.config.models.proxy import ProxyConfig, VisitorConfig
from aiofrp.config.problem import InvalidConfig, Problem
from aiofrp.errors import ConfigError

Kind = Literal["proxy", "visitor"]
Entry = ProxyConfig | VisitorConfig

_LENIENT: Final = Rules(strict=False, ordered=True)
#: The permissions of the file, which has secrets in it.
_MODE: Final = 0o600

E = TypeVar("E", ProxyConfig, VisitorConfig)


class AlreadyStored(ConfigError):
    """The store has an entry of this kind and name."""


class NotStored(ConfigError):
    """The store has no entry of this kind and name."""


class NotWritten(ConfigError):
    """The store's file could not be written, so the store is unchanged."""


class Stored(Struct, frozen=True):
    """The content of a store: its entries by name."""

    proxies: Mapping[str, ProxyConfig] = field(default_factory=dict)
    visitors: Mapping[str, VisitorConfig] = field(default_factory=dict)

    def of(self, kind: Kind) -> Mapping[str, Entry]:
        """The entries of one kind."""
        return self.proxies if kind == "proxy" else self.visitors

    def with_new(self, entry: Entry) -> Stored:
        """This content and one more entry. Raises :class:`AlreadyStored`."""
        kind = kind_of(entry)
        if entry.name in self.of(kind):
            raise AlreadyStored(f"already exists: {kind} {quote(entry.name)}")
        return self._changed(kind, {**self.of(kind), entry.name: entry})

    def with_changed(self, entry: Entry) -> Stored:
        """This content with another entry of the same name. Raises :class:`NotStored`."""
        kind = kind_of(entry)
        self._require(kind, entry.name)
        return self._changed(kind, {**self.of(kind), entry.name: entry})

    def without(self, kind: Kind, name: str) -> Stored:
        """This content but for one entry. Raises :class:`NotStored`."""
        self._require(kind, name)
        return self._changed(kind, {key: entry for key, entry in self.of(kind).items() if key != name})

    def _require(self, kind: Kind, name: str) -> None:
        if name not in self.of(kind):
            raise NotStored(f"not found: {kind} {quote(name)}")

    def _changed(self, kind: Kind, entries: Mapping[str, Any]) -> Stored:
        return Stored(entries, self.visitors) if kind == "proxy" else Stored(self.proxies, entries)


#: What makes a new content of a store from the old one; raises :class:`AlreadyStored` or :class:`NotStored`.
StoreChange = Callable[[Stored], Stored]


def kind_of(entry: Entry) -> Kind:
    """Which of the two kinds an entry is."""
    return "proxy" if isinstance(entry, ProxyConfig) else "visitor"


# With the file's entries


def with_stored(config: ClientConfig, stored: Stored) -> ClientConfig:
    """``config`` with the store's entries that are to be started; they win over those of the same name.

    Raises :class:`InvalidConfig` if one of them cannot be used.
    """
    proxies = _started(stored.proxies, config.start)
    visitors = _started(stored.visitors, config.start)
    problems = [
        *_problems("proxy", proxies, proxy_problems),
        *_problems("visitor", visitors, visitor_problems),
    ]
    if problems:
        raise InvalidConfig(problems)
    return config.model_copy(
        update={
            "proxies": _merged(config.proxies, proxies),
            "visitors": _merged(config.visitors, visitors),
        }
    )


def _started(entries: Mapping[str, E], start: tuple[str, ...]) -> dict[str, E]:
    wanted = set(start)
    return {
        name: entry
        for name, entry in entries.items()
        if entry.enabled is not False and (not wanted or name in wanted)
    }


def _merged(own: tuple[E, ...], chosen: Mapping[str, E]) -> tuple[E, ...]:
    return tuple(entry for entry in own if entry.name not in chosen) + tuple(chosen.values())


def _problems(
    kind: Kind, entries: Mapping[str, E], find: Callable[[E], Iterator[Problem]]
) -> Iterator[Problem]:
    for name, entry in entries.items():
        yield from (Problem(f"{kind} {name}: {item.message}") for item in find(entry))


# The file


def read_store(path: str) -> Stored:
    """The content of a store's file; a missing file is an empty store. Raises :class:`ConfigError`."""
    try:
        return _decoded(_parsed(read(path)))
    except NoSuchFile:
        return Stored()
    except ConfigError as error:
        raise ConfigError(f"failed to create store source: failed to load existing data: {error}") from None


def write_store(path: str, stored: Stored) -> None:
    """Replace a store's file. Raises :class:`NotWritten`, and the file has its old content then."""
    data = file_bytes(stored)
    if len(data) > MAX_SIZE:  # read_store would refuse it
        raise NotWritten(f"failed to persist: the store would have more than {MAX_SIZE} bytes")
    folder = os.path.dirname(os.path.realpath(path))
    try:
        with step("create directory", f"mkdir {folder}"):
            os.makedirs(folder, exist_ok=True)
        replace_file(path, data, _MODE)
    except ConfigError as error:
        raise NotWritten(f"failed to persist: {error}") from None


def file_bytes(stored: Stored) -> bytes:
    """The file of a store, without defaults and empty values."""
    tree = {"proxies": _blocks(stored.proxies), "visitors": _blocks(stored.visitors)}
    shown = {key: blocks for key, blocks in tree.items() if blocks}
    return json.dumps(shown, indent=2, ensure_ascii=False).encode()


def _blocks(entries: Mapping[str, E]) -> list[dict[str, Any]]:
    return [block(entry, completed=False) for _, entry in sorted(entries.items())]


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
    return Stored(proxies, visitors)


def _entries(tree: dict[str, Any], key: str, kind: Kind, decode: Callable[[Any], E]) -> dict[str, E]:
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
    return entries
