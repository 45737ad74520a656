"""What ``aiofrp share`` shows: the address on standard output, and on a terminal what passes.

The line of what passes goes to standard error and is written anew in its place, so that standard output holds the
addresses alone.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import TYPE_CHECKING

from aiofrp.wire.qrcode import qr_code

if TYPE_CHECKING:
    from aiofrp.client.proxies import UserTraffic
    from aiofrp.library.tunnel import Tunnel

#: Seconds after which the line is written anew, if it has changed.
_EVERY = 1.0
_UNITS = ("B", "kB", "MB", "GB", "TB")


class Live:
    """Shows one tunnel until :meth:`end`; begins at once. ``shown``: the lines for standard output."""

    def __init__(self, tunnel: Tunnel, shown: list[str], *, qr: bool = False) -> None:
        self._tunnel = tunnel
        self._lost_at: float | None = None
        self._line = ""
        self._timer: asyncio.TimerHandle | None = None
        for line in shown:
            print(line, flush=True)
            if qr:
                print(qr_code(line), file=sys.stderr, flush=True)
        if sys.stderr.isatty():
            print("Press Ctrl+C to end.", file=sys.stderr)
            self._refresh()

    def end(self) -> None:
        """Show no more."""
        if self._timer is not None:
            self._timer.cancel()
            print(file=sys.stderr)

    def _refresh(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(_EVERY, self._refresh)
        now = time.monotonic()
        if self._tunnel.connected:
            self._lost_at = None
            line = summary(self._tunnel.traffic)
        else:
            self._lost_at = now if self._lost_at is None else self._lost_at
            line = f"no connection to the server for {now - self._lost_at:.0f} s, trying again"
        if line != self._line:
            print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)
            self._line = line


def summary(traffic: UserTraffic) -> str:
    """One line about the connections of a tunnel: ``3 connections, 1 open, 4.1 kB in, 12 MB out``."""
    plural = "" if traffic.connections == 1 else "s"
    sizes = f"{size_text(traffic.bytes_in)} in, {size_text(traffic.bytes_out)} out"
    return f"{traffic.connections} connection{plural}, {traffic.open} open, {sizes}"


def size_text(count: int) -> str:
    """A number of bytes with two or three digits and a unit of 1,000: ``4.1 kB``."""
    size = float(count)
    unit = 0
    while size >= 999.5 and unit < len(_UNITS) - 1:
        size /= 1000
        unit += 1
    return (
        f"{count} B"
        if unit == 0
        else f"{size:.1f} {_UNITS[unit]}"
        if size < 10
        else f"{size:.0f} {_UNITS[unit]}"
    )
