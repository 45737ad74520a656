"""The kinds of flags: how a command line's text becomes a value, as Go's flag package reads it.

No flag and no command is declared here. Nothing that is slow to load is imported: the help page needs the kinds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from aiofrp.config.flags import ownkinds
from aiofrp.config.golang.literals import INT64_MAX, parse_int, quote

_TRUE: Final = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE: Final = frozenset({"0", "f", "F", "false", "FALSE", "False"})

#: One field of a line of comma-separated values, quoted or plain.
_FIELD = re.compile(r'"((?:[^"]|"")*)"(?=,|\Z)|([^",]*)(?=,|\Z)')
#: One number of a duration with its unit.
_SPAN = re.compile(r"([0-9]*(?:\.[0-9]*)?)([^0-9.]*)")
_SECONDS: Final = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}
#: The values of ``--log-format``: the keys of :data:`aiofrp.logforms.FORMS`.
_LOG_FORMS: Final = ("frp", "human", "json")


class ValueKind(NamedTuple):
    """What kind of value a flag takes, and how its text is read."""

    shown: str  #: the name in help pages
    read: Callable[[str], Any]  #: text → value; raises ValueError, FrpError
    alone: bool = False  #: the flag may be given without a value and then means True
    joins: bool = False  #: a repeated flag adds to its value instead of replacing it
    empty: str = ""  #: shown as default when there is none


def read_bool(text: str) -> bool:
    """``true``, ``1``, ``F`` …; raises ValueError."""
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise ValueError(f"strconv.ParseBool: parsing {quote(text)}: invalid syntax")


def read_list(text: str) -> tuple[str, ...]:
    """Comma-separated values, with ``"…"`` around one that holds a comma; raises ValueError."""
    if not text:
        return ()
    fields, at = [], 0
    while True:
        found = _FIELD.match(text, at)
        if found is None:
            raise ValueError(_list_error(text, at))
        quoted, plain = found.groups()
        fields.append(plain if quoted is None else quoted.replace('""', '"'))
        at = found.end()
        if at == len(text):
            return tuple(fields)
        at += 1  # the comma


def _list_error(text: str, at: int) -> str:
    if text[at] == '"':
        return f'parse error on line 1, column {at + 1}: extraneous or missing " in quoted-field'
    return f'parse error on line 1, column {text.index(chr(34), at) + 1}: bare " in non-quoted-field'


def read_map(text: str) -> dict[str, str]:
    """The table that ``key=value,key2=value2`` describes. Raises :class:`ValueError` for a part without ``=``."""
    count = text.count("=")
    pairs = read_list(text) if count > 1 else (text.strip('"') if count else text,)
    table = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise ValueError(f"{pair} must be formatted as key=value")
        table[key] = value
    return table


def read_duration(text: str) -> float:
    """Seconds of ``1m30s``, ``500ms`` …; raises ValueError."""
    sign, rest = (text[0], text[1:]) if text[:1] in ("-", "+") else ("", text)
    if rest == "0":
        return 0.0
    if not rest:
        raise ValueError(f"time: invalid duration {quote(text)}")
    seconds = 0.0
    while rest:
        found = _SPAN.match(rest)
        number, unit = found.groups() if found else ("", "")
        if not number.strip("."):
            raise ValueError(f"time: invalid duration {quote(text)}")
        if unit not in _SECONDS:
            reason = f"unknown unit {quote(unit)} in" if unit else "missing unit in"
            raise ValueError(f"time: {reason} duration {quote(text)}")
        seconds += float(number) * _SECONDS[unit]
        rest = rest[len(number) + len(unit) :]
    if seconds > INT64_MAX / 1e9:
        raise ValueError(f"time: invalid duration {quote(text)}")
    return -seconds if sign == "-" else seconds


def _read_bandwidth(text: str) -> Any:
    from aiofrp.config.models.types import Bandwidth

    return Bandwidth.parse(text)


def _read_ports(text: str) -> Any:
    from aiofrp.config.models.types import parse_ports

    return parse_ports(text)


def _read_log_form(text: str) -> str:
    if text not in _LOG_FORMS:
        raise ValueError(f"it is one of {', '.join(_LOG_FORMS)}")
    return text


KINDS: Final[Mapping[str, ValueKind]] = {
    "string": ValueKind("string", str),
    "int": ValueKind("int", parse_int),
    "bool": ValueKind("", read_bool, alone=True),
    "strings": ValueKind("strings", read_list, joins=True),
    "map": ValueKind("stringToString", read_map, joins=True, empty="[]"),
    "duration": ValueKind("duration", read_duration),
    "bandwidth": ValueKind("string", _read_bandwidth),
    "logform": ValueKind("string", _read_log_form),
    "ports": ValueKind("string", _read_ports),
    # Of the command aiofrp alone:
    "port": ValueKind("int", ownkinds.read_port),
    "port-or-any": ValueKind("int", ownkinds.read_port_or_any),
    "port-or-none": ValueKind("int", ownkinds.read_port_or_none),
    "text": ValueKind("string", ownkinds.read_text),
    "switch": ValueKind("", ownkinds.read_switch, alone=True),
    "domain": ValueKind("string", ownkinds.read_domain),
    "domains": ValueKind("strings", ownkinds.read_domains, joins=True),
}
"""Every kind, by the name flags are declared with."""
