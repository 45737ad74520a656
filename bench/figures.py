"""What all kinds of traffic share: addresses, figures, and how long to wait."""

from __future__ import annotations

#: Seconds a new or a held connection gets to answer.
PATIENCE = 15.0

Address = tuple[str, int]
Figures = dict[str, float]


def parse_address(text: str) -> Address:
    """Read HOST:PORT; raises ValueError."""
    host, _, port = text.rpartition(":")
    return host, int(port)


def percentiles(times: list[float]) -> Figures:
    """The middle and the slow end, in microseconds; nothing without times."""
    if not times:
        return {}
    times.sort()
    return {f"p{p}_us": times[int(p / 100 * (len(times) - 1))] * 1e6 for p in (50, 90, 99)}
