"""Writing configurations as TOML, with a comment that explains each key where it first occurs.

Tables are written as dotted keys, as frp's documents do; lists of proxies and the like as arrays of tables. Written by
hand: tomli-w writes neither comments nor dotted keys, and tomlkit edits documents, for which its parser is needed too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from aiofrp.config.models.model import Model, declared
from aiofrp.config.models.shape import shapes
from aiofrp.config.models.values import Shape

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPES = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}

#: Lists of tables that get a header of their own for each element.
_HEADED = ("proxies", "visitors", "httpPlugins")


class Writer:
    """Writes one document; a key is explained only once."""

    def __init__(self, *, comments: bool = True) -> None:
        self._comments = comments
        self._explained: set[str] = set()

    def write(self, model: Model, tree: Mapping[str, Any]) -> str:
        """The TOML text of ``tree``, the values of ``model`` by the keys of the file format."""
        return "\n".join(self._table(model, tree, "")).strip("\n") + "\n"

    def _table(self, model: Model, tree: Mapping[str, Any], path: str) -> Iterator[str]:
        forms = shapes(type(model))
        headed = []
        for item in declared(type(model)).values():
            value = tree.get(item.alias)
            if value is None:
                continue
            if self._is_headed(item.alias, forms[item.name], path):
                headed.append((item.alias, getattr(model, item.name), value))
            else:
                yield from self._entry(item.help, item.alias, getattr(model, item.name), value)
        for alias, part, value in headed:
            yield from self._headed(alias, part, value, path)

    @staticmethod
    def _is_headed(alias: str, shape: Shape, path: str) -> bool:
        return alias in _HEADED if shape.kind == "list" else alias == "plugin" and bool(path)

    def _headed(self, alias: str, part: Any, value: Any, path: str) -> Iterator[str]:
        if isinstance(value, list):
            for model, tree in zip(part, value, strict=True):
                yield from ("", f"[[{alias}]]")
                yield from self._table(model, tree, alias)
        else:
            yield from ("", f"[{path}.{alias}]")
            yield from self._table(part, value, f"{path}.{alias}")

    def _entry(self, help: str, key: str, part: Any, value: Any) -> Iterator[str]:
        if isinstance(part, Model) and value:
            for item in declared(type(part)).values():
                inner = value.get(item.alias)
                if inner is not None:
                    yield from self._entry(item.help, f"{key}.{item.alias}", getattr(part, item.name), inner)
            return
        if isinstance(part, dict):
            lines = [f"{key}.{key_text(name)} = {value_text(item)}" for name, item in value.items()]
        else:
            lines = [f"{key} = {value_text(value)}"]
        if lines:
            yield from self._comment(help)
            yield from lines

    def _comment(self, help: str) -> Iterator[str]:
        if self._comments and help not in self._explained:
            self._explained.add(help)
            yield f"# {help}"


def key_text(key: str) -> str:
    """A key as it is written in a file, in quotes if TOML demands them."""
    return key if _BARE.fullmatch(key) else string_text(key)


def string_text(text: str) -> str:
    """A text as a basic string."""
    return '"' + "".join(_char(char) for char in text) + '"'


def _char(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    return f"\\u{ord(char):04x}" if ord(char) < 0x20 or ord(char) == 0x7F else char


def value_text(value: Any) -> str:
    """Any value of a tree on one line, lists of tables on several."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list):
        if value and isinstance(value[0], dict):
            return "[\n" + "".join(f"    {value_text(item)},\n" for item in value) + "]"
        return f"[{', '.join(value_text(item) for item in value)}]"
    if isinstance(value, dict):
        pairs = [f"{key_text(key)} = {value_text(item)}" for key, item in value.items()]
        return f"{{ {', '.join(pairs)} }}" if pairs else "{}"
    return string_text(cast("str", value))
