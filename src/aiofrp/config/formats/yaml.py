"""YAML as the reference reads it: YAML 1.1 with the scalar rules of Go's yaml.v2
(docs/protocol/configuration.md §1.4).

PyYAML cuts the text into events; what they mean is decided here and in :mod:`aiofrp.config.golang.yamlscalar`,
because the two libraries differ: on ``y``/``n``, ``1e3``, ``0o17``, ``1:30``, dates, unknown tags, on
whether a merge key overrides the keys before it, and on how often an alias may be repeated. The result
is what JSON can hold.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn, TypeAlias

import yaml

from aiofrp.config.golang.literals import format_float
from aiofrp.config.golang.yamlscalar import PREFIX, Scalar, scalar
from aiofrp.errors import ConfigError

MAX_NODES: Final = 250_000
"""Values a document may have, those of repeated aliases not counted: some 100 MB."""

MAX_DEPTH: Final = 100
"""How deep tables and lists may nest. The reference stops at 10,000."""

_Loader: Final[Any] = getattr(
    yaml, "CSafeLoader", yaml.SafeLoader
)  # libyaml is optional, and ten times as fast

Value: TypeAlias = "str | int | float | bool | list[Value] | dict[str, Value] | None"


class YamlError(ConfigError):
    """A text is not YAML, or not YAML a configuration can be. ``line`` and ``column`` count from 1 (0:
    unknown)."""

    def __init__(self, reason: str, line: int = 0, column: int = 0) -> None:
        where = f"line {line}: " if line else ""
        after = f" (column {column})" if column else ""
        super().__init__(f"error converting YAML to JSON: yaml: {where}{reason}{after}")
        self.line = line
        self.column = column


def load(text: str, *, drop_dot_keys: bool) -> object:
    """Read the first document of ``text``.

    ``drop_dot_keys`` leaves out top-level keys that start with a dot, which hold anchors by convention.
    Raises :exc:`YamlError`.
    """
    document = _Composer(text).document()
    value = _Builder().build(document) if document else None
    if drop_dot_keys and isinstance(value, dict):
        return {key: item for key, item in value.items() if not key.startswith(".")}
    return value


# From text to nodes


@dataclass(slots=True, eq=False)
class _Node:
    """A piece of the document. Scalars have text, the others children; a map's alternate key and value."""

    kind: type[yaml.Event]
    line: int
    column: int
    tag: str = ""
    text: str = ""
    plain: bool = False
    """The scalar was written without quotes, so its text decides its type."""
    children: list[_Node] = field(default_factory=list)

    def scalar(self) -> Scalar:
        """The value of a node that is a scalar. Raises :exc:`YamlError` if its text does not fit its tag."""
        try:
            return scalar(self.tag, self.text, plain=self.plain)
        except ValueError as error:
            self.fail(str(error))

    def fail(self, reason: str) -> NoReturn:
        """Raise :exc:`YamlError` at this place."""
        raise YamlError(reason, self.line, self.column)


class _Composer:
    """Puts the events of the first document together."""

    def __init__(self, text: str) -> None:
        self._events = _events(text)
        self._anchors: dict[str, _Node] = {}
        self._count = 0

    def document(self) -> _Node | None:
        """The root of the first document; ``None`` if there is none."""
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                root = self._node(next(self._events), 0)
                next(self._events)  # the end of the document: what follows the root may be wrong
                return root
        return None

    def _node(self, event: Any, depth: int) -> _Node:
        node = _Node(type(event), event.start_mark.line + 1, event.start_mark.column + 1)
        self._count += 1
        if self._count > MAX_NODES:
            node.fail(f"document has more than {MAX_NODES} values")
        if depth > MAX_DEPTH:
            node.fail(f"exceeded max depth of {MAX_DEPTH}")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(node, event.anchor or "")
        if event.anchor:
            self._anchors[event.anchor] = node
        node.tag = event.tag or ""
        if isinstance(event, yaml.ScalarEvent):
            node.text, node.plain = event.value, event.implicit[0]
        else:
            while not isinstance(child := next(self._events), yaml.CollectionEndEvent):
                node.children.append(self._node(child, depth + 1))
        return node

    def _alias(self, node: _Node, name: str) -> _Node:
        if name not in self._anchors:
            node.fail(f"unknown anchor '{name}' referenced")
        node.text = name
        node.children.append(self._anchors[name])
        return node


def _events(text: str) -> Iterator[Any]:
    bad = re.search("[\ud800-\udfff]", text)
    if bad:
        raise YamlError("invalid UTF-8", *_position(text, bad.start()))
    try:
        yield from yaml.parse(text, Loader=_Loader)
    except yaml.reader.ReaderError as error:
        raise YamlError(str(error.reason)) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        raise YamlError(str(error.problem or error.context), *place) from None


def _position(text: str, index: int) -> tuple[int, int]:
    start = text.rfind("\n", 0, index) + 1
    return text.count("\n", 0, index) + 1, index - start + 1


# From nodes to values


class _Builder:
    """Builds values, expanding aliases as far as the reference would."""

    def __init__(self) -> None:
        self._open: set[int] = set()  # aliases being expanded
        self._built = 0
        self._aliased = 0  # of these, inside aliases

    def build(self, node: _Node, depth: int = 0) -> Value:
        """The value of a node and all nodes below it. Raises :exc:`YamlError`, also beyond the limits."""
        self._count(node, depth)
        if node.kind is yaml.AliasEvent:
            return self._alias(node, depth)
        if node.kind is yaml.MappingStartEvent:
            table: dict[str, Value] = {}
            self._fill(table, node, depth)
            return table
        if node.kind is yaml.SequenceStartEvent:
            return [self.build(child, depth + 1) for child in node.children]
        return _jsonable(node.scalar(), node)

    def _count(self, node: _Node, depth: int) -> None:
        self._built += 1
        self._aliased += bool(self._open)
        share = self._aliased / self._built
        if self._aliased > 100 and self._built > 1000 and share > _allowed_share(self._built):
            node.fail("document contains excessive aliasing")
        if depth > MAX_DEPTH:
            node.fail(f"exceeded max depth of {MAX_DEPTH}")

    def _alias(self, node: _Node, depth: int) -> Value:
        if id(node) in self._open:
            node.fail(f"anchor '{node.text}' value contains itself")
        self._open.add(id(node))
        value = self.build(node.children[0], depth + 1)
        self._open.remove(id(node))
        return value

    def _fill(self, table: dict[str, Value], node: _Node, depth: int) -> None:
        """Set the keys of a map; the keys that a merge key brings override those before it."""
        for key, value in zip(node.children[::2], node.children[1::2], strict=True):
            if _is_merge(key):
                self._merge(table, value, depth)
            else:
                name = self._key(key, depth)
                table.pop(name, None)
                table[name] = self.build(value, depth + 1)

    def _key(self, node: _Node, depth: int) -> str:
        self._count(node, depth)
        target = node.children[0] if node.kind is yaml.AliasEvent else node
        if target.kind is not yaml.ScalarEvent:
            node.fail("invalid map key")
        key = target.scalar()
        if isinstance(key, bool):
            return "true" if key else "false"
        if isinstance(key, float):
            return _float_key(key)
        if key is None or (isinstance(key, int) and key >= 1 << 63):
            node.fail("Unsupported map key")
        return str(key)

    def _merge(self, table: dict[str, Value], node: _Node, depth: int) -> None:
        is_list = node.kind is yaml.SequenceStartEvent
        for source in reversed(node.children) if is_list else (node,):
            target = source.children[0] if source.kind is yaml.AliasEvent else source
            if target.kind is not yaml.MappingStartEvent:
                source.fail("map merge requires map or sequence of maps as the value")
            merged = self.build(source, depth + 1)
            assert isinstance(merged, dict)  # a map was asked for
            for name, value in merged.items():
                table.pop(name, None)
                table[name] = value


def _allowed_share(built: int) -> float:
    """How much of a document may come from aliases: 99 % of a small one, 10 % of a large one (yaml.v2)."""
    low, high = 400_000, 4_000_000
    return 0.99 - 0.89 * min(max((built - low) / (high - low), 0.0), 1.0)


def _is_merge(node: _Node) -> bool:
    return (
        node.kind is yaml.ScalarEvent and node.text == "<<" and (node.plain or node.tag == PREFIX + "merge")
    )


def _float_key(key: float) -> str:
    if math.isnan(key):
        return ".nan"
    if math.isinf(key):
        return ".inf" if key > 0 else "-.inf"
    text = format_float(key, single=True)
    return {"+Inf": ".inf", "-Inf": "-.inf"}.get(text, text)


def _jsonable(value: Scalar, node: _Node) -> Value:
    """The value as it comes out of the reference's detour through JSON."""
    if not isinstance(value, float):
        return value
    if math.isnan(value) or math.isinf(value):
        name = "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
        node.fail(f"json: unsupported value: {name}")
    return int(value) if value.is_integer() and abs(value) < 1e21 else value
