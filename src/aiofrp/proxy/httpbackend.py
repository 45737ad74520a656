"""Work connections that speak HTTP to a local service: one exchange at a time, kept for the next one.

Knows who uses a connection only as its :class:`BackendUser`, and nothing of heads and bodies.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from aiofrp.errors import Closed, FrpError
from aiofrp.host.contexts import ServerContext
from aiofrp.host.relay import server_side
from aiofrp.stream.base import Buffer, Stream
from aiofrp.stream.splice import Splice
from aiofrp.stream.transform import through
from aiofrp.wire.frp.messages import StartWorkConn
from aiofrp.wire.transforms.base import Buffer as TransformBuffer

#: Idle connections that are kept, and for how many seconds (docs/protocol/server.md §6.5).
KEPT, KEPT_SECONDS = 5, 60.0
#: What a burst leaves beyond those goes after this many seconds; above this number at once.
SURPLUS_SECONDS, MAX_IDLE = 2.0, 256
#: Seconds between two looks at idle connections.
_LOOK = 1.0


class BackendUser(Protocol):
    """Who has a connection for the time of one exchange."""

    def backend_data(self, data: Buffer, /) -> None:
        """The service sent bytes."""

    def backend_eof(self) -> None:
        """The service finished sending."""

    def backend_lost(self, exc: Exception | None, /) -> None:
        """The connection is gone."""

    def backend_full(self) -> None:
        """Stop sending until ``backend_drained``."""

    def backend_drained(self) -> None:
        """There is room again."""


class Backend:
    """One work connection; the receiver of its stream from beginning to end.

    ``bytes_in`` counts what went to the service, ``bytes_out`` what came from it. ``full``: it takes no more for
    now. ``reused``: it has served an exchange before.
    """

    __slots__ = (
        "_backends",
        "_ended",
        "bytes_in",
        "bytes_out",
        "full",
        "idle_since",
        "reused",
        "stream",
        "user",
    )

    def __init__(self, stream: Stream, backends: Backends) -> None:
        self.stream = stream
        self.user: BackendUser | None = None
        self.bytes_in = 0
        self.bytes_out = 0
        self.full = False
        self.reused = False
        self.idle_since = 0.0
        self._backends = backends
        self._ended = False
        stream.attach(self)

    # For the user

    def write(self, data: Buffer) -> None:
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
            self._backends.put(self)

    def close(self) -> None:
        """No more use: end the connection after what was written."""
        self.user = None
        self.stream.close()

    def abort(self) -> None:
        """The exchange broke off, or frps stops: drop the connection."""
        self.stream.abort()

    def tunnel(self, user: Stream, from_user: Buffer = b"", from_service: Buffer = b"") -> None:
        """Join ``user`` to the service for good; the bytes were already read from either."""
        self.user = None
        self.stream.detach()
        self._backends.join(user, self, from_user, from_service)

    # Receiver

    def data_received(self, data: Buffer, /) -> None:
        self.bytes_out += len(data)
        if self.user is not None:
            self.user.backend_data(data)
        else:  # nobody asked
            self._leave_idle()
            self.stream.abort()

    def eof_received(self) -> None:
        self._ended = True
        if self.user is not None:
            self.user.backend_eof()
        else:
            self._leave_idle()
            self.stream.close()

    def connection_lost(self, exc: Exception | None, /) -> None:
        user, self.user = self.user, None
        if user is not None:
            user.backend_lost(exc)
        else:
            self._leave_idle()
        self._backends.closed(self)

    def pause_writing(self) -> None:
        self.full = True
        if self.user is not None:
            self.user.backend_full()

    def resume_writing(self) -> None:
        self.full = False
        if self.user is not None:
            self.user.backend_drained()

    def _leave_idle(self) -> None:
        self._ended = True
        self._backends.lost(self)


class Backends:
    """The connections to one proxy's service: any number in use, a few idle ones."""

    __slots__ = ("_closed", "_context", "_idle", "_timer")

    def __init__(self, context: ServerContext) -> None:
        self._context = context
        self._idle: list[Backend] = []  # the longest idle first; limited by MAX_IDLE
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"<Backends [{self._context.message.proxy_name}] idle={len(self._idle)}>"

    def take(
        self,
        source: tuple[str, int],
        ready: Callable[[Backend], None],
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
            self._context.take_work_connection(
                self._start(source), lambda work: ready(self._opened(work)), failed
            )

    def take_stream(
        self,
        source: tuple[str, int],
        ready: Callable[[Stream, Callable[[], None]], None],
        failed: Callable[[FrpError], None],
    ) -> None:
        """A new connection as a bare stream, for HTTP/2; ``ready`` also gets what to call when it is gone."""

        def opened(work: Stream) -> None:
            metered = _Metered(server_side(work, self._context))
            traffic = self._context.traffic
            traffic.opened(metered)
            ready(metered.stream, lambda: traffic.closed(metered))

        if self._closed:
            failed(Closed("the proxy is closed"))
        else:
            self._context.take_work_connection(self._start(source), opened, failed)

    def put(self, backend: Backend) -> None:
        """A connection became idle."""
        if self._closed or len(self._idle) >= MAX_IDLE:
            backend.close()
            return
        loop = asyncio.get_running_loop()
        backend.idle_since = loop.time()
        self._idle.append(backend)
        if self._timer is None:
            self._timer = loop.call_later(_LOOK, self._look)

    def lost(self, backend: Backend) -> None:
        """An idle connection ended."""
        if backend in self._idle:
            self._idle.remove(backend)

    def close(self) -> None:
        """The proxy is gone: drop idle connections; those in use end with their exchange."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        idle, self._idle = self._idle, []
        for backend in idle:
            backend.close()

    # For the connections

    def closed(self, backend: Backend) -> None:
        """A connection is gone; its counters are final."""
        self._context.traffic.closed(backend)

    def join(self, user: Stream, backend: Backend, from_user: Buffer, from_service: Buffer) -> None:
        """A connection became a tunnel."""
        traffic = self._context.traffic
        splice = Splice(user, backend.stream, traffic.closed)
        traffic.opened(splice)
        traffic.closed(backend)
        splice.start(from_user, from_service)

    # Private

    def _start(self, source: tuple[str, int]) -> StartWorkConn:
        name = self._context.message.proxy_name
        return StartWorkConn(proxy_name=name, src_addr=source[0], src_port=source[1])

    def _opened(self, work: Stream) -> Backend:
        context = self._context
        backend = Backend(server_side(work, context), self)
        context.traffic.opened(backend)
        return backend

    def _look(self) -> None:
        """Close what was idle for too long."""
        now = asyncio.get_running_loop().time()
        while self._idle and now - self._idle[0].idle_since >= self._limit():
            self._idle.pop(0).close()
        self._timer = asyncio.get_running_loop().call_later(_LOOK, self._look) if self._idle else None

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
