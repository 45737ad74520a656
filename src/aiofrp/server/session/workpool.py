"""Ready work connections of one client, and the users waiting for one (docs/protocol/server.md §2.4)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from aiofrp import faults
from aiofrp.aio import TimeLimit
from aiofrp.errors import Closed, FrpError, TimedOut
from aiofrp.server.session.admission import refuse
from aiofrp.server.session.opener import WorkOpener
from aiofrp.stream.base import Buffer, NullReceiver, Stream
from aiofrp.wire.frp.codec import Codec
from aiofrp.wire.frp.messages import StartWorkConn

#: Connections the pool holds beyond the client's pool count (docs/protocol/server.md §2.4).
SPARE = 10
#: Users waiting for a work connection at most; more are refused at once.
MAX_WAITING = 4096
#: Why users and work connections are refused after the end of a session.
_CLOSED = "control is already closed"


class WorkConnection(NullReceiver):
    """One idle work connection; the receiver of its stream until it is taken."""

    __slots__ = ("_pool", "codec", "stream")

    def __init__(self, stream: Stream, codec: Codec) -> None:
        self.stream = stream
        self.codec = codec
        self._pool: WorkPool | None = None

    def idle_in(self, pool: WorkPool) -> None:
        """Become the receiver of the stream; ``pool`` gets :meth:`WorkPool.lost` when it ends."""
        self._pool = pool
        self.stream.attach(self)

    def start(self, message: StartWorkConn) -> Stream:
        """Send ``message``, which names the user, and return the stream without a receiver."""
        self._pool = None
        self.stream.detach()
        self.stream.write(self.codec.encode(message))
        return self.stream

    def refuse(self, error: str) -> None:
        """Send the client the reason, and close the connection."""
        refuse(self.stream, refusal(self.codec, error))

    def data_received(self, data: Buffer, /) -> None:
        """Abort: a client may send nothing before StartWorkConn."""
        self.stream.abort()

    def eof_received(self) -> None:
        """The client gave its connection up: leave the pool."""
        self.stream.close()
        self._leave()

    def connection_lost(self, exc: Exception | None, /) -> None:
        """The connection ended while it waited: leave the pool."""
        self._leave()

    def _leave(self) -> None:
        if self._pool is not None:
            self._pool.lost(self)
            self._pool = None


def refusal(codec: Codec, error: str) -> bytes:
    """The StartWorkConn message, encoded, that refuses a work connection with ``error``."""
    return codec.encode(StartWorkConn(error=error))


class _Waiting:
    """A user's place in the queue."""

    __slots__ = ("_pool", "failed", "ready", "start")

    def __init__(
        self,
        pool: WorkPool,
        start: StartWorkConn,
        ready: Callable[[Stream], None],
        failed: Callable[[FrpError], None],
    ) -> None:
        self._pool = pool
        self.start = start
        self.ready = ready
        self.failed = failed

    def time_out(self) -> None:
        """No work connection has come in time: the user leaves the queue."""
        self._pool.give_up(self)


class WorkPool:
    """The work connections of one control session.

    ``request`` sends one ReqWorkConn to the client; ``timeout`` is ``userConnTimeout`` in seconds. With an ``opener``
    nothing is asked for: it opens a connection when a user comes and none is idle.
    """

    def __init__(
        self, size: int, request: Callable[[], None], timeout: float, opener: WorkOpener | None = None
    ) -> None:
        self._capacity = size + SPARE
        self._request = request
        self._limit = TimeLimit(timeout)
        self._idle: deque[WorkConnection] = deque()  # limited by _capacity
        self._waiting: deque[_Waiting] = deque()  # limited by MAX_WAITING
        # Loop times of requests not answered yet; at most one for each missing connection.
        self._asked: deque[float] = deque()
        self._size = 0 if opener is not None else size
        self._opener = opener
        self._closed = False

    def __repr__(self) -> str:
        return f"<WorkPool idle={len(self._idle)}/{self._capacity} waiting={len(self._waiting)}>"

    def add(self, work: WorkConnection) -> None:
        """Give a new work connection to the user who waits longest, or keep it, or refuse it when the pool is full."""
        if self._asked:
            self._asked.popleft()
        if self._closed:
            work.refuse(_CLOSED)
        elif self._waiting:
            waiting = self._waiting.popleft()
            self._limit.stop(waiting)
            self._hand_over(work, waiting.start, waiting.ready)
        elif len(self._idle) >= self._capacity:
            work.refuse("work connection pool is full, discarding")
        else:
            self._idle.append(work)
            work.idle_in(self)

    def take(
        self, start: StartWorkConn, ready: Callable[[Stream], None], failed: Callable[[FrpError], None]
    ) -> None:
        """Send ``start`` on a work connection and give it to ``ready``: now if one is idle, else when one comes;
        ``failed`` is called after the time-out, or at once when the session is over."""
        if self._closed:
            failed(Closed(_CLOSED))
        elif self._idle:
            self._hand_over(self._idle.popleft(), start, ready)
        elif self._opener is not None:
            self._opener.take(start, ready, failed)
        elif len(self._waiting) >= MAX_WAITING:
            failed(Closed(f"{MAX_WAITING} users are already waiting for a work connection"))
        else:
            waiting = _Waiting(self, start, ready, failed)
            self._limit.start(waiting)
            self._waiting.append(waiting)
            self.fill()

    def fill(self) -> None:
        """Ask for as many connections as users wait for and the pool lacks, less those already on their way.

        A request without answer within the time-out counts as lost.
        """
        now = asyncio.get_running_loop().time()
        while self._asked and now - self._asked[0] > self._limit.seconds:
            self._asked.popleft()
        for _ in range(len(self._waiting) + self._size - len(self._idle) - len(self._asked)):
            self._asked.append(now)
            self._request()

    def lost(self, work: WorkConnection) -> None:
        """An idle connection has ended: it is given to no user."""
        if work in self._idle:
            self._idle.remove(work)

    def close(self) -> None:
        """The session is over: close idle connections and call ``failed`` of each waiting user."""
        self._closed = True
        idle, self._idle = self._idle, deque()
        for work in idle:
            work.stream.close()
        waiting, self._waiting = self._waiting, deque()
        for user in waiting:
            self._limit.stop(user)
            faults.call("a user was not told that its client left", user.failed, Closed(_CLOSED))

    def give_up(self, waiting: _Waiting) -> None:
        """``waiting`` has waited for ``timeout`` seconds; called by its limit."""
        self._waiting.remove(waiting)
        waiting.failed(TimedOut("timeout trying to get work connection"))

    def _hand_over(self, work: WorkConnection, start: StartWorkConn, ready: Callable[[Stream], None]) -> None:
        stream = work.start(start)
        self.fill()
        ready(stream)
