"""The open connections of users of a frps, one by one: when each began, how fast it is, and what all have moved so far.

Nothing here is called for the bytes of a connection: who wants rates calls :meth:`LiveConnection.sample` now and then.
"""

from __future__ import annotations

import time
from itertools import count

from aiofrp.host.contexts import Joined

_ids = count(1)


class Flow:
    """What the users of all proxies have moved: what their open connections have moved counts from their last sample
    on, the rest at their end."""

    __slots__ = ("bytes_in", "bytes_out", "connections")

    def __init__(self) -> None:
        self.bytes_in = 0  #: from users
        self.bytes_out = 0  #: to users
        self.connections = 0  #: that were opened

    def add(self, bytes_in: int, bytes_out: int) -> None:
        """Count bytes from users and to them."""
        self.bytes_in += bytes_in
        self.bytes_out += bytes_out


class LiveConnection:
    """One open connection of a proxy, or a work connection that many requests pass through."""

    __slots__ = ("_sampled", "id", "joined", "since")

    def __init__(self, joined: Joined) -> None:
        self.joined = joined
        self.id = next(_ids)  #: unique in this process
        self.since = time.time()  #: seconds since 1970
        self._sampled: _Sample | None = None

    def sample(self, now: float, flow: Flow) -> None:
        """Take the rate since the last sample, and count what was moved since then in ``flow``. ``now`` is the time in
        seconds since 1970."""
        last, joined = self._sampled, self.joined
        if last is None:
            last = self._sampled = _Sample(self.since)
        bytes_in, bytes_out = joined.bytes_in, joined.bytes_out
        flow.add(bytes_in - last.bytes_in, bytes_out - last.bytes_out)
        last.take(bytes_in, bytes_out, now)

    def finish(self, flow: Flow) -> None:
        """The connection has ended: count in ``flow`` what is not counted yet."""
        last, joined = self._sampled, self.joined
        if last is None:
            flow.add(joined.bytes_in, joined.bytes_out)
        else:
            flow.add(joined.bytes_in - last.bytes_in, joined.bytes_out - last.bytes_out)

    def rates(self, now: float) -> tuple[int, int]:
        """Bytes per second from the user and to him, between the last two samples; since the beginning where there are
        no two."""
        last = self._sampled
        if last is not None:
            return last.rates
        seconds = max(now - self.since, 1.0)
        return int(self.joined.bytes_in / seconds), int(self.joined.bytes_out / seconds)


class _Sample:
    """The counts of a connection at some time, and the rates until then."""

    __slots__ = ("at", "bytes_in", "bytes_out", "rates")

    def __init__(self, at: float) -> None:
        self.at = at
        self.bytes_in = self.bytes_out = 0
        self.rates = (0, 0)

    def take(self, bytes_in: int, bytes_out: int, now: float) -> None:
        seconds = max(now - self.at, 1.0)
        self.rates = int((bytes_in - self.bytes_in) / seconds), int((bytes_out - self.bytes_out) / seconds)
        self.at, self.bytes_in, self.bytes_out = now, bytes_in, bytes_out
