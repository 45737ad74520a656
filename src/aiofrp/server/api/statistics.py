"""What frps has counted: its proxies, traffic by day, connections (docs/protocol/server.md §10).

Values and an injected clock only: it knows no sockets, no sessions and no answers of the API.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Protocol

#: Days for each of which traffic is summed, today included (docs/protocol/server.md §10).
DAYS = 7
#: Seconds a closed proxy is remembered, and seconds between calls of :meth:`Statistics.prune`
#: (docs/protocol/server.md §10).
REMEMBERED = 7 * 24 * 3600.0
PRUNE_EVERY = 12 * 3600.0
#: Closed proxies remembered at most; the one that has been closed longest is forgotten first.
CLOSED_LIMIT = 10_000

Clock = Callable[[], float]


class Observer(Protocol):
    """Gets the events of a frps, each in a callback: no method may wait or raise.

    The order for one proxy is ``proxy_opened``, any number of connections, ``proxy_closed``; connections may outlive
    their proxy.
    """

    def client_opened(self) -> None:
        """A client has logged in and was answered."""

    def client_closed(self) -> None:
        """The session of a client has ended."""

    def proxy_opened(self, name: str, kind: str, user: str, client_id: str, run_id: str = "") -> None:
        """A proxy of type ``kind`` serves users from now on. ``client_id``: as its client gave it, may be empty."""

    def proxy_closed(self, name: str, kind: str) -> None:
        """A proxy takes no more users."""

    def connection_opened(self, name: str, kind: str) -> None:
        """A user of the proxy ``name`` was joined to a work connection."""

    def connection_closed(self, name: str, kind: str) -> None:
        """A connection of :meth:`connection_opened` has ended."""

    def traffic(self, name: str, kind: str, bytes_in: int, bytes_out: int) -> None:
        """``bytes_in`` came from users of the proxy and ``bytes_out`` went to them: once for each connection, at its
        end, and for each batch of datagrams."""

    def lost(self, name: str, kind: str, cause: str, count: int) -> None:
        """Datagrams of the proxy, or users, were lost: see :class:`aiofrp.stream.udp.losses.Losses`."""


class DailyCounter:
    """A sum for each of the last :data:`DAYS` days, in local time. A day is the ordinal of its date."""

    __slots__ = ("_day", "_sums")

    def __init__(self, day: int) -> None:
        """``day``: the present day, as everywhere below; it never goes back."""
        self._day = day
        self._sums = deque([0] * DAYS, maxlen=DAYS)

    def add(self, amount: int, day: int) -> None:
        """Count ``amount`` for ``day``."""
        self._go_to(day)
        self._sums[0] += amount

    def today(self, day: int) -> int:
        """The sum of ``day``."""
        self._go_to(day)
        return self._sums[0]

    def restore(self, sums: Sequence[int], day: int) -> None:
        """Add ``sums`` of earlier days, that of ``day`` first, to what was counted."""
        for ago, amount in enumerate(sums):
            place = self._day - day + ago
            if 0 <= place < DAYS:
                self._sums[place] += amount

    def days(self, day: int) -> list[int]:
        """The sums of :data:`DAYS` days, that of ``day`` first."""
        self._go_to(day)
        return list(self._sums)

    def _go_to(self, day: int) -> None:
        for _ in range(min(day - self._day, DAYS)):
            self._sums.appendleft(0)
        self._day = max(day, self._day)


class ProxyRecord:
    """The counts of one proxy name; times are seconds since 1970, 0 for never."""

    __slots__ = (
        "client_id",
        "connections",
        "kind",
        "last_close",
        "last_start",
        "name",
        "open",
        "run_id",
        "traffic_in",
        "traffic_out",
        "user",
    )

    def __init__(self, name: str, kind: str, day: int) -> None:
        self.name = name
        self.kind = kind
        self.user = ""
        self.client_id = ""  #: as configured, may be empty
        self.run_id = ""
        self.open = False
        self.connections = 0
        self.traffic_in = DailyCounter(day)
        self.traffic_out = DailyCounter(day)
        self.last_start = 0.0
        self.last_close = 0.0


class Statistics:
    """The counters of one frps; an :class:`Observer`.

    A name that comes back with the same type goes on counting, with another type it starts afresh.
    """

    def __init__(self, clock: Clock = time.time) -> None:
        self._clock = clock
        self._day = 0
        self._day_begins = self._day_ends = 0.0
        self.clients = 0
        self.connections = 0
        self.proxy_counts: dict[str, int] = {}  # by type; there are eight
        self.traffic_in = DailyCounter(self.today)
        self.traffic_out = DailyCounter(self.today)
        self._proxies: dict[str, ProxyRecord] = {}  # the closed ones limited by CLOSED_LIMIT
        self._closed: dict[str, None] = {}  # names of closed proxies, the longest closed first
        self.changed: Callable[[ProxyRecord], None] = lambda record: None
        """Called when a proxy has opened or closed."""

    def __repr__(self) -> str:
        return f"<Statistics clients={self.clients} proxies={len(self._proxies)}>"

    @property
    def today(self) -> int:
        """The ordinal of the present local date."""
        now = self._clock()
        if not self._day_begins <= now < self._day_ends:  # asked for every datagram, so remembered
            day = date.fromtimestamp(now)
            self._day = day.toordinal()
            self._day_begins, self._day_ends = _midnight(day), _midnight(day + timedelta(days=1))
        return self._day

    # Observer

    def client_opened(self) -> None:
        """One more client is online."""
        self.clients += 1

    def client_closed(self) -> None:
        """One client less is online."""
        self.clients -= 1

    def proxy_opened(self, name: str, kind: str, user: str, client_id: str, run_id: str = "") -> None:
        """Go on with the record of the name if it has the same type, else begin another."""
        self.proxy_counts[kind] = self.proxy_counts.get(kind, 0) + 1
        record = self._proxies.get(name)
        if record is None or record.kind != kind:
            record = self._proxies[name] = ProxyRecord(name, kind, self.today)
        self._closed.pop(name, None)
        record.user, record.client_id, record.run_id, record.open = user, client_id, run_id, True
        record.last_start = self._clock()
        self.changed(record)

    def proxy_closed(self, name: str, kind: str) -> None:
        """Keep the record as that of a closed proxy; the one closed longest is forgotten above :data:`CLOSED_LIMIT`."""
        self.proxy_counts[kind] -= 1
        record = self._find(name, kind)
        if record is None:
            return
        record.open, record.last_close = False, self._clock()
        self.changed(record)
        self._closed[name] = None
        if len(self._closed) > CLOSED_LIMIT:
            self._forget(next(iter(self._closed)))

    def connection_opened(self, name: str, kind: str) -> None:
        """One more connection, in all and of the proxy."""
        self.connections += 1
        record = self._find(name, kind)
        if record is not None:
            record.connections += 1

    def connection_closed(self, name: str, kind: str) -> None:
        """One connection less, in all and of the proxy."""
        self.connections -= 1
        record = self._find(name, kind)
        if record is not None and record.connections:  # 0: forgotten since the connection opened, and back
            record.connections -= 1

    def traffic(self, name: str, kind: str, bytes_in: int, bytes_out: int) -> None:
        """Add to the sums of today, in all and of the proxy."""
        day = self.today
        self.traffic_in.add(bytes_in, day)
        self.traffic_out.add(bytes_out, day)
        record = self._find(name, kind)
        if record is not None:
            record.traffic_in.add(bytes_in, day)
            record.traffic_out.add(bytes_out, day)

    def lost(self, name: str, kind: str, cause: str, count: int) -> None:
        """Not among what the pages of frps show."""

    # Queries

    def proxies(self, kind: str = "") -> list[ProxyRecord]:
        """The records of one type, or all, by name."""
        records = [record for record in self._proxies.values() if kind in ("", record.kind)]
        return sorted(records, key=lambda record: record.name)

    def proxy(self, name: str) -> ProxyRecord | None:
        """The record of the proxy ``name``; ``None`` when it never ran or is forgotten."""
        return self._proxies.get(name)

    def total(self) -> ProxyRecord:
        """The sums of all proxies, as a record without a name."""
        record = ProxyRecord("", "", self.today)
        record.traffic_in, record.traffic_out = self.traffic_in, self.traffic_out
        return record

    def restore(
        self,
        name: str,
        kind: str,
        owner: tuple[str, str],
        times: tuple[float, float],
        day: int,
        traffic: tuple[Sequence[int], Sequence[int]],
    ) -> None:
        """Take over the sums of a proxy from an earlier run of the program, as those of a closed one; those of all
        proxies where ``name`` is empty. ``owner``: user and client id; ``times``: of the last start and close;
        ``traffic``: bytes in and out of days, ``day`` first."""
        record = self.total() if not name else self._proxies.get(name)
        if record is None:
            if len(self._closed) >= CLOSED_LIMIT:
                return
            record = self._proxies[name] = ProxyRecord(name, kind, self.today)
            record.user, record.client_id = owner
            record.last_start, record.last_close = (
                times[0],
                max(times),
            )  # a program that was killed closed nothing
            self._closed[name] = None
        record.traffic_in.restore(traffic[0], day)
        record.traffic_out.restore(traffic[1], day)

    # Forgetting

    def prune(self, older_than: float = 0.0) -> tuple[int, int]:
        """Forget proxies closed for more than ``older_than`` seconds. Returns how many these were, and how many records
        there were before."""
        now, total = self._clock(), len(self._proxies)
        old = [name for name in self._closed if now - self._proxies[name].last_close > older_than]
        for name in old:
            self._forget(name)
        return len(old), total

    def _forget(self, name: str) -> None:
        del self._closed[name], self._proxies[name]

    def _find(self, name: str, kind: str) -> ProxyRecord | None:
        record = self._proxies.get(name)
        return record if record is not None and record.kind == kind else None


def _midnight(day: date) -> float:
    return datetime.combine(day, datetime.min.time()).timestamp()
