"""A local time that tests set by hand."""

from __future__ import annotations

from datetime import datetime, timedelta

NOON = datetime(2026, 3, 10, 12)


class Clock:
    """A local time that is set by hand."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now.timestamp()

    def pass_(self, **span: float) -> None:
        self.now += timedelta(**span)
