"""The first bytes of a connection, on ports that serve several protocols."""

from __future__ import annotations

from collections.abc import Callable

from aiofrp.aio import TimeLimit
from aiofrp.stream.base import Buffer, NullReceiver, Stream, nothing


class FirstBytes(NullReceiver):
    """Receiver that waits for the first ``size`` bytes, then detaches and hands what came to ``decided``.

    The connection is closed after the time of ``limit`` without them; ``gone`` is called when it is lost before.
    """

    __slots__ = ("_decided", "_gone", "_head", "_limit", "_size", "_stream")

    def __init__(
        self,
        stream: Stream,
        size: int,
        limit: TimeLimit,
        decided: Callable[[bytes], None],
        gone: Callable[[], None] = nothing,
    ) -> None:
        self._stream = stream
        self._size = size
        self._decided = decided
        self._gone = gone
        self._head = b""
        self._limit = limit
        limit.start(self)
        stream.attach(self)

    def data_received(self, data: Buffer, /) -> None:
        """Keep ``data``; with ``size`` bytes, detach and decide."""
        self._head += data
        if len(self._head) >= self._size:
            self._limit.stop(self)
            self._stream.detach()
            self._decided(self._head)

    def eof_received(self) -> None:
        """Close: the bytes will not come."""
        self._stream.close()

    def connection_lost(self, exc: Exception | None, /) -> None:
        """Stop waiting and call ``gone``."""
        self._limit.stop(self)
        self._gone()

    def time_out(self) -> None:
        """Close: the bytes have not come in time."""
        self._stream.close()
