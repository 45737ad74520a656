"""The matrix of what can be combined on the way of a tcp proxy, whole and as a sample.

A new transport adds a row to :data:`TRANSPORTS`. The sample holds every pair of values of any two columns.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.support.procs import Side


@dataclass(frozen=True, slots=True)
class Transport:
    """A row: what both programs are told."""

    server: str = ""  #: TOML of frps; ``{bind}`` is its port
    tls_relay: bool = False  #: the reference's frps needs a relay that ends TLS in front of it


TRANSPORTS = {
    "tcp": Transport(),
    "websocket": Transport(),
    "wss": Transport(tls_relay=True),
    "kcp": Transport(server="kcpBindPort = {bind}\n"),
    "quic": Transport(server="quicBindPort = {bind}\n"),
}

SIDES: list[tuple[Side, Side]] = [("ours", "ours"), ("ours", "go"), ("go", "ours")]


@dataclass(frozen=True, slots=True)
class Mix:
    """One combination: frps and frpc, and how they talk."""

    sides: tuple[Side, Side]  #: frps, frpc
    transport: str
    mux: bool
    tls: bool
    wire: str
    encryption: bool
    compression: bool

    def __str__(self) -> str:
        on = [name for name in ("mux", "tls", "encryption", "compression") if getattr(self, name)]
        return "-".join(("/".join(self.sides), self.transport, self.wire, *on))


_BOTH: list[Any] = [True, False]
_COLUMNS: tuple[list[Any], ...] = (SIDES, list(TRANSPORTS), _BOTH, _BOTH, ["v1", "v2"], _BOTH, _BOTH)


def whole() -> list[Mix]:
    """Every combination."""
    return [Mix(*values) for values in itertools.product(*_COLUMNS)]


def sample() -> list[Mix]:
    """Few combinations in which every pair of values occurs, the same few each time."""
    rows = list(itertools.product(*(range(len(column)) for column in _COLUMNS)))
    missing = {pair for row in rows for pair in _pairs(row)}
    chosen = []
    while missing:
        best = max(rows, key=lambda row: sum(pair in missing for pair in _pairs(row)))
        missing.difference_update(_pairs(best))
        chosen.append(best)
    return [Mix(*(column[at] for column, at in zip(_COLUMNS, row, strict=True))) for row in chosen]


def _pairs(row: tuple[int, ...]) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    return itertools.combinations(enumerate(row), 2)
