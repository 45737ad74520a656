"""SSH connections that have not logged in: how many there may be, and addresses whose logins failed.

A connection counts from its accept until frps has granted its login. When there are too many, the oldest of the address
that has most of them is ended, so that a new client always gets its chance. Failures cost an address time, as with
OpenSSH's PerSourcePenalties: each adds seconds, and an address with too many of them is refused until they are over.
"""

from __future__ import annotations

import asyncio
import enum
import ipaddress
from collections.abc import Callable

#: Connections that are not logged in: in all, and of one address.
MAX_WAITING, MAX_OF_SOURCE = 512, 256
#: Seconds a connection may stay so: its user may have to type a passphrase, or to compare a fingerprint.
LIFETIME = 120.0
#: Seconds of penalties above which an address is refused, and to which they are added up.
REFUSED_ABOVE, MOST_PENALTY = 15.0, 600.0
#: Addresses that are remembered.
MAX_SOURCES = 16_384
#: The part of an IPv6 address that counts: one customer has that many.
_IPV6_BITS = 64


class LoginFailure(enum.Enum):
    """How a connection ended without a login; the value is its penalty in seconds."""

    CREDENTIAL = 5.0
    """A key or a token was refused."""
    SLOW = 10.0
    """Nothing was logged in within :data:`LIFETIME`."""
    NOTHING = 1.0
    """It began to speak SSH and tried no credential."""


def source_of(address: str) -> str:
    """What counts as one source: an IPv4 address, or the network of an IPv6 address."""
    if ":" not in address:
        return address
    try:
        return str(ipaddress.ip_network((address.partition("%")[0], _IPV6_BITS), strict=False))
    except ValueError:
        return address


class Penalties:
    """The seconds that each source has to wait. ``now`` gives seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._until: dict[str, float] = {}  # by source; limited by MAX_SOURCES
        self._refused: set[str] = set()  # of those, the ones that had too many

    def add(self, source: str, failure: LoginFailure) -> None:
        """``source`` failed once more."""
        now = self._now()
        until = min(max(now, self._until.pop(source, now)) + failure.value, now + MOST_PENALTY)
        if len(self._until) >= MAX_SOURCES:
            self._make_place(now)
        self._until[source] = until
        if until - now > REFUSED_ABOVE:
            self._refused.add(source)

    def wait_of(self, source: str) -> float:
        """Seconds that ``source`` is refused from now on; 0 when it is not."""
        if source not in self._refused:
            return 0.0
        left = self._until[source] - self._now()
        if left <= 0:
            self._forget(source)
        return max(left, 0.0)

    def _make_place(self, now: float) -> None:
        """Forget all whose time is over, or the one that failed least recently."""
        over = [source for source, until in self._until.items() if until <= now]
        for source in over or [next(iter(self._until))]:
            self._forget(source)

    def _forget(self, source: str) -> None:
        del self._until[source]
        self._refused.discard(source)


class PendingLogins:
    """The SSH connections of one frps that have not logged in."""

    def __init__(self, penalties: Penalties) -> None:
        self.penalties = penalties
        self._waiting: dict[str, dict[PendingLogin, None]] = {}  # by source, oldest first; MAX_WAITING in all
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def enter(self, address: str, end: Callable[[str], None]) -> PendingLogin:
        """Count one more connection from ``address``. ``end`` is called with a reason when it must give way."""
        source = source_of(address)
        if len(self._waiting.get(source, ())) >= MAX_OF_SOURCE:
            self._end_oldest(source)
        elif self._count >= MAX_WAITING:
            self._end_oldest(max(self._waiting, key=lambda source: len(self._waiting[source])))
        waiting = PendingLogin(self, source, end)
        self._waiting.setdefault(source, {})[waiting] = None
        self._count += 1
        return waiting

    def left(self, waiting: PendingLogin) -> None:
        """``waiting`` counts no longer; called by itself alone."""
        of_source = self._waiting[waiting.source]
        del of_source[waiting]
        self._count -= 1
        if not of_source:
            del self._waiting[waiting.source]

    def end_all(self, reason: str) -> None:
        """End all of them; frps stops."""
        for of_source in list(self._waiting.values()):
            for waiting in list(of_source):
                waiting.end(reason)

    def _end_oldest(self, source: str) -> None:
        next(iter(self._waiting[source])).end("too many connections have not logged in")


class PendingLogin:
    """One connection that counts."""

    __slots__ = ("_end", "_table", "_timer", "source")

    def __init__(self, table: PendingLogins, source: str, end: Callable[[str], None]) -> None:
        self.source = source
        self._table = table
        self._end = end
        loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = loop.call_later(LIFETIME, self._too_slow)

    def leave(self) -> None:
        """It has logged in, or is gone; may be called again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._table.left(self)

    def failed(self, failure: LoginFailure) -> None:
        """Add a penalty; only a connection that still counts is punished."""
        if self._timer is not None:
            self._table.penalties.add(self.source, failure)

    def end(self, reason: str) -> None:
        """End the connection for ``reason``; it counts no longer."""
        self.leave()
        self._end(reason)

    def _too_slow(self) -> None:
        self.failed(LoginFailure.SLOW)
        self.end(f"nobody has logged in within {LIFETIME:g} seconds")
