"""Reading a stream by ``await``, for handshakes.

After the handshake, :meth:`Reader.detach` returns the bytes that it did not use to the stream, which then gets another
receiver. No stream has a reader and another receiver at the same time.
"""

from __future__ import annotations

import asyncio

from aiofrp.errors import Closed, RemoteProtocolError
from aiofrp.stream.base import Buffer, Pause, Stream

#: Bytes held above which reading from the peer is paused.
LIMIT = 64 * 1024


class Reader:
    """The receiver of ``stream`` during a handshake."""

    __slots__ = ("_buffer", "_eof", "_exc", "_limit", "_paused", "_stream", "_waiter")

    def __init__(self, stream: Stream, early: Buffer = b"", *, limit: int = LIMIT) -> None:
        """``early``: bytes already read. ``limit``: bytes held at most."""
        self._stream = stream
        self._limit = limit
        self._buffer = bytearray(early)
        self._eof = False
        self._exc: Exception | None = None
        self._paused = False
        self._waiter: asyncio.Future[None] | None = None
        stream.attach(self)

    # Reading

    async def read(self) -> bytes:
        """Wait for some bytes; ``b""`` at EOF. Raises the stream's error when it ended with one."""
        while not self._buffer and not self._eof:
            await self._more()
        if self._exc is not None and not self._buffer:
            raise self._exc
        data = bytes(self._buffer)
        self._buffer.clear()
        self._relieve()
        return data

    async def read_exactly(self, size: int) -> bytes:
        """Exactly ``size`` bytes.

        Raises :class:`~aiofrp.errors.Closed` when the stream ends before, or the stream's own error.
        """
        while len(self._buffer) < size:
            if self._eof:
                raise self._exc or Closed(f"the connection ended after {len(self._buffer)} of {size} bytes")
            await self._more()
        return self._take(size)

    async def read_until(self, mark: bytes, limit: int = LIMIT) -> bytes:
        """Everything up to and including ``mark``, ``limit`` bytes at most.

        Raises :class:`~aiofrp.errors.RemoteProtocolError` when the first ``limit`` bytes hold no mark, and
        :class:`~aiofrp.errors.Closed` when the stream ends before, or the stream's own error.
        """
        start = 0
        while (at := self._buffer.find(mark, start, limit)) < 0:
            if len(self._buffer) >= limit:
                raise RemoteProtocolError(f"no {mark!r} within {limit} bytes")
            if self._eof:
                raise self._exc or Closed("the connection ended in the middle of a head")
            start = max(0, len(self._buffer) - len(mark) + 1)
            await self._more()
        return self._take(at + len(mark))

    def detach(self) -> None:
        """Detach from the stream; bytes received and not read go back into it."""
        self._stream.detach()
        self._stream.unread(bytes(self._buffer))
        self._buffer.clear()
        if self._paused:
            self._stream.resume_reading(Pause.PEER)

    # Receiver

    def data_received(self, data: Buffer, /) -> None:
        self._buffer += data
        if len(self._buffer) > self._limit and not self._paused:
            self._paused = True
            self._stream.pause_reading(Pause.PEER)
        self._wake()

    def eof_received(self) -> None:
        self._eof = True
        self._wake()

    def connection_lost(self, exc: Exception | None, /) -> None:
        self._eof, self._exc = True, exc
        self._wake()

    def pause_writing(self) -> None:
        pass

    def resume_writing(self) -> None:
        pass

    # Private

    def _take(self, size: int) -> bytes:
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._relieve()
        return data

    def _relieve(self) -> None:
        if self._paused and len(self._buffer) <= self._limit // 2:
            self._paused = False
            self._stream.resume_reading(Pause.PEER)

    async def _more(self) -> None:
        if self._paused:  # the caller wants more than the limit: let it in
            self._paused = False
            self._stream.resume_reading(Pause.PEER)
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
