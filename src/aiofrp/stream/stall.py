"""Limits of what a session holds for receivers that do not take it: one policy for yamux, QUIC and KCP.

Credit that was given must be accepted, so two sums of a session are bounded. The first is credit: a stream begins with
a small window, which grows to what its receiver has taken in all and shrinks as the session's memory fills. The second
is bytes held. Above a mark for a stall time, receivers that took nothing for that time are ended; above the limit, the
worst are ended at once. :meth:`Holding.badness` orders them: the stream whose bytes arrive next is not the one to end,
and a receiver that took bytes comes after those that took none for as long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from aiofrp.aio import check_after
from aiofrp.errors import Closed

MIB = 1024 * 1024
#: A window is at most this share of the session's credit that is left.
_OF_LEFT = 8
#: Share of the first window that remains while memory is short, for a stream that has bytes held.
_LEAST = 4
#: A holding below this many bytes is ended only when ending larger ones was not enough.
_SMALL = 16 * 1024
#: Seconds of silence count so many times for a receiver that took nothing since its first byte was held.
_NEVER_TOOK = 8
#: Checks per stall time while the mark is exceeded.
_CHECKS = 4


@dataclass(frozen=True, slots=True)
class StallLimits:
    """What one session may hold, in bytes and seconds."""

    mark: int = 16 * MIB  #: held: above for ``stall``, receivers that took nothing for that time are ended
    most: int = 64 * MIB  #: held: above, the worst are ended at once
    stall: float = 30.0
    credit: int = 64 * MIB  #: of all windows together beyond the first window of each stream


class Account:
    """What one session holds, and the credit it has given. All methods are called in the thread of the loop."""

    __slots__ = ("_above_since", "_holdings", "_limits", "_loop", "_relieving", "_timer", "credit", "held")

    def __init__(self, limits: StallLimits) -> None:
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        # Those with bytes, longest first; limited by the session's streams.
        self._holdings: dict[Holding, None] = {}
        self._above_since: float | None = None  # loop time since which the mark is exceeded
        self._relieving = False
        self._timer: asyncio.TimerHandle | None = None
        self.held = 0  #: bytes; limits.most
        self.credit = 0  #: bytes of windows beyond the first; limits.credit

    def window(self, first: int, largest: int, taken: int, holding: int) -> int:
        """The flow-control window, in bytes, that a stream may have from now on.

        ``first``, ``largest``: what it begins with, and its maximum. ``taken``: bytes its receiver has taken in all.
        ``holding``: bytes held for it now.
        """
        left = (self._limits.credit - self.credit - self.held) // _OF_LEFT
        least = first // _LEAST if holding else first
        return max(least, min(largest, max(first, taken), left))

    def now(self) -> float:
        """The loop's time."""
        return self._loop.time()

    @property
    def pressed(self) -> bool:
        """Whether more is held than the mark."""
        return self._above_since is not None

    def close(self) -> None:
        """The session has ended: end no holding from now on."""
        self._relieving = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # For holdings

    def changed(self, holding: Holding, size: int) -> None:
        """``holding`` grew by ``size`` bytes, or shrank by as many when negative."""
        self.held += size
        if holding.size <= 0:
            self._holdings.pop(holding, None)
        elif size > 0:
            self._holdings.setdefault(holding)
        limits = self._limits
        if self.held <= limits.mark:
            self._above_since = None
        elif size > 0:
            if self._above_since is None:
                self._above_since = self._loop.time()
                self._check_later()
            if self.held > limits.most and not self._relieving:
                self._relieving = True
                self._loop.call_soon(self._relieve)

    # Private

    def _relieve(self) -> None:
        """End the worst holdings, so many that the next check is needed only after many chunks."""
        self._relieving = False
        now = self._loop.time()
        worst = sorted(self._holdings, key=lambda holding: holding.badness(now), reverse=True)
        self._end(worst, self._limits.most - self._limits.most // 8, now)

    def _check_later(self) -> None:
        if self._timer is None:
            self._timer = check_after(self._limits.stall / _CHECKS, self._check)

    def _check(self, now: float) -> None:
        """While the mark is exceeded: end holdings whose receivers took nothing for the stall time."""
        self._timer = None
        if self._above_since is None:
            return
        stall = self._limits.stall
        if now - self._above_since >= stall:
            stalled = [holding for holding in self._holdings if now - holding.since >= stall]
            stalled.sort(key=lambda holding: holding.badness(now), reverse=True)
            self._end(stalled, self._limits.mark, now)
        if self._above_since is not None:
            self._check_later()

    def _end(self, worst: list[Holding], enough: int, now: float) -> None:
        for holding in worst:
            if self.held <= enough:
                return
            silent = now - holding.since
            holding.end(
                Closed(
                    f"nothing was taken for {silent:.1f} s of {holding.size} bytes, "
                    f"and the session holds {self.held} bytes for such receivers"
                )
            )


class Holding:
    """Bytes held for one receiver. ``end`` is called when it must end: it ends the stream with an error and drops its
    bytes."""

    __slots__ = ("_account", "_took", "end", "since", "size")

    def __init__(self, account: Account, end: Callable[[Closed], None]) -> None:
        self._account = account
        self._took = False  # something since the first byte was held
        self.end = end
        self.size = 0  #: bytes
        self.since = 0.0  #: loop time when the receiver took a byte last, or had to

    def changed(self, size: int) -> None:
        """``size`` bytes more are held, or less when negative, which the receiver took."""
        account = self._account
        if size < 0:
            self._took = True
            self.since = account.now()
        elif not self.size:
            self.since = account.now()
        self.size += size
        account.changed(self, size)

    def badness(self, now: float) -> tuple[bool, float, int]:
        """The sort key when some holdings must end; the greatest end first."""
        silent = now - self.since
        return self.size >= _SMALL, silent if self._took else silent * _NEVER_TOOK, self.size


__all__ = ["Account", "Holding", "StallLimits"]
