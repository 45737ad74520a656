"""When to try to log in again: pure arithmetic, time passed in.

After a lost session the first attempt is immediate; while the outage is younger than :data:`QUICK_PHASE` the pause
stays short enough to be back within 3 s of the server's return; for longer outages it grows to :data:`MAX_DELAY`,
jittered so that a thousand clients do not come at once. (The reference grows from the start and needs up to 20 s.)
"""

from __future__ import annotations

import random

#: Seconds of an outage during which attempts stay dense.
QUICK_PHASE = 60.0
#: Pause at the start of an outage, while it is young, and at most, in seconds.
FIRST_DELAY, QUICK_DELAY, MAX_DELAY = 0.2, 2.0, 20.0
#: Seconds a session lasts that ends the outage before it.
STEADY = 10.0
#: Growth of the pause from one attempt to the next, and its random part.
_FACTOR, _JITTER = 1.6, 0.25


class Backoff:
    """Pauses between attempts of one outage."""

    def __init__(self, jitter: random.Random | None = None) -> None:
        self._random = jitter or random.Random()
        self._since: float | None = None
        self._delay = 0.0

    def next_delay(self, now: float) -> float:
        """Seconds to wait before the next attempt, after one that failed (or a session that ended) at ``now``."""
        if self._since is None:
            self._since = now
            self._delay = FIRST_DELAY
        else:
            ceiling = QUICK_DELAY if now - self._since < QUICK_PHASE else MAX_DELAY
            self._delay = min(self._delay * _FACTOR, ceiling)
        return self._delay * (1 - _JITTER * self._random.random())

    def succeeded(self, lasted: float) -> None:
        """A session was up for ``lasted`` seconds: one that lived a while ends the outage, a short one does not."""
        if lasted >= STEADY:
            self._since = None
