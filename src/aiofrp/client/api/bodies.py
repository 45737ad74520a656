"""The bodies of requests that change the store: definitions of proxies and visitors (docs/protocol/client.md §6)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from aiofrp import registry
from aiofrp.client.sources.store import Entry, Kind
from aiofrp.config.formats.json import parse_json
from aiofrp.config.golang.literals import SPACE, from_bytes, quote
from aiofrp.config.load.decode import Rules, decode_proxy_block, decode_visitor_block
from aiofrp.config.load.validate import proxy_problems, visitor_problems
from aiofrp.config.models.proxy import ProxyConfig, ProxyKind
from aiofrp.config.models.types import kind as json_kind
from aiofrp.config.problem import InvalidConfig, Problem, dotted
from aiofrp.errors import ConfigError

#: Bytes that a body may have. What of it goes to a server must fit into a message of 64 KiB. The reference has no
#: limit.
MAX_BODY: Final = 256 * 1024
#: Values that a block may have, and characters of a name.
MAX_VALUES: Final = 10_000
MAX_NAME: Final = 1024
#: How blocks are read: unknown keys are ignored, and of a key that occurs twice the last one counts.
_RULES: Final = Rules(strict=False, ordered=True, syntax="json", max_values=MAX_VALUES)


class InvalidEntry(ConfigError):
    """A body defines no proxy or visitor that can be used; the text is the reference's."""

    def __init__(self, message: str, problems: Iterable[Problem] = ()) -> None:
        super().__init__(message)
        self.fields: dict[str, str] = {}
        """What is wrong with single fields, by their path in the block of the type, such as
        ``transport.bandwidthLimit``."""
        for problem in problems:
            text = "; ".join(part for part in (problem.message, problem.hint) if part)
            self.fields.setdefault(dotted(problem.path), text)


def entry_of(body: bytes, kind: Kind, name: str | None = None) -> Entry:
    """The proxy or visitor that a body defines. ``name``: the name in the URL of a change, which the body must have.

    Raises :class:`InvalidEntry`.
    """
    try:
        definition = _Definition.parse(body, kind)
    except ConfigError as error:
        found = error.problems if isinstance(error, InvalidConfig) else ()
        raise InvalidEntry(f"parse JSON error: {error}", found) from None
    entry = definition.entry(name)
    problems = list(_problems(entry))
    if problems:
        raise InvalidEntry(f"invalid argument: validation error: {InvalidConfig(problems)}", problems)
    return entry


@cache
def types_of(kind: Kind) -> tuple[str, ...]:
    """The types that a proxy, or a visitor, can have."""
    if kind == "proxy":
        return tuple(registry.PROXIES)
    return tuple(
        name for name, row in registry.PROXIES.items() if registry.load(row, ProxyKind).VisitorConfig
    )


@dataclass(frozen=True, slots=True)
class _Definition:
    """What a body says: a name, a type, and for each type at most one block with a configuration."""

    kind: Kind
    name: str
    type: str
    blocks: Mapping[str, Entry]

    @classmethod
    def parse(cls, body: bytes, kind: Kind) -> _Definition:
        """Read JSON, with keys in whatever case; unknown keys are ignored. Raises :class:`ConfigError`."""
        tree = parse_json(from_bytes(body), strict=False)
        if tree is None:
            tree = {}
        if not isinstance(tree, dict):
            model = f"model.{kind.title()}Definition"
            raise ConfigError(f"json: cannot unmarshal {json_kind(tree)} into Go value of type {model}")
        table = {key.lower(): value for key, value in tree.items()}
        decode = decode_proxy_block if kind == "proxy" else decode_visitor_block
        return cls(
            kind,
            _text(table, kind, "name"),
            _text(table, kind, "type"),
            {key: decode(table[key], key, _RULES) for key in types_of(kind) if table.get(key) is not None},
        )

    def entry(self, name: str | None) -> Entry:
        """The configuration in the block of the type. Raises :class:`InvalidEntry` where there is another or none."""
        if not self.name.strip(SPACE):
            raise _misnamed(f"{self.kind} name is required")
        if len(self.name) > MAX_NAME:
            raise _misnamed(f"{self.kind} name has more than {MAX_NAME} characters")
        if self.type not in types_of(self.kind):
            raise InvalidEntry(f"invalid {self.kind} type: {self.type}")
        if name is not None and name != self.name:
            raise _misnamed(f"{self.kind} name in URL must match name in body")
        if len(self.blocks) != 1:
            raise InvalidEntry(f"exactly one {self.kind} type block is required")
        ((key, entry),) = self.blocks.items()
        if key != self.type:
            raise InvalidEntry(f"{self.kind} type block {quote(key)} does not match type {quote(self.type)}")
        return entry.model_copy(update={"name": self.name, "type": self.type})


def _misnamed(text: str) -> InvalidEntry:
    return InvalidEntry(text, [Problem(text, ("name",))])


def _text(table: dict[str, Any], kind: Kind, key: str) -> str:
    value = table.get(key)
    if value is None or isinstance(value, str):
        return value or ""
    field = f"{kind.title()}Definition.{key} of type string"
    raise ConfigError(f"json: cannot unmarshal {json_kind(value)} into Go struct field {field}")


def _problems(entry: Entry) -> Iterator[Problem]:
    return proxy_problems(entry) if isinstance(entry, ProxyConfig) else visitor_problems(entry)
