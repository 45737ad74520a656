"""Whether a client is still there: asked when a newer one wants what it holds.

A link that is lost without a word shows only when heartbeats stay away, for half a minute or more. A client that came
back would wait that long for its names and ports.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

#: Seconds a client has to answer. It needs a round trip, and for a new connection with TLS three of them.
ANSWER_TIMEOUT = 2.0
#: Seconds an answer counts for those who ask again: nobody can make a client answer more often.
FRESH = 1.0
#: Seconds between two looks at whether anything came over the carrier.
_LOOK_EVERY = 0.1


class ProbedCarrier(Protocol):
    """A carrier that many logical connections share: a yamux session or a QUIC connection."""

    @property
    def heard_at(self) -> float:
        """Another number after each time that bytes came from the peer."""

    def ping(self) -> None:
        """Send what the peer has to answer."""


class Probe:
    """Asks one client for a sign of life: by a ping of its carrier, and for a work connection.

    Every client answers a request for a work connection with a new connection, whatever carries it. Anything that comes
    from the client counts as its answer. One question at a time is under way, whoever asks.
    """

    __slots__ = ("_alive_until", "_carrier", "_request", "_waiting")

    def __init__(self, carrier: object | None, request: Callable[[], None]) -> None:
        """``carrier``: that of the login where it is shared. ``request`` asks the client for a work connection."""
        self._carrier: ProbedCarrier | None = carrier  # type: ignore[assignment]
        self._request = request
        self._alive_until = 0.0  # loop time
        self._waiting: asyncio.Future[None] | None = None

    def heard(self) -> None:
        """Something came from the client."""
        if self._waiting is not None:
            self._waiting.set_result(None)
            self._waiting = None

    async def answers(self) -> bool:
        """Whether the client gives a sign of life within :data:`ANSWER_TIMEOUT` seconds, or gave one just now."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._alive_until:
            return True
        waiting = self._waiting
        if waiting is None:
            waiting = self._waiting = loop.create_future()
            self._ask()
        heard_at = self._carrier.heard_at if self._carrier is not None else 0.0
        due = loop.time() + ANSWER_TIMEOUT
        while not waiting.done() and loop.time() < due:
            await asyncio.wait((waiting,), timeout=_LOOK_EVERY)
            if self._carrier is not None and self._carrier.heard_at != heard_at:
                self.heard()
        if not waiting.done():
            if self._waiting is waiting:
                self._waiting = None  # who asks next asks anew
            return False
        self._alive_until = loop.time() + FRESH
        return True

    def _ask(self) -> None:
        if self._carrier is not None:
            self._carrier.ping()
        self._request()
