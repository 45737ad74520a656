"""From a TOML text to a tree of plain values, by the standard library's parser.

Error texts carry line and column; their words are the reference's where it has the same complaint.
"""

from __future__ import annotations

import datetime
import re
import tomllib
from typing import Any, NoReturn

from aiofrp.config.formats.depth import within_depth
from aiofrp.config.golang.literals import INT64_MAX, INT64_MIN
from aiofrp.config.problem import InvalidConfig, Problem
from aiofrp.errors import ConfigError

_AT = re.compile(
    r"(?P<reason>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|(?P<end>end of document))\)", re.S
)
_SPACE = " \t\n\v\f\r\x85\xa0"


def parse_toml(text: str) -> Any:
    """Parse TOML 1.0; dates and times become their text, as in the reference."""
    broken = re.search("[\ud800-\udfff]", text)
    if broken:
        _toml_error(text, broken.start(), "invalid UTF-8")
    try:
        return _plain(within_depth(tomllib.loads, text.replace("\r\n", "\n")), text)
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
