"""Connections to one HTTP service. Each serves one exchange at a time and is kept idle for the next one.

The user of a connection is known here only as the :class:`~aiofrp.stream.base.Receiver` of what the service sends.
Heads and bodies are not parsed here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from aiofrp.compiled.marks import mypyc_attr
from aiofrp.errors import Closed, FrpError
from aiofrp.stream.base import Buffer, Receiver, Stream
from aiofrp.stream.splice import Splice
from aiofrp.stream.transform import through
from aiofrp.wire.transforms.base import Buffer as TransformBuffer

#: Idle connections that are kept, and for how many seconds (docs/protocol/server.md §6.5).
KEPT, KEPT_SECONDS = 5, 60.0
#: Idle connections beyond :data:`KEPT` are closed after this many seconds; beyond :data:`MAX_IDLE` at once.
SURPLUS_SECONDS, MAX_IDLE = 2.0, 256
#: Seconds between two checks of idle connections.
_CHECK_EVERY = 1.0


class Counted(Protocol):
    """The byte counts of one connection to the service, read while it is open and once more when it has ended."""

    @property
    def source(self) -> tuple[str, int]:
        """The address and port of its user, of several the latest."""

    @property
    def bytes_in(self) -> int:
        """Bytes sent to the service so far."""

    @property
    def bytes_out(self) -> int:
        """Bytes received from the service so far."""

    def abort(self) -> None:
        """Close the connection at once; bytes that were not sent are lost."""


class Counter(Protocol):
    """Counts the open connections of an upstream and their bytes.

    For each connection :meth:`opened` is called once, then :meth:`closed` once.
    """

    def opened(self, connection: Counted, /) -> None:
        """``connection`` was opened."""

    def closed(self, connection: Counted, /) -> None:
        """``connection`` has ended, or a tunnel counts in its place now; its numbers no longer change."""


class Open(Protocol):
    """Opens a connection to the service."""

    def __call__(
        self,
        source: tuple[str, int],
        ready: Callable[[Stream], None],
        failed: Callable[[FrpError], None],
        /,
    ) -> None:
        """Open a connection for the user at ``source``, an address and a port.

        Exactly one of ``ready`` and ``failed`` is called, once, within this call or later. ``ready`` gets the stream;
        it has no receiver yet.
        """


class UpstreamConnection:
    """One connection to the service; the receiver of its stream, except after :meth:`tunnel`.

    ``bytes_in`` counts the bytes sent to the service, ``bytes_out`` those received from it. ``full``: the stream has
    called ``pause_writing`` and not ``resume_writing`` since. ``reused``: it has served an exchange before.
    ``idle_since``: when it became idle, in seconds of the loop's clock. ``source``: the address and port of the latest
    user. ``user`` is the receiver of what the service
    sends during an exchange; the owner of the exchange sets it, and ``None`` means that the connection is idle.
    """

    __slots__ = (
        "_ended",
        "_upstream",
        "bytes_in",
        "bytes_out",
        "full",
        "idle_since",
        "reused",
        "source",
        "stream",
        "user",
    )

    def __init__(self, stream: Stream, upstream: Upstream, source: tuple[str, int]) -> None:
        self.stream = stream
        self.source = source
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
        """Send bytes of the request to the service. ``full`` may be set within this call."""
        self.bytes_in += len(data)
        self.stream.write(data)

    def write_eof(self) -> None:
        """Send EOF to the service, unless it would not answer then. The connection serves no other exchange
        afterwards."""
        if self._upstream.half_closes:
            self._ended = True
            self.stream.write_eof()

    def release(self) -> None:
        """The exchange is complete: keep the connection for another one, or close it after :meth:`write_eof`."""
        self.user = None
        self.reused = True
        if self._ended:
            self.stream.close()
        else:
            self._upstream.put(self)

    def close(self) -> None:
        """Close the connection once the bytes written before are sent. ``user`` gets no further call."""
        self.user = None
        self.stream.close()

    def abort(self) -> None:
        """Close the connection at once, because the exchange failed or the program stops. ``user`` then gets
        ``connection_lost``."""
        self.stream.abort()

    def tunnel(self, user: Stream, from_user: Buffer = b"", from_service: Buffer = b"") -> None:
        """Pass bytes between ``user`` and the service in both directions until both end.

        ``user`` has no receiver. ``from_user`` and ``from_service`` were already read and are passed on first.
        """
        self.user = None
        self.stream.detach()
        self._upstream.join(user, self, from_user, from_service)

    # Receiver

    def data_received(self, data: Buffer, /) -> None:
        self.bytes_out += len(data)
        if self.user is not None:
            self.user.data_received(data)
        else:  # bytes without a request
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


@mypyc_attr(allow_interpreted_subclasses=True)
class Upstream:
    """The connections to one service: any number in use, and at most :data:`MAX_IDLE` idle ones."""

    __slots__ = ("_closed", "_counter", "_idle", "_loop", "_name", "_open", "_timer", "half_closes")

    def __init__(self, name: str, open: Open, counter: Counter, *, half_closes: bool = True) -> None:
        """``name`` appears in ``repr``. ``open`` opens a connection. ``counter`` is called when one opens and ends.
        ``half_closes``: whether the service answers after EOF; one that speaks TLS may drop its response (RFC 5246
        §7.2.1)."""
        self.half_closes = half_closes
        self._name = name
        self._open = open
        self._counter = counter
        self._idle: list[UpstreamConnection] = []  # the longest idle first; limited by MAX_IDLE
        self._loop: asyncio.AbstractEventLoop | None = None
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
        """Find or open a connection for the user at ``source``, an address and a port.

        Exactly one of ``ready`` and ``failed`` is called, once. ``ready`` gets an idle connection within this call, or
        a new one within this call or later; with ``fresh`` always a new one. ``failed`` gets the error of ``open``, or
        :class:`~aiofrp.errors.Closed` after :meth:`close`.
        """
        if self._closed:
            failed(Closed("the proxy is closed"))
        elif self._idle and not fresh:
            connection = self._idle.pop()
            connection.source = source
            ready(connection)
        else:
            self._open(source, lambda stream: ready(self._opened(stream, source)), failed)

    def take_stream(
        self,
        source: tuple[str, int],
        ready: Callable[[Stream, Callable[[], None]], None],
        failed: Callable[[FrpError], None],
    ) -> None:
        """Open a new connection for HTTP/2, for the user at ``source``.

        Exactly one of ``ready`` and ``failed`` is called, once, within this call or later. ``ready`` gets the stream,
        which has no receiver, and a function that its owner calls once when the stream has ended.
        """

        def opened(stream: Stream) -> None:
            metered = _Metered(stream, source)
            self._counter.opened(metered)
            ready(metered.stream, lambda: self._counter.closed(metered))

        if self._closed:
            failed(Closed("the proxy is closed"))
        else:
            self._open(source, opened, failed)

    def put(self, connection: UpstreamConnection) -> None:
        """Keep ``connection``, which became idle; close it when there are :data:`MAX_IDLE` already."""
        if self._closed or len(self._idle) >= MAX_IDLE:
            connection.close()
            return
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()  # a system call, so only once
        connection.idle_since = loop.time()
        self._idle.append(connection)
        if self._timer is None:
            self._timer = loop.call_later(_CHECK_EVERY, self._close_surplus)

    def lost(self, connection: UpstreamConnection) -> None:
        """Remove ``connection``, which ended while it was idle."""
        if connection in self._idle:
            self._idle.remove(connection)

    def close(self) -> None:
        """Close the idle connections, and refuse to open others. Those in use end with their exchange."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    # For the connections

    def closed(self, connection: UpstreamConnection) -> None:
        """``connection`` has ended; its counters no longer change."""
        self._counter.closed(connection)

    def join(
        self, user: Stream, connection: UpstreamConnection, from_user: Buffer, from_service: Buffer
    ) -> None:
        """Connect ``user`` and the stream of ``connection`` by a splice, which counts from now on."""
        splice = Splice(user, connection.stream, self._counter.closed, source=connection.source)
        self._counter.opened(splice)
        self._counter.closed(connection)
        splice.start(from_user, from_service)

    # Private

    def _opened(self, stream: Stream, source: tuple[str, int]) -> UpstreamConnection:
        connection = UpstreamConnection(stream, self, source)
        self._counter.opened(connection)
        return connection

    def _close_surplus(self) -> None:
        """Close connections that were idle for too long; runs every :data:`_CHECK_EVERY` seconds while any is idle."""
        now = asyncio.get_running_loop().time()
        while self._idle and now - self._idle[0].idle_since >= self._limit():
            self._idle.pop(0).close()
        self._timer = (
            asyncio.get_running_loop().call_later(_CHECK_EVERY, self._close_surplus) if self._idle else None
        )

    def _limit(self) -> float:
        return KEPT_SECONDS if len(self._idle) <= KEPT else SURPLUS_SECONDS


class _Metered:
    """Counts the bytes that pass through ``stream``, whose receiver is another object."""

    __slots__ = ("bytes_in", "bytes_out", "source", "stream")

    def __init__(self, work: Stream, source: tuple[str, int]) -> None:
        self.source = source
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
