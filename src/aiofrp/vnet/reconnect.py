"""When a visitor of a virtual network connects again (docs/protocol/nat.md §8)."""

from __future__ import annotations

from typing import Final

#: Seconds after a connection that worked.
AFTER_END: Final = 10.0
#: Seconds after the first failure; each further one doubles them up to the limit.
AFTER_FAILURE: Final = 60.0
LONGEST: Final = 300.0


class Reconnects:
    """The pauses of one visitor."""

    __slots__ = ("failures",)

    def __init__(self) -> None:
        self.failures = 0  #: one after the other, without a connection between that worked

    def ended(self) -> float:
        """A connection that worked has ended: the seconds until the next one."""
        self.failures = 0
        return AFTER_END

    def failed(self) -> float:
        """There was no connection: the seconds until the next attempt."""
        self.failures += 1
        return min(AFTER_FAILURE * (1 << min(self.failures - 1, 8)), LONGEST)
