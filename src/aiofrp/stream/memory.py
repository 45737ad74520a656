"""A pair of connected streams in memory, for tests and for connections within one process.

Bytes written on one end are delivered on the other on a later loop turn, in chunks of a chosen size.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Any

from aiofrp.errors import Closed, FrpError
from aiofrp.stream.base import Buffer, Stream
from aiofrp.stream.layer import LayerStream

#: Bytes in flight above which ``pause_writing`` is called, and below which ``resume_writing`` is.
HIGH_WATER, LOW_WATER = 64 * 1024, 16 * 1024


def memory_pair(
    *, chunk: int = 64 * 1024, high_water: int = HIGH_WATER, facts: Mapping[str, Any] | None = None
) -> tuple[MemoryStream, MemoryStream]:
    """Two connected streams; each delivers at most ``chunk`` bytes at a time, and a writer is paused while more than
    ``high_water`` bytes are on their way. ``facts``: what :meth:`info` of both knows, such as ``peername``."""
    a, b = MemoryStream(chunk, facts, high_water), MemoryStream(chunk, facts, high_water)
    a.peer, b.peer = b, a
    return a, b


def refuse(user: Stream, error: FrpError) -> None:
    """Close the stream of a user who cannot be served. Where the user is a part of this program, the other end of a
    pair in memory, it finds the error as its ``refusal``."""
    if isinstance(user, MemoryStream):
        user.peer.refusal = error
    user.close()


class MemoryStream(LayerStream):
    """One end of a pair."""

    __slots__ = (
        "_chunk",
        "_closing",
        "_eof_seen",
        "_eof_sent",
        "_facts",
        "_flight",
        "_flight_size",
        "_high_water",
        "_low_water",
        "_scheduled",
        "peer",
        "refusal",
    )

    peer: MemoryStream

    def __init__(
        self, chunk: int, facts: Mapping[str, Any] | None = None, high_water: int = HIGH_WATER
    ) -> None:
        super().__init__()
        self._facts = facts or {}
        self._chunk = chunk
        self._high_water, self._low_water = high_water, high_water // 4
        self._flight: deque[Buffer | None] = deque()  # towards this end; None is EOF; limited by _high_water
        self._flight_size = 0
        self._scheduled = False
        self._eof_seen = False
        self._eof_sent = False
        self._closing = False
        self.refusal: FrpError | None = (
            None  #: why the other end could not serve this one: see :func:`refuse`
        )

    # Stream

    def write(self, data: Buffer, /) -> None:
        if data and not (self._eof_sent or self._closing or self._lost):
            self.peer._arrive(bytes(data))
            if self.peer._flight_size > self._high_water:
                self._pause_writer()

    def write_eof(self) -> None:
        if not (self._eof_sent or self._closing or self._lost):
            self._eof_sent = True
            self.peer._arrive(None)
            self._schedule_end()

    def close(self) -> None:
        if not self._closing:
            self.write_eof()
            self._closing = True
            self.peer._schedule_end()
        self._end_locally()

    def abort(self) -> None:
        if not self._closing and not self._lost:
            self.peer._peer_aborted()
        self._closing = True
        self._end_locally()

    def info(self, key: str, /) -> Any:
        return ("memory",) if key == "layers" else self._facts.get(key)

    # Private

    def _arrive(self, data: bytes | None) -> None:
        if not self._lost:
            self._flight.append(data)
            self._flight_size += len(data) if data else 0
            self._schedule()

    def _schedule(self) -> None:
        if not self._scheduled and self._flight:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._step)

    def _step(self) -> None:
        """Deliver one chunk; the next one follows on a later turn of the loop."""
        self._scheduled = False
        if self._gate or self._lost or not self._flight:
            return
        data = self._flight.popleft()
        if data is None:
            self._eof_seen = True
            self._deliver_eof()
        else:
            self._deliver_chunk(data)
        self._schedule()
        self._schedule_end()

    def _deliver_chunk(self, data: Buffer) -> None:
        if len(data) > self._chunk:
            view = memoryview(data)
            self._flight.appendleft(view[self._chunk :])
            data = bytes(view[: self._chunk])
        self._flight_size -= len(data)
        self._deliver(data)
        if self._flight_size <= self._low_water:
            self.peer._resume_writer()

    def _schedule_end(self) -> None:
        """The end follows whatever is in flight: after the peer's close, or when both directions ended."""
        if not self._flight and (self.peer._closing or (self._eof_seen and self._eof_sent)):
            asyncio.get_running_loop().call_soon(self._deliver_lost, None)

    def _peer_aborted(self) -> None:
        self._flight.clear()
        if not self._lost:
            asyncio.get_running_loop().call_soon(
                self._deliver_lost, Closed("the peer aborted the connection")
            )

    def _gate_opened(self) -> None:
        self._schedule()
        self._schedule_end()
