"""How often ``keepTunnelOpen`` may try: so many attempts, and one more for each part of an hour that has passed."""

from __future__ import annotations


class RetryBudget:
    """At most ``per_hour`` attempts at once, each of which is given back after an hour divided by ``per_hour``.

    Times are in seconds and may start anywhere."""

    __slots__ = ("_at", "_left", "_most", "_per_second")

    def __init__(self, per_hour: int, now: float) -> None:
        self._most = self._left = float(max(1, per_hour))
        self._per_second = self._most / 3600
        self._at = now

    def take(self, now: float) -> float:
        """0 when an attempt may begin, which then counts; otherwise the seconds until one may."""
        self._left = min(self._most, self._left + (now - self._at) * self._per_second)
        self._at = now
        if self._left >= 1:
            self._left -= 1
            return 0.0
        return (1 - self._left) / self._per_second
