"""What the users of a frps moved, in the last hour by 5 seconds and in the last week by day. Values only."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Final, NamedTuple

#: Seconds of one step of the hour, and how many are kept.
STEP: Final = 5
STEPS: Final = 720
#: Seconds of a day, and days that are kept.
DAY: Final = 86_400
DAYS: Final = 7


class Amounts(NamedTuple):
    """What was moved in one step of time."""

    traffic_in: int = 0  #: bytes from users
    traffic_out: int = 0  #: bytes to users
    connections: int = 0  #: open at a time, the most of the step
    opened: int = 0  #: connections that began

    def plus(self, other: Amounts) -> Amounts:
        """Both in one step."""
        return Amounts(
            self.traffic_in + other.traffic_in,
            self.traffic_out + other.traffic_out,
            max(self.connections, other.connections),
            self.opened + other.opened,
        )


_NOTHING = Amounts()


class Ring:
    """The amounts of the last ``size`` steps; a step is a number that grows with time."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._steps: list[tuple[int, Amounts]] = [(-1, _NOTHING)] * size

    def add(self, step: int, amounts: Amounts) -> None:
        """Add to what is known of ``step``."""
        known, before = self._steps[step % self._size]
        self._steps[step % self._size] = (step, before.plus(amounts) if known == step else amounts)

    def until(self, step: int) -> list[Amounts]:
        """The amounts of all steps up to ``step``, the oldest first; nothing where a step is not known."""
        steps = range(step - self._size + 1, step + 1)
        return [self._at(step) for step in steps]

    def known(self) -> list[tuple[int, Amounts]]:
        """The steps that are known."""
        return [item for item in self._steps if item[0] >= 0]

    def _at(self, step: int) -> Amounts:
        known, amounts = self._steps[step % self._size]
        return amounts if known == step else _NOTHING


class History:
    """The last hour and the last week of one frps."""

    def __init__(self) -> None:
        self.hour = Ring(STEPS)  #: by seconds since 1970, divided by :data:`STEP`
        self.week = Ring(DAYS)  #: by the ordinal of the local date

    def add(self, at: float, amounts: Amounts) -> None:
        """Add what was moved until ``at``, in seconds since 1970, since the call before."""
        self.hour.add(int(at) // STEP, amounts)
        self.week.add(_day(at), amounts)

    def last_hour(self, now: float) -> tuple[int, list[Amounts]]:
        """When the first step began, and the amounts of :data:`STEPS` steps."""
        step = int(now) // STEP
        return (step - STEPS + 1) * STEP, self.hour.until(step)

    def last_week(self, now: float, midnight: Callable[[int], float]) -> tuple[int, list[Amounts]]:
        """When the first day began, and the amounts of :data:`DAYS` days. ``midnight`` gives the beginning of a
        day."""
        day = _day(now)
        return int(midnight(day - DAYS + 1)), self.week.until(day)


def _day(at: float) -> int:
    return date.fromtimestamp(at).toordinal()
