"""What a YAML scalar means: Go's yaml.v2 rules, which are those of YAML 1.1 with exceptions of its own.

Numbers may be octal, hexadecimal, binary and have underscores; ``y`` and ``off`` are booleans; dates and
sexagesimal numbers are text. Documents are read elsewhere.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import math
import re
from collections.abc import Callable
from typing import Final, TypeAlias

from aiofrp.config.golang.literals import parse_float, parse_int, parse_uint

Scalar: TypeAlias = str | float | bool | None
"""Whole numbers included."""

PREFIX: Final = "tag:yaml.org,2002:"
"""What ``!!`` means at the start of a tag."""

_RESOLVABLE: Final = {"", *(PREFIX + name for name in ("str", "bool", "int", "float", "null", "timestamp"))}
_TRUE: Final = ("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON")
_FALSE: Final = ("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF")
_WORDS: Final[dict[str, tuple[str, Scalar]]] = {
    **dict.fromkeys(_TRUE, ("bool", True)),
    **dict.fromkeys(_FALSE, ("bool", False)),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), ("null", None)),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), ("float", math.nan)),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), ("float", math.inf)),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), ("float", -math.inf)),
}
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_BINARY = re.compile(r"0b([-+]?[01]+)|(-)0b([01]+)")
_TIMESTAMP = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
    r"(?:([Tt ])([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[.,][0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})?)?"
)


def scalar(tag: str, text: str, *, plain: bool) -> Scalar:
    """The value of a scalar: by its ``tag`` or, if it has none and is ``plain`` (unquoted), by its form.

    Raises :exc:`ValueError` if the text does not suit the tag.
    """
    if not tag and not plain:
        return text
    if tag == PREFIX + "binary":
        return _binary(text)
    if tag not in _RESOLVABLE or tag == PREFIX + "str":
        return text
    wanted = tag.removeprefix(PREFIX)
    kind, value = _resolved(text, wanted)
    if wanted == "float" and kind == "int":
        return float(value or 0)
    if wanted not in ("", kind):
        raise ValueError(f"cannot decode !!{kind} `{text}` as a !!{wanted}")
    return value


def _resolved(text: str, wanted: str) -> tuple[str, Scalar]:
    """The type a plain text has by its form, by its short name, and its value."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] in "+-.0123456789":
        if wanted == "timestamp" and _is_timestamp(text):
            return "timestamp", text
        number = _number(text)
        if number is not None:
            return "float" if isinstance(number, float) else "int", number
    return "str", text


def _number(text: str) -> int | float | None:
    if text[0] == ".":
        return _tried(parse_float, text)
    text = text.replace("_", "")
    number = _tried(parse_int, text)
    if number is None:
        number = _tried(parse_uint, text)
    if number is None and _FLOAT.fullmatch(text):
        number = _tried(parse_float, text)
    if number is None and (binary := _BINARY.fullmatch(text)):
        number = _tried(_base_two, "".join(part or "" for part in binary.groups()))
    return number


def _base_two(text: str) -> int:
    sign = text[0] if text[0] in "+-" else ""
    return parse_int(f"{sign}0b{text.removeprefix(sign)}")


def _tried(parse: Callable[[str], int | float], text: str) -> int | float | None:
    try:
        return parse(text)
    except ValueError:
        return None


def _is_timestamp(text: str) -> bool:
    match = _TIMESTAMP.fullmatch(text)
    if match is None or (match[4] and (match[4] == " ") == bool(match[8])):
        return False
    try:
        datetime.date(*map(int, match.group(1, 2, 3)))
        hour, minute, second = (int(part or 0) for part in match.group(5, 6, 7))
        datetime.time(hour, minute, second)
    except ValueError:
        return False
    return True


def _binary(text: str) -> str:
    try:
        data = base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("!!binary value contains invalid base64 data") from None
    return data.decode("utf-8", "replace")
