"""The first bytes of a connection, on ports that serve several protocols."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiofrp.stream.base import Buffer, NullReceiver, Stream, nothing


class FirstBytes(NullReceiver):
    """Receiver that waits for the first ``size`` bytes, then detaches and hands what came to ``decided``.

    The connection is closed after ``timeout`` seconds without them; ``gone`` is called when it is lost before.
    """

    __slots__ = ("_decided", "_gone", "_head", "_size", "_stream", "_timer")

    def __init__(
        self,
        stream: Stream,
        size: int,
        timeout: float,
        decided: Callable[[bytes], None],
        gone: Callable[[], None] = nothing,
    ) -> None:
        self._stream = stream
        self._size = size
        self._decided = decided
        self._gone = gone
        self._head = b""
        self._timer = asyncio.get_running_loop().call_later(timeout, self._end)
        stream.attach(self)

    def data_received(self, data: Buffer, /) -> None:
        """Keep ``data``; with ``size`` bytes, detach and decide."""
        self._head += data
        if len(self._head) >= self._size:
            self._timer.cancel()
            self._stream.detach()
            self._decided(self._head)

    def eof_received(self) -> None:
        """Close: the bytes will not come."""
        self._end()

    def connection_lost(self, exc: Exception | None, /) -> None:
        """Stop waiting and call ``gone``."""
        self._timer.cancel()
        self._gone()

    def _end(self) -> None:
        self._stream.close()
