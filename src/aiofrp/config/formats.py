"""From a text to a tree of plain values: TOML, JSON or YAML, found out as the reference does (config §1.1).

Error texts carry line and column; their words are ours where the reference's come from a Go library.
"""

from __future__ import annotations

import datetime
import json
import re
import tomllib
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

from aiofrp.config.literals import INT64_MAX, INT64_MIN
from aiofrp.config.problem import InvalidConfig, Problem
from aiofrp.config.types import JsonFloat
from aiofrp.errors import ConfigError

Format = Literal["toml", "json", "yaml"]

_AT = re.compile(
    r"(?P<reason>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|(?P<end>end of document))\)", re.S
)
_SPACE = " \t\n\v\f\r\x85\xa0"


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed text."""

    tree: Any
    format: Format
    note: str = ""  #: why it is not TOML, where it might have been meant to be


def parse(text: str, extension: str = "", *, strict: bool = True) -> Document:
    """Parse a rendered configuration; ``extension`` is that of its file, with the dot.

    Raises :class:`~aiofrp.errors.ConfigError`. Bytes that are not UTF-8 are surrogate escapes in ``text``.
    """
    try:
        return Document(parse_toml(text), "toml")
    except ConfigError as error:
        if extension.lower() == ".toml":
            raise
        note = f"as TOML: {error.args[0].splitlines()[0].removeprefix('toml: ')}"
    if text.lstrip(_SPACE).startswith("{"):
        return Document(parse_json(text, strict=strict), "json")
    from aiofrp.config import yaml11  # takes its time, and is not needed for TOML

    return Document(_nested(yaml11.load, text, drop_dot_keys=strict), "yaml", note)


def _nested(parser: Any, text: str, **options: Any) -> Any:
    try:
        return parser(text, **options)
    except RecursionError:
        raise ConfigError("the values are nested too deeply") from None


# TOML


def parse_toml(text: str) -> Any:
    """Parse TOML 1.0; dates and times become their text, as in the reference."""
    broken = re.search("[\ud800-\udfff]", text)
    if broken:
        _toml_error(text, broken.start(), "invalid UTF-8")
    try:
        return _plain(_nested(tomllib.loads, text.replace("\r\n", "\n")), text)
    except tomllib.TOMLDecodeError as error:
        _toml_failure(text, error)


def _toml_failure(text: str, error: tomllib.TOMLDecodeError) -> NoReturn:
    found = _AT.fullmatch(str(error))
    if found is None:
        raise ConfigError(f"toml: {error}") from None
    reason = found["reason"][:1].lower() + found["reason"][1:]
    end = found["end"] is not None
    position = len(text) if end else _line_start(text, int(found["line"])) + int(found["column"]) - 1
    if reason.startswith(("cannot overwrite", "cannot declare", "cannot redefine", "cannot mutate")):
        line = text.count("\n", 0, position) + 1
        key = text.split("\n")[line - 1].split("=")[0].strip(_SPACE + "[]")
        raise InvalidConfig([Problem(f"toml: key {key} is already defined", line=line)]) from None
    if reason == "invalid statement":
        reason = f"invalid character at start of key: {text[position : position + 1]}"
    if reason.startswith("expected '=' after"):
        reason = "expected character ="
    _toml_error(text, position, reason)


def _toml_error(text: str, position: int, reason: str) -> NoReturn:
    line = text.count("\n", 0, position) + 1
    column = position - (text.rfind("\n", 0, position) + 1) + 1
    message = f"toml: line {line}, column {column}: toml: {reason}"
    raise InvalidConfig([Problem(message, line=line)]) from None


def _line_start(text: str, line: int) -> int:
    start = 0
    for _ in range(line - 1):
        start = text.find("\n", start) + 1
    return start


def _plain(value: Any, text: str) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item, text) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, text) for item in value]
    if isinstance(value, datetime.date | datetime.time):
        return _time_text(value)
    if isinstance(value, float):
        return _finite(value)
    if type(value) is int and not INT64_MIN <= value <= INT64_MAX:
        place = max(text.find(str(value)), 0)
        _toml_error(text, place, f'couldn\'t parse number: parsing "{value}": value out of range')
    return value


def _finite(value: float) -> float:
    if value - value != 0:
        name = "NaN" if value != value else "+Inf" if value > 0 else "-Inf"
        raise ConfigError(f"json: unsupported value: {name}")
    return value


def _time_text(value: datetime.date | datetime.time) -> str:
    return re.sub(r"(\.\d*?)0+(?=$|[+-])", r"\1", value.isoformat()).replace("+00:00", "Z")


# JSON


def parse_json(text: str, *, strict: bool = True) -> Any:
    """Parse JSON: a repeated object merges, another repeated key's last value wins.

    What follows the first value is ignored when strict, an error otherwise, as in the reference.
    """
    text = re.sub("[\ud800-\udfff]", "\ufffd", text)
    start = len(text) - len(text.lstrip(" \t\n\r"))
    try:
        tree, end = _nested(_JSON.raw_decode, text, idx=start)
    except json.JSONDecodeError as error:
        _json_error(text, error.pos, error.msg)
    rest = text[end:].lstrip(" \t\n\r")
    if rest and not strict:
        _json_error(text, text.index(rest, end), "after top-level value")
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
    message = f"invalid character {text[position]!r} {reason}"
    raise InvalidConfig([Problem(message, hint=place, line=line)]) from None


def _json_reason(text: str, position: int, reason: str) -> tuple[str, int]:
    """The reference's words for a reason of the json module, and the character they speak of."""
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
