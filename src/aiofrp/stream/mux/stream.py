"""One yamux stream: its windows, its queue, its ends (docs/protocol/wire.md §3).

A stream knows its session only as a :class:`StreamSession`; frames, turns and time are the session's.
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar, Protocol

from aiofrp.errors import Closed, RemoteProtocolError
from aiofrp.faults import FAULTS
from aiofrp.stream.base import Buffer, Stream
from aiofrp.stream.layer import ENDED
from aiofrp.stream.windowed import QUEUE_LOW, WindowedCarrier, WindowedStream
from aiofrp.wire.yamux import FIN, INITIAL_WINDOW, LARGEST_PAYLOAD, MAX_WINDOW, RST, WINDOW_UPDATE

#: Bytes that may come after our close before the stream is reset.
_LATE_DATA = 128 * 1024
#: Bytes one stream may send in its turn when the carrier was full.
QUANTUM = LARGEST_PAYLOAD
#: Bytes one stream sends in one write of the carrier while that is not full.
_MOST_AT_ONCE = 256 * 1024


class StreamSession(WindowedCarrier, Protocol):
    """The methods of a session that its streams use."""

    @property
    def carrier(self) -> Stream:
        """The stream that carries the session."""

    @property
    def close_timeout(self) -> float:
        """Seconds the peer has to finish a stream that was closed here."""

    def send(self, kind: int, flags: int, stream_id: int, length: int) -> None:
        """Send a frame without payload, whether or not the carrier is full."""

    def send_data(self, stream_id: int, data: Buffer) -> None:
        """Send ``data`` in data frames; only while :meth:`may_write` is true."""


class MuxStream(WindowedStream[StreamSession]):
    """One yamux stream: made by its session, which calls ``receive`` … ``reset`` and ``send_turn``."""

    __slots__ = (
        "_closed_at",
        "_fin_queued",
        "_fin_seen",
        "_fin_sent",
        "id",
    )

    copies: ClassVar[bool] = True  #: what is written to it, see :mod:`aiofrp.stream.lent`
    FIRST_WINDOW: ClassVar[int] = INITIAL_WINDOW
    LARGEST_WINDOW: ClassVar[int] = MAX_WINDOW

    def __init__(self, session: StreamSession, stream_id: int, *, opened: bool) -> None:
        super().__init__(session, INITIAL_WINDOW, opened=opened)
        self.id = stream_id
        self._fin_queued = self._fin_sent = self._fin_seen = False
        self._closed_at: float | None = None

    def __repr__(self) -> str:
        return (
            f"<MuxStream {self.id} dead={self.dead} fin={self._fin_sent}/{self._fin_seen} "
            f"window={self._send_window} queued={self._queued}>"
        )

    # Stream: sending

    def write(self, data: Buffer, /) -> None:
        size = len(data)
        if self._queued or not self._direct():
            if not self.dead and not self._fin_queued and size:
                self._enqueue(data, size)
        elif 0 < size <= self._send_window and size <= _MOST_AT_ONCE:
            self._send_window -= size
            self._carrier.send_data(self.id, data)
        else:
            self._write_large(data, size)

    def _write_large(self, data: Buffer, size: int) -> None:
        """Send frames of ``data`` while window and carrier allow; queue the rest."""
        view, at = memoryview(data), 0
        while at < size and self._send_window and self._carrier.may_write():
            stop = min(size, at + _MOST_AT_ONCE, at + self._send_window)
            self._send_window -= stop - at
            self._carrier.send_data(self.id, view[at:stop])
            at = stop
        if at < size:
            self._enqueue(view[at:], size - at)

    def write_eof(self) -> None:
        if not self._fin_queued:
            self._fin_queued = True
            if not self._queued:
                self._send_fin()

    def close(self) -> None:
        if self.dead:
            self._end_locally()
        elif self._closed_at is None:
            self._closed_at = asyncio.get_running_loop().time()
            self._consumed_bytes = 0
            self._discard_held()
            self.write_eof()
            if self._fin_sent:
                self._end_locally()

    def abort(self) -> None:
        self.reset(None)
        self._end_locally()

    def info(self, key: str, /) -> Any:
        below = self._carrier.carrier.info(key)
        return ("mux", *below) if key == "layers" else below

    # For the session: receiving

    def receive(self, payload: Buffer, length: int) -> None:
        """Payload of a data frame; ``length`` is the whole frame's, or 0 for a later part of it."""
        if length:
            self._receive_window -= length
            if self._receive_window < 0:
                raise RemoteProtocolError(f"yamux: stream {self.id} sent {length} bytes beyond its window")
        if self._fin_seen or not payload:
            return  # a Go peer closing while another goroutine writes sends data after its FIN
        if self._closed_at is not None:
            self._late_data(len(payload))
        elif self._gate:
            self._hold(payload)
        else:
            try:
                self._receiver.data_received(payload)
            except FAULTS as exc:
                self.receiver_failed(exc)
            else:
                self._consumed(len(payload))

    def fin_received(self) -> None:
        """The peer sent FIN."""
        if self.dead:
            return
        if self._fin_seen:
            raise RemoteProtocolError(f"yamux: a second FIN on stream {self.id}")
        self._fin_seen = True
        self._give_back_window()
        self._deliver_eof()
        self._check_finished()

    def reset_received(self) -> None:
        """The peer sent RST."""
        self._die(Closed("the peer reset the stream"))

    def add_window(self, credit: int) -> None:
        """The peer sent a window update: ``credit`` bytes more may be sent."""
        self._send_window += credit
        if self._send_window > 0xFFFFFFFF:
            raise RemoteProtocolError(f"yamux: the window of stream {self.id} overflows")
        if self._queued and self._is_open:
            self._carrier.queue(self)

    def opened(self) -> None:
        """Our SYN was sent."""
        self._is_open = True
        if self._queued or (self._fin_queued and not self._fin_sent):
            self._carrier.queue(self)

    def session_lost(self, exc: Exception | None) -> None:
        """The session has ended: an error for the stream, unless both directions have ended."""
        finished = self._closed_at is not None or (self._fin_seen and self._fin_sent)
        self._die(None if finished else exc or Closed("the multiplexed session was closed"))

    @property
    def finished_sending(self) -> bool:
        """Whether our FIN was sent."""
        return self._fin_sent

    def overdue(self, now: float) -> bool:
        """Whether the peer has not sent FIN within ``close_timeout`` seconds after our close."""
        return self._closed_at is not None and now - self._closed_at >= self._carrier.close_timeout

    def reset(self, exc: Exception | None) -> None:
        """End the stream at once and send RST; its receiver gets ``connection_lost(exc)``."""
        if not self.dead:
            if self._is_open:
                self._carrier.send(WINDOW_UPDATE, RST, self.id, 0)
            self._die(exc)

    # For the session: sending

    def send_turn(self, quantum: int) -> bool:
        while self._queue and self._send_window and quantum > 0 and self._carrier.may_write():
            chunk = self._next_chunk(min(self._send_window, quantum))
            quantum -= len(chunk)
            self._carrier.send_data(self.id, chunk)
        if self._queued <= QUEUE_LOW:
            self._resume_writer()
        if self._queued:
            return self._send_window > 0
        if self._fin_queued and not self._fin_sent:
            self._send_fin()
        return False

    # Private

    def _direct(self) -> bool:
        return self._is_open and self._carrier.may_write() and not self._fin_queued and not self.dead

    def _send_fin(self) -> None:
        if self._is_open and not self._fin_sent and not self.dead:
            self._fin_sent = True
            self._carrier.send(WINDOW_UPDATE, FIN, self.id, 0)
            if self._fin_seen:
                asyncio.get_running_loop().call_soon(self._check_finished)
            if self._closed_at is not None:
                self._end_locally()

    def _check_finished(self) -> None:
        if self._fin_seen and self._fin_sent and not self.dead:
            self.dead = True
            self._forget()
            self._deliver_lost(None)

    def _die(self, exc: Exception | None) -> None:
        if self.dead:
            return
        self.dead = True
        self._drop_queue()
        self._discard_held()
        self._forget()
        if self._closed_at is not None or exc is None:
            self._end_locally(None)
        else:
            self._deliver_lost(exc)

    def _late_data(self, size: int) -> None:
        """Drop data that came after our close; reset the stream above ``_LATE_DATA`` bytes."""
        self._consumed_bytes += size
        if self._consumed_bytes > _LATE_DATA:
            self.reset(None)

    def _forget(self) -> None:
        self._give_back_window()
        self._carrier.forget(self)
        self._waiting = None
        if self._holding is not None and not self._holding.size:
            self._holding = None

    def _send_credit(self, credit: int) -> None:
        self._carrier.send(WINDOW_UPDATE, 0, self.id, credit)

    def _stalled(self, exc: Closed) -> None:
        if not self.dead:
            self.reset(exc)
        elif not self._gate & ENDED:
            self._cut_off(exc)
