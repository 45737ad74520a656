"""Connections to one service of HTTP: one exchange at a time on each, kept for the next one.

Knows who uses a connection only as the :class:`~aiofrp.stream.base.Receiver` of what the service sends, and nothing of
heads and bodies.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from aiofrp.errors import Closed, FrpError
from aiofrp.stream.base import Buffer, Receiver, Stream
from aiofrp.stream.splice import Splice
from aiofrp.stream.transform import through
from aiofrp.wire.transforms.base import Buffer as TransformBuffer

#: Idle connections that are kept, and for how many seconds (docs/protocol/server.md §6.5).
KEPT, KEPT_SECONDS = 5, 60.0
#: What a burst leaves beyond those goes after this many seconds; above this number at once.
SURPLUS_SECONDS, MAX_IDLE = 2.0, 256
#: Seconds between two checks of idle connections.
_CHECK_EVERY = 1.0


class Counted(Protocol):
    """A connection to the service, as long as it carries bytes."""

    @property
    def bytes_in(self) -> int:
        """Bytes that went to the service."""

    @property
    def bytes_out(self) -> int:
        """Bytes that came from it."""

    def abort(self) -> None:
        """Drop it now."""


class Counter(Protocol):
    """Keeps the connections of an upstream and counts them."""

    def opened(self, connection: Counted, /) -> None:
        """There is one more."""

    def closed(self, connection: Counted, /) -> None:
        """It is gone, or became another one; its numbers are final."""


class Open(Protocol):
    """Opens a connection to the service."""

    def __call__(
        self,
        source: tuple[str, int],
        ready: Callable[[Stream], None],
        failed: Callable[[FrpError], None],
        /,
    ) -> None:
        """Open one for the user at ``source``: exactly one of ``ready`` and ``failed`` is called, once, within this
        call or later. Nobody is attached to the stream given to ``ready``."""


class UpstreamConnection:
    """One connection to the service; the receiver of its stream from beginning to end.

    ``bytes_in`` counts what went to the service, ``bytes_out`` what came from it. ``full``: it takes no more for
    now. ``reused``: it has served an exchange before. ``user`` receives what the service sends during an exchange.
    """

    __slots__ = (
        "_ended",
        "_upstream",
        "bytes_in",
        "bytes_out",
        "full",
        "idle_since",
        "reused",
        "stream",
        "user",
    )

    def __init__(self, stream: Stream, upstream: Upstream) -> None:
        self.stream = stream
        self.user: Receiver | None = None
        self.bytes_in = 0
        self.bytes_out = 0
        self.full = False
        self.reused = False
        self.idle_since = 0.0
        self._upstream = upstream
        self._ended = False
        stream.attach(self)

    # For the user

    def write(self, data: Buffer) -> None:
        """Send more of the request."""
        self.bytes_in += len(data)
        self.stream.write(data)

    def write_eof(self) -> None:
        """Nothing more goes to the service; it serves no other exchange."""
        self._ended = True
        self.stream.write_eof()

    def release(self) -> None:
        """The exchange is over and the service takes another one."""
        self.user = None
        self.reused = True
        if self._ended:
            self.stream.close()
        else:
            self._upstream.put(self)

    def close(self) -> None:
        """No more use: end the connection after what was written."""
        self.user = None
        self.stream.close()

    def abort(self) -> None:
        """The exchange broke off, or the program stops: drop the connection."""
        self.stream.abort()

    def tunnel(self, user: Stream, from_user: Buffer = b"", from_service: Buffer = b"") -> None:
        """Join ``user`` to the service for good; the bytes were already read from either."""
        self.user = None
        self.stream.detach()
        self._upstream.join(user, self, from_user, from_service)

    # Receiver

    def data_received(self, data: Buffer, /) -> None:
        self.bytes_out += len(data)
        if self.user is not None:
            self.user.data_received(data)
        else:  # nobody asked
            self._leave_idle()
            self.stream.abort()

    def eof_received(self) -> None:
        self._ended = True
        if self.user is not None:
            self.user.eof_received()
        else:
            self._leave_idle()
            self.stream.close()

    def connection_lost(self, exc: Exception | None, /) -> None:
        user, self.user = self.user, None
        if user is not None:
            user.connection_lost(exc)
        else:
            self._leave_idle()
        self._upstream.closed(self)

    def pause_writing(self) -> None:
        self.full = True
        if self.user is not None:
            self.user.pause_writing()

    def resume_writing(self) -> None:
        self.full = False
        if self.user is not None:
            self.user.resume_writing()

    def _leave_idle(self) -> None:
        self._ended = True
        self._upstream.lost(self)


class Upstream:
    """The connections to one service: any number in use, a few idle ones."""

    __slots__ = ("_closed", "_counter", "_idle", "_name", "_open", "_timer")

    def __init__(self, name: str, open: Open, counter: Counter) -> None:
        """``name``: for the log. ``open`` makes a connection, ``counter`` gets each as long as it lives."""
        self._name = name
        self._open = open
        self._counter = counter
        self._idle: list[UpstreamConnection] = []  # the longest idle first; limited by MAX_IDLE
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"<Upstream [{self._name}] idle={len(self._idle)}>"

    def take(
        self,
        source: tuple[str, int],
        ready: Callable[[UpstreamConnection], None],
        failed: Callable[[FrpError], None],
        *,
        fresh: bool = False,
    ) -> None:
        """Give a connection for the user at ``source`` to ``ready``: an idle one unless it must be ``fresh``, else a
        new one as soon as there is one; ``failed`` when none comes."""
        if self._closed:
            failed(Closed("the proxy is closed"))
        elif self._idle and not fresh:
            ready(self._idle.pop())
        else:
            self._open(source, lambda stream: ready(self._opened(stream)), failed)

    def take_stream(
        self,
        source: tuple[str, int],
        ready: Callable[[Stream, Callable[[], None]], None],
        failed: Callable[[FrpError], None],
    ) -> None:
        """A new connection as a bare stream, for HTTP/2; ``ready`` also gets what to call when it is gone."""

        def opened(stream: Stream) -> None:
            metered = _Metered(stream)
            self._counter.opened(metered)
            ready(metered.stream, lambda: self._counter.closed(metered))

        if self._closed:
            failed(Closed("the proxy is closed"))
        else:
            self._open(source, opened, failed)

    def put(self, connection: UpstreamConnection) -> None:
        """A connection became idle."""
        if self._closed or len(self._idle) >= MAX_IDLE:
            connection.close()
            return
        loop = asyncio.get_running_loop()
        connection.idle_since = loop.time()
        self._idle.append(connection)
        if self._timer is None:
            self._timer = loop.call_later(_CHECK_EVERY, self._close_surplus)

    def lost(self, connection: UpstreamConnection) -> None:
        """An idle connection ended."""
        if connection in self._idle:
            self._idle.remove(connection)

    def close(self) -> None:
        """The proxy is gone: drop idle connections; those in use end with their exchange."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    # For the connections

    def closed(self, connection: UpstreamConnection) -> None:
        """A connection is gone; its counters are final."""
        self._counter.closed(connection)

    def join(
        self, user: Stream, connection: UpstreamConnection, from_user: Buffer, from_service: Buffer
    ) -> None:
        """A connection became a tunnel."""
        splice = Splice(user, connection.stream, self._counter.closed)
        self._counter.opened(splice)
        self._counter.closed(connection)
        splice.start(from_user, from_service)

    # Private

    def _opened(self, stream: Stream) -> UpstreamConnection:
        connection = UpstreamConnection(stream, self)
        self._counter.opened(connection)
        return connection

    def _close_surplus(self) -> None:
        """Close what was idle for too long."""
        now = asyncio.get_running_loop().time()
        while self._idle and now - self._idle[0].idle_since >= self._limit():
            self._idle.pop(0).close()
        self._timer = (
            asyncio.get_running_loop().call_later(_CHECK_EVERY, self._close_surplus) if self._idle else None
        )

    def _limit(self) -> float:
        return KEPT_SECONDS if len(self._idle) <= KEPT else SURPLUS_SECONDS


class _Metered:
    """Counts what passes through ``stream``, which belongs to somebody else."""

    __slots__ = ("bytes_in", "bytes_out", "stream")

    def __init__(self, work: Stream) -> None:
        self.bytes_in = 0
        self.bytes_out = 0
        self.stream = through(work, [self])

    def encode(self, data: TransformBuffer) -> bytes:
        self.bytes_in += len(data)
        return bytes(data)

    def decode(self, data: TransformBuffer) -> bytes:
        self.bytes_out += len(data)
        return bytes(data)

    def abort(self) -> None:
        self.stream.abort()
