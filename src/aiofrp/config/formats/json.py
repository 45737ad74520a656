"""From a JSON text to a tree of plain values, by the standard library's parser.

Objects merge and errors are worded as with Go's ``encoding/json``.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from aiofrp.config.formats.depth import within_depth
from aiofrp.config.golang.jsonnumber import JsonFloat
from aiofrp.config.problem import InvalidConfig, Problem
from aiofrp.errors import ConfigError

_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def parse_json(text: str, *, strict: bool = True) -> Any:
    """Parse JSON: a repeated object merges, another repeated key's last value wins.

    What follows the first value is ignored when strict, an error otherwise, as in the reference.
    """
    text = _SURROGATE.sub("\ufffd", text)
    start = len(text) - len(text.lstrip(" \t\n\r"))
    try:
        tree, end = within_depth(_JSON.raw_decode, text, idx=start)
    except json.JSONDecodeError as error:
        _json_error(text, error.pos, error.msg)
    rest = text[end:].lstrip(" \t\n\r")
    if rest and not strict:
        _json_error(text, text.index(rest, end), "after top-level value")
    return _whole(tree) if _ESCAPED_SURROGATE.search(text) else tree


def _whole(tree: Any) -> Any:
    """``tree`` with U+FFFD for each half of a surrogate pair, as Go reads an escape such as ``\\ud800``."""
    if isinstance(tree, str):
        return _SURROGATE.sub("\ufffd", tree)
    if isinstance(tree, list):
        return [_whole(item) for item in tree]
    if isinstance(tree, dict):
        return {_whole(key): _whole(value) for key, value in tree.items()}
    return tree


def _merge(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for key, value in pairs:
        old = table.pop(key, None)
        table[key] = (
            _merge([*old.items(), *value.items()])
            if isinstance(old, dict) and isinstance(value, dict)
            else value
        )
        if value is None and not isinstance(old, list | dict):
            table[key] = old
    return table


def _constant(name: str) -> NoReturn:
    raise ConfigError(f"invalid character '{name.lstrip('-')[0]}' looking for beginning of value")


_JSON = json.JSONDecoder(object_pairs_hook=_merge, parse_float=JsonFloat, parse_constant=_constant)


def _json_error(text: str, position: int, reason: str) -> NoReturn:
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    place = f"column {column}"
    if position >= len(text):
        raise InvalidConfig([Problem("unexpected end of JSON input", hint=place, line=line)]) from None
    reason, position = _json_reason(text, position, reason)
    character = r"'\''" if text[position] == "'" else repr(text[position])
    message = f"invalid character {character} {reason}"
    raise InvalidConfig([Problem(message, hint=place, line=line)]) from None


def _json_reason(text: str, position: int, reason: str) -> tuple[str, int]:
    """The reference's words for a reason of the json module, and the character they name."""
    if reason.startswith("Expecting property name"):
        return "looking for beginning of object key string", position
    if reason.startswith("Illegal trailing comma"):
        after = position + 1 + len(text[position + 1 :]) - len(text[position + 1 :].lstrip(" \t\n\r"))
        kind = "object key string" if text[after : after + 1] == "}" else "value"
        return f"looking for beginning of {kind}", after
    if reason.startswith("Expecting ':'"):
        return "after object key", position
    if reason.startswith("Expecting ','"):
        inside = _innermost(text, position)
        return ("after object key:value pair" if inside == "{" else "after array element"), position
    return ("looking for beginning of value" if reason == "Expecting value" else reason), position


def _innermost(text: str, position: int) -> str:
    """The bracket that is open at a place of a JSON text that is good up to there."""
    opened = []
    for token in re.findall(r'"(?:\\.|[^"\\])*"|[{}\[\]]', text[:position]):
        if token in "{[":
            opened.append(token)
        elif token in "}]":
            opened.pop()
    return opened[-1] if opened else ""
