"""The check whether a client still answers, made when a newer client wants names or ports that it holds.

A connection that was lost without FIN or RST is noticed only when heartbeats are missing, after half a minute or more.
A client that connects again would wait that long for its names and ports.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

#: Seconds a client has to answer. It needs a round trip, and for a new connection with TLS three of them.
ANSWER_TIMEOUT = 2.0
#: Seconds an answer counts for those who ask again: nobody can make a client answer more often.
FRESH = 1.0
#: Seconds between two checks whether the carrier has received bytes.
_CHECK_EVERY = 0.1


class ProbedCarrier(Protocol):
    """A carrier that many logical connections share: a yamux session or a QUIC connection."""

    @property
    def received_at(self) -> float:
        """A number that differs after bytes were received from the peer."""

    def ping(self) -> None:
        """Send what the peer has to answer."""


class Probe:
    """Checks one client by a ping of its carrier and a request for a work connection.

    Every client answers a request for a work connection with a new connection, on any transport. Any bytes from the
    client count as its answer. At most one check runs at a time; all callers of :meth:`answers` share it.
    """

    __slots__ = ("_alive_until", "_carrier", "_request", "_waiting")

    def __init__(self, carrier: object | None, request: Callable[[], None]) -> None:
        """``carrier``: that of the login where it is shared. ``request`` asks the client for a work connection."""
        self._carrier: ProbedCarrier | None = carrier  # type: ignore[assignment]
        self._request = request
        self._alive_until = 0.0  # loop time
        self._waiting: asyncio.Future[None] | None = None

    def answered(self) -> None:
        """Bytes were received from the client: this is the answer to a check that runs."""
        if self._waiting is not None:
            self._waiting.set_result(None)
            self._waiting = None

    async def answers(self) -> bool:
        """Whether the client answers within :data:`ANSWER_TIMEOUT` seconds, or did less than :data:`FRESH` seconds
        ago."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._alive_until:
            return True
        waiting = self._waiting
        if waiting is None:
            waiting = self._waiting = loop.create_future()
            self._ask()
        received_at = self._carrier.received_at if self._carrier is not None else 0.0
        due = loop.time() + ANSWER_TIMEOUT
        while not waiting.done() and loop.time() < due:
            await asyncio.wait((waiting,), timeout=_CHECK_EVERY)
            if self._carrier is not None and self._carrier.received_at != received_at:
                self.answered()
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
