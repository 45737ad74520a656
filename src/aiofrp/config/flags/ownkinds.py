"""The kinds of flags that only the command ``aiofrp`` has: how their text is read, and in plain words why not.

frp's own flags are read as Go reads them (:mod:`aiofrp.config.flags.values`), and say so in Go's words.
"""

from __future__ import annotations

import re

from aiofrp.errors import ConfigError
from aiofrp.wire.portnumber import port_number

#: Characters of a wrong value that are shown.
MAX_SHOWN = 40
#: Characters of a domain name (RFC 1035 §2.3.4).
MAX_NAME = 253
#: A value that needs no quotes where it is shown.
_SIMPLE = r"[A-Za-z0-9._:+-]+"  # compiled when it is used, like the next
#: What is in no host name. Letters of other languages are left to frps.
_NOT_IN_NAMES = r"[\s/:@?#,]|\.\.|\A\.|\A\Z"


class FlagValueError(ConfigError):
    """A flag cannot have the value that was given; the text says why, to follow the flag and the value."""


def shown(text: str) -> str:
    """A value as an error shows it: on one line, quoted where that is clearer, and not longer than it helps."""
    cut = text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"
    return cut if re.fullmatch(_SIMPLE, cut.removesuffix("…")) else repr(cut)


def read_port(text: str) -> int:
    """A port from 1 to 65535. Raises :class:`FlagValueError`."""
    return _number(text, 1, "Give 1 to 65535")


def read_port_or_any(text: str) -> int:
    """A port, or 0 for any free one. Raises :class:`FlagValueError`."""
    return _number(text, 0, "Give 1 to 65535, or 0 for any free one")


def read_port_or_none(text: str) -> int:
    """A port, or 0 for none. Raises :class:`FlagValueError`."""
    return _number(text, 0, "Give 1 to 65535, or 0 for none")


def _number(text: str, least: int, advice: str) -> int:
    port = port_number(text)
    if port is None or port < least:
        raise FlagValueError(f"is no port. {advice}")
    return port


def read_text(text: str) -> str:
    """Text that is not empty: an empty one mostly comes from a variable of the shell that is not set, and what it
    asks for would be passed over in silence. Raises :class:`FlagValueError`."""
    if text:
        return text
    raise FlagValueError("has nothing in it. Give a value, or leave the flag out")


def read_switch(text: str) -> bool:
    """``true`` or ``false``, for a flag that is mostly given without a value. Raises :class:`FlagValueError`."""
    known = {"true": True, "1": True, "false": False, "0": False}
    if text.lower() in known:
        return known[text.lower()]
    raise FlagValueError("is neither true nor false. Give the flag without a value for true")


def read_domain(text: str) -> str:
    """The name of one host or domain. Raises :class:`FlagValueError`."""
    if re.search(_NOT_IN_NAMES, text) or "*" in text or len(text) > MAX_NAME:
        raise FlagValueError("is no host name. Give the name alone, such as www.example.com")
    return text


def read_domains(text: str) -> tuple[str, ...]:
    """Names of hosts with commas between them; ``*.example.com`` means all below it, ``*`` all.

    Raises :class:`FlagValueError`.
    """
    names = tuple(text.split(","))
    for name in names:
        if name != "*":
            read_domain(name.removeprefix("*."))
    return names
