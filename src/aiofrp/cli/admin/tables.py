"""The text of ``frpc status``: frp's tables, and what is said about the connection to the server."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_COLUMNS = ("Name", "Status", "LocalAddr", "Plugin", "RemoteAddr", "Error")
#: The order of tables as in frp; those of other types follow.
_ORDER = ("tcp", "udp", "tcpmux", "http", "https", "stcp", "sudp", "xtcp")
_KEYS = ("name", "status", "local_addr", "plugin", "remote_addr", "err")


def tables(answer: Mapping[str, Any]) -> str:
    """The answer of ``/api/status`` as text: a table for each type of proxy."""
    parts = ["Proxy Status...\n"]
    for kind in dict.fromkeys((*_ORDER, *sorted(answer))):
        rows = [[str(entry.get(key, "")) for key in _KEYS] for entry in answer.get(kind) or ()]
        if rows:
            parts += [kind.upper(), *_lines([_COLUMNS, *rows]), ""]
    return "\n".join(parts) + "\n"


def notes(answer: Mapping[str, Any], *, addresses: bool) -> str:
    """What follows frp's tables: the hint about each proxy that does not work and, with ``addresses``, where users go;
    empty where there is nothing to say."""
    lines = []
    for entries in answer.values():
        for entry in entries or ():
            urls, hint = addresses and entry.get("urls"), entry.get("hint")
            lines += [f"[{entry.get('name', '')}] visit {', '.join(map(str, urls))}"] if urls else []
            lines += [f"[{entry.get('name', '')}] {hint}"] if hint else []
    return "\n".join(lines)


def _lines(rows: Iterable[Sequence[str]]) -> list[str]:
    """Rows with each column as wide as its widest cell and two blanks."""
    rows = list(rows)
    widths = [max(len(cell) for cell in column) + 2 for column in zip(*rows, strict=True)]
    return ["".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows]


def away(info: Mapping[str, Any], now: float) -> str:
    """What to say about a frpc that is not connected to its server, from the answer of ``/api/info``; empty while it
    is connected. ``now``: seconds since the epoch."""
    if info.get("state", "connected") == "connected":
        return ""
    since, error = info.get("since"), str(info.get("error") or "")
    text = f"not connected to the server {info.get('serverAddr', '')}:{info.get('serverPort', '')}"
    if isinstance(since, int | float) and since > 0:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(since))
        text += f" since {when} ({duration(now - since)})"
    return f"{text}: {error}" if error else text


def duration(seconds: float) -> str:
    """A span of time in its two largest units: ``3 min 20 s``."""
    left = max(0, int(seconds))
    for unit, size, below, small in (
        ("d", 86400, "h", 3600),
        ("h", 3600, "min", 60),
        ("min", 60, "s", 1),
    ):
        if left >= size:
            rest = left % size // small
            return f"{left // size} {unit}" + (f" {rest} {below}" if rest else "")
    return f"{left} s"
