"""Joining two streams: all bytes received on one are written to the other.

No task, future or queue: each side's receiver calls the other side's ``write``. Half-close is passed on; back-pressure
uses ``pause_reading``. The reference closes both sides when one direction ends, and so loses late data. Here the other
direction continues while it makes progress, and ends after ``linger`` seconds without any.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from typing import Protocol

from aiofrp.aio import TimeLimit, time_limit
from aiofrp.stream.base import Buffer, Pause, Stream

#: Seconds without bytes after which the second direction is ended once the first one has ended.
LINGER = 60.0
#: Seconds without bytes after which a connection is ended while its program ends.
IDLE = 1.0


class Splice:
    """Two joined streams.

    ``bytes_in`` counts the bytes received from ``a``, ``bytes_out`` those from ``b``. ``done`` is called once with the
    splice when both streams have ended. ``linger``: :data:`LINGER` where it is ``None``. ``source`` is the address and
    port of the user, where one asks for it.
    """

    __slots__ = ("_a", "_b", "_done", "_limit", "_linger", "_seen", "source")

    def __init__(
        self,
        a: Stream,
        b: Stream,
        done: Callable[[Splice], None] | None = None,
        linger: float | None = None,
        source: tuple[str, int] = ("", 0),
    ) -> None:
        self.source = source
        self._done = done
        self._linger = LINGER if linger is None else linger
        self._limit: TimeLimit | None = None  # once one direction has ended
        self._seen = 0
        self._a = _End(self, a, b)
        self._b = _End(self, b, a)

    @property
    def bytes_in(self) -> int:
        """Bytes received from ``a``."""
        return self._a.count

    @property
    def bytes_out(self) -> int:
        """Bytes received from ``b``."""
        return self._b.count

    def start(self, from_a: Buffer = b"", from_b: Buffer = b"") -> None:
        """Attach to both streams. ``from_a``, ``from_b``: bytes already read from each; they are passed on first."""
        if from_a:
            self._a.data_received(from_a)
        if from_b:
            self._b.data_received(from_b)
        self._a.stream.attach(self._a)
        self._b.stream.attach(self._b)

    def abort(self) -> None:
        """Abort both streams."""
        self._a.stream.abort()
        self._b.stream.abort()

    # Called by the ends

    def half_closed(self) -> None:
        """A direction ended: close both streams after the second one, else wait for progress of it."""
        if self._a.ended and self._b.ended:
            self._a.stream.close()
            self._b.stream.close()
        elif self._limit is None:
            self._limit = time_limit(self._linger)
            self._wait()

    def lost(self, end: _End, exc: Exception | None) -> None:
        """A stream has ended: end the other one the same way, and call ``done`` after the second one."""
        other = self._b if end is self._a else self._a
        if not other.gone:
            other.stop_writing_back()
            if exc is None:
                other.stream.close()
            else:
                other.stream.abort()
            return
        if self._limit is not None:
            self._limit.stop(self)
        self._a.release()
        self._b.release()
        done, self._done = self._done, None
        if done is not None:
            done(self)

    # A second direction without progress

    def time_out(self) -> None:
        """Called by the limit: close both streams, unless there was progress."""
        if self._a.count + self._b.count != self._seen:
            self._wait()
        else:
            self._a.stream.close()
            self._b.stream.close()

    def _wait(self) -> None:
        self._seen = self._a.count + self._b.count
        if self._limit is not None:
            self._limit.start(self)


class Running(Protocol):
    """A splice, or another connection that ends by itself."""

    @property
    def bytes_in(self) -> int:
        """Bytes received from one side."""

    @property
    def bytes_out(self) -> int:
        """Bytes received from the other side."""

    def abort(self) -> None:
        """End the connection at once."""


async def let_finish(running: Callable[[], Iterable[Running]], finished: asyncio.Event, grace: float) -> None:
    """Wait until all ``running`` connections have ended, for ``grace`` seconds, then end the rest. ``finished`` is set
    when none is left. Those that move nothing within :data:`IDLE` seconds are ended before."""
    loop = asyncio.get_running_loop()
    end = loop.time() + grace
    while (left := end - loop.time()) > 0:
        moved = {connection: _moved(connection) for connection in running()}
        if not moved:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(left, IDLE)):
                await finished.wait()
        for connection in list(running()):
            if moved.get(connection) == _moved(connection):
                connection.abort()
    for connection in list(running()):
        connection.abort()


def _moved(connection: Running) -> int:
    return connection.bytes_in + connection.bytes_out


class Splices:
    """The running connections of one owner, so that it can let them finish; limited by open files."""

    __slots__ = ("_drained", "_in", "_open", "_out")

    def __init__(self) -> None:
        self._open: set[Running] = set()
        self._in = self._out = 0  # bytes of those that have ended
        self._drained: asyncio.Event | None = None

    def __len__(self) -> int:
        return len(self._open)

    def opened(self, splice: Running) -> None:
        """Add a connection that began."""
        self._open.add(splice)

    def closed(self, splice: Running) -> None:
        """Remove a connection that has ended; suitable as ``done`` of :class:`Splice`."""
        self._open.discard(splice)
        self._in += splice.bytes_in
        self._out += splice.bytes_out
        if self._drained is not None and not self._open:
            self._drained.set()

    @property
    def bytes_in(self) -> int:
        """Bytes received from one side, of those that have ended too."""
        return self._in + sum(running.bytes_in for running in self._open)

    @property
    def bytes_out(self) -> int:
        """Bytes received from the other side, of those that have ended too."""
        return self._out + sum(running.bytes_out for running in self._open)

    async def drain(self, grace: float) -> None:
        """Wait until all have ended, at most ``grace`` seconds, then abort the rest; idle ones first, see
        :func:`let_finish`."""
        self._drained = asyncio.Event()
        await let_finish(lambda: self._open, self._drained, grace)


class _End:
    """The receiver of one stream, writing to the other."""

    __slots__ = ("_other", "_splice", "_writes", "borrows", "count", "ended", "gone", "stream")
    __deletable__ = ("_splice",)  # for mypyc

    def __init__(self, splice: Splice, stream: Stream, other: Stream) -> None:
        self._splice = splice
        self._other = other
        self._writes = True  # a flag: a bound method of each connection would take 64 bytes
        self.borrows: bool = getattr(other, "copies", False)  # see :mod:`aiofrp.stream.lent`
        self.stream = stream
        self.count = 0
        self.ended = False
        self.gone = False

    def data_received(self, data: Buffer, /) -> None:
        self.count += len(data)
        if self._writes:
            self._other.write(data)

    def eof_received(self) -> None:
        self.ended = True
        self._other.write_eof()
        self._splice.half_closed()

    def connection_lost(self, exc: Exception | None, /) -> None:
        self.gone = True
        self._splice.lost(self, exc)

    def pause_writing(self) -> None:
        self._other.pause_reading(Pause.PEER)

    def resume_writing(self) -> None:
        self._other.resume_reading(Pause.PEER)

    def release(self) -> None:
        """Break the cycle of references after the last call, so that memory is freed without the garbage collector."""
        del self._splice

    def stop_writing_back(self) -> None:
        """The other stream has ended: drop what is still received here."""
        self._writes = False


def join(
    a: Stream,
    b: Stream,
    from_a: Buffer = b"",
    from_b: Buffer = b"",
    *,
    done: Callable[[Splice], None] | None = None,
    linger: float | None = None,
) -> Splice:
    """Join two streams until both have ended.

    ``from_a``, ``from_b``: bytes already read from each side. ``linger``: seconds without bytes after which the second
    direction is ended once the first one has ended, :data:`LINGER` where it is ``None``. ``done`` is called once at the
    end.
    """
    splice = Splice(a, b, done, linger)
    splice.start(from_a, from_b)
    return splice
