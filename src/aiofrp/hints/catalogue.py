"""The catalogue: all rows by the place where something failed, and the search for the one that applies."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from aiofrp.hints import (
    admitting,
    commands,
    configuration,
    connecting,
    files,
    listening,
    login,
    publishing,
    serving,
)
from aiofrp.hints.entry import Facts, Hint, KnownFailure

Place: TypeAlias = Literal[
    "connect",
    "login",
    "admission",
    "proxy",
    "visitor",
    "service",
    "listen",
    "configuration",
    "command",
    "files",
]
"""Where something failed."""

#: The rows by place. Of several that apply the first one counts: those that need evidence come first.
CATALOGUE: Final[Mapping[Place, tuple[KnownFailure, ...]]] = MappingProxyType(
    {
        "connect": (
            *connecting.PEERS,
            *connecting.NETWORK,
            *connecting.PROXY,
            *connecting.TLS,
            *files.TLS_FILES,
        ),
        "login": (*login.ANSWERS, *connecting.PEERS, *login.SILENCE, *connecting.TLS),
        "admission": admitting.ADMISSIONS,
        "proxy": publishing.PROXIES,
        "visitor": (*publishing.VISITORS, *listening.SOCKETS),
        "service": serving.SERVICES,
        "listen": (*listening.SOCKETS, *files.TLS_FILES),
        "configuration": configuration.CONFIGURATION,
        "command": commands.COMMANDS,
        "files": files.FILES,
    }
)

#: Characters of an error's text that are searched: a peer may have chosen it.
_MOST_TEXT = 2000


def find(place: Place, text: str, facts: Facts = MappingProxyType({})) -> Hint | None:
    """What the catalogue says about an error with ``text`` at ``place``, while ``facts`` hold."""
    text = text[:_MOST_TEXT]
    for failure in CATALOGUE[place]:
        hint = failure.match(text, facts)
        if hint is not None:
            return hint
    return None
