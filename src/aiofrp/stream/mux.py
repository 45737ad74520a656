"""yamux over any stream: many streams on one (spec: wire §3).

The receive side delivers slices of the chunk that arrived and reopens a stream's window as its receiver takes bytes,
so a paused stream fills its own window and never blocks its neighbours. The send side writes straight through while
the carrier has room; when it is full, streams queue, pause their writers, and are served round-robin with a quantum,
so that one bulk stream cannot starve a small message.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiofrp.errors import Closed, FrpError, RemoteProtocolError, TimedOut
from aiofrp.wire.yamux import (
    ACK,
    DATA,
    FIN,
    GO_AWAY,
    HEADER_SIZE,
    INITIAL_WINDOW,
    MAX_WINDOW,
    NORMAL,
    PING,
    PROTOCOL_ERROR,
    RST,
    SYN,
    WINDOW_UPDATE,
    FrameDecoder,
    header,
)

from .base import Buffer, LayerStream, Stream

#: Credit both sides give on opening, beyond the initial window.
_OPEN_CREDIT = MAX_WINDOW - INITIAL_WINDOW
#: Consumed bytes after which credit is returned.
_CREDIT_STEP = MAX_WINDOW // 2
#: Bytes one stream may send in its turn when the carrier was full, and the largest frame we make.
_QUANTUM = 64 * 1024
#: Queued bytes at which a stream's writer is told to pause, and to resume.
_QUEUE_HIGH, _QUEUE_LOW = 128 * 1024, 32 * 1024
#: Bytes of frames without payload (answers to pings, refusals) that may wait for a peer that does not read.
_CONTROL_LIMIT = 1024 * 1024
#: Seconds between looks at overdue streams, and how much early the loop's clock may wake us.
_TICK, _CLOCK_SLACK = 30.0, 0.01


@dataclass(frozen=True, slots=True)
class MuxLimits:
    """What one session may cost, and its times in seconds."""

    keepalive_interval: float = 30.0  #: between pings; 0 or less sends none
    ping_timeout: float = 10.0  #: for the answer to a ping
    open_timeout: float = 75.0  #: for the acknowledgement of a new stream (spec: wire §3)
    close_timeout: float = 300.0  #: a stream closed here whose peer never finishes is reset (spec: wire §3)
    max_unacknowledged: int = 256  #: streams opened here and not yet acknowledged; more wait
    max_streams: int = 65536  #: streams the peer may have open; more are reset
    max_buffered: int = 256 * 1024 * 1024  #: bytes held for paused streams of the session together


class MuxSession:
    """One yamux session; the receiver of its carrier.

    ``on_stream`` is called with each stream the peer opens (a session that expects none passes ``None`` and refuses
    them). ``on_lost`` is called once when the session is over, with the reason or ``None``.
    """

    __slots__ = (
        "_carrier",
        "_closing",
        "_congested",
        "_control_waiting",
        "_decoder",
        "_deferred",
        "_draining",
        "_limits",
        "_loop",
        "_next_id",
        "_on_lost",
        "_on_stream",
        "_parity",
        "_ping_at",
        "_ping_id",
        "_ping_sent",
        "_ready",
        "_remote_going",
        "_streams",
        "_timer",
        "_unacknowledged",
        "buffered",
        "lost",
    )

    def __init__(
        self,
        carrier: Stream,
        *,
        client: bool,
        on_stream: Callable[[MuxStream], None] | None = None,
        on_lost: Callable[[Exception | None], None] | None = None,
        limits: MuxLimits | None = None,
    ) -> None:
        self._carrier = carrier
        self._limits = limits or MuxLimits()
        self._loop = asyncio.get_running_loop()
        self._decoder = FrameDecoder()
        self._streams: dict[int, MuxStream] = {}  # limited by max_streams and max_unacknowledged
        self._next_id = 1 if client else 2
        self._parity = 0 if client else 1  # of the ids the peer uses
        self._on_stream = on_stream
        self._on_lost = on_lost
        self._congested = False
        self._control_waiting = 0  # bytes of frames without payload since the carrier is full
        self._draining = False
        self._ready: deque[MuxStream] = deque()  # streams with something queued; at most one entry each
        self._deferred: deque[MuxStream] = deque()  # opened while too many were unacknowledged
        self._unacknowledged: dict[int, float] = {}  # stream id → loop time of its SYN
        self._remote_going = False
        self._closing = False
        self._ping_id = 0
        self._ping_sent: float | None = None  # loop time of the unanswered ping
        self._ping_at = self._loop.time() + self._limits.keepalive_interval  # when the next one is due
        self._timer: asyncio.TimerHandle | None = None
        self.buffered = 0
        self.lost = False
        self._schedule_tick()
        carrier.attach(self)

    def __repr__(self) -> str:
        state = "lost" if self.lost else "open"
        return f"<MuxSession {state} streams={len(self._streams)} congested={self._congested}>"

    @property
    def stream_count(self) -> int:
        """Streams now in the table."""
        return len(self._streams)

    @property
    def carrier(self) -> Stream:
        """The stream below."""
        return self._carrier

    # Public: open and close

    def open(self) -> MuxStream:
        """Open a stream; it may be written to at once. Raises :class:`~aiofrp.errors.Closed` when the session ends."""
        if self.lost or self._closing or self._remote_going:
            raise Closed("the multiplexed session is closed")
        if self._next_id > 0xFFFFFFFF:
            raise Closed("the multiplexed session has used up its stream numbers")
        stream = MuxStream(self, self._next_id, opened=False)
        self._next_id += 2
        self._streams[stream.id] = stream
        if len(self._unacknowledged) >= self._limits.max_unacknowledged:
            self._deferred.append(stream)
        else:
            self._send_syn(stream)
        return stream

    def close(self) -> None:
        """End the session and every stream on it; what the carrier took is flushed, what streams queue is not."""
        if not self._closing and not self.lost:
            self._closing = True
            self._carrier.close()

    def abort(self) -> None:
        """End the session now."""
        if not self.lost:
            self._closing = True
            self._carrier.abort()

    # Receiver of the carrier

    def data_received(self, data: Buffer, /) -> None:
        try:
            frames = self._decoder.receive_data(data)
            streams = self._streams
            for kind, flags, stream_id, length, payload in frames:
                if not kind and not flags:
                    stream = streams.get(stream_id)
                    if stream is not None:
                        stream.receive(payload, length)
                elif kind <= WINDOW_UPDATE:
                    self._stream_frame(kind, flags, stream_id, length, payload)
                elif kind == PING:
                    self._ping(flags, length)
                else:
                    self._go_away(length)
        except RemoteProtocolError as exc:
            self._fail(exc)

    def eof_received(self) -> None:
        self._closing = True
        self._carrier.close()

    def connection_lost(self, exc: Exception | None, /) -> None:
        self._end(exc)

    def pause_writing(self) -> None:
        self._congested = True

    def resume_writing(self) -> None:
        self._congested = False
        self._control_waiting = 0
        self._drain()

    # For streams: sending

    def may_write(self) -> bool:
        """Whether a frame may go to the carrier right now."""
        return not self._congested

    def send(self, kind: int, flags: int, stream_id: int, length: int) -> None:
        """Send a frame without payload: at once, whatever waits for the carrier."""
        if self.lost:
            return
        self._carrier.write(header(kind, flags, stream_id, length))
        if self._congested:
            self._control_waiting += HEADER_SIZE
            if self._control_waiting > _CONTROL_LIMIT:
                self._end(Closed("the yamux peer asks for answers and does not read them"))
                self._carrier.abort()

    def send_data(self, stream_id: int, data: Buffer) -> None:
        """Send one data frame."""
        self._carrier.write(b"".join((header(DATA, 0, stream_id, len(data)), data)))

    def queue(self, stream: MuxStream) -> None:
        """The stream has something queued that its window lets pass: give it its turn."""
        if not stream.in_turn:
            stream.in_turn = True
            self._ready.append(stream)
            if not self._congested and not self._draining:
                self._draining = True
                self._loop.call_soon(self._drain)

    def forget(self, stream: MuxStream) -> None:
        """The stream is finished in both directions."""
        self._streams.pop(stream.id, None)
        if self._unacknowledged.pop(stream.id, None) is not None:
            self._open_deferred()

    def check_buffered(self, stream: MuxStream) -> None:
        """Reset the stream that makes the session hold more than it may."""
        if self.buffered > self._limits.max_buffered:
            stream.reset(
                Closed(f"the session holds more than {self._limits.max_buffered} bytes for slow readers")
            )

    @property
    def close_timeout(self) -> float:
        """Seconds the peer has to finish a stream closed here."""
        return self._limits.close_timeout

    # Private: frames

    def _stream_frame(self, kind: int, flags: int, stream_id: int, length: int, payload: Buffer) -> None:
        if flags & SYN:
            self._accept(stream_id)
        stream = self._streams.get(stream_id)
        if stream is None:
            return  # a stream already gone: drained and dropped
        # A peer that was sent FIN before it accepted leaves the ACK out (spec: wire §3): any frame is an answer.
        if self._unacknowledged.pop(stream_id, None) is not None:
            self._open_deferred()
        if kind == WINDOW_UPDATE:
            stream.add_window(length)
        else:
            stream.receive(payload, length)
        if flags & RST:
            stream.reset_received()
        elif flags & FIN:
            stream.fin_received()

    def _accept(self, stream_id: int) -> None:
        if stream_id in self._streams or stream_id % 2 != self._parity or not stream_id:
            raise RemoteProtocolError(
                f"yamux: SYN for stream {stream_id}, which is not free for the peer to open"
            )
        if self._on_stream is None or len(self._streams) >= self._limits.max_streams or self._closing:
            self.send(WINDOW_UPDATE, RST, stream_id, 0)
            return
        stream = MuxStream(self, stream_id, opened=True)
        self._streams[stream_id] = stream
        self.send(WINDOW_UPDATE, ACK, stream_id, _OPEN_CREDIT)
        self._on_stream(stream)

    def _ping(self, flags: int, value: int) -> None:
        if flags & SYN:
            self.send(PING, ACK, 0, value)
        elif value == self._ping_id and self._ping_sent is not None:
            self._ping_sent = None
            self._ping_id += 1
            self._schedule_tick()

    def _go_away(self, code: int) -> None:
        if code != NORMAL:
            self._end(Closed(f"yamux: the peer ended the session with code {code}"))
            self._carrier.abort()
        self._remote_going = True

    def _send_syn(self, stream: MuxStream) -> None:
        self._unacknowledged[stream.id] = self._loop.time()
        self.send(WINDOW_UPDATE, SYN, stream.id, _OPEN_CREDIT)
        stream.opened()

    def _open_deferred(self) -> None:
        while self._deferred and len(self._unacknowledged) < self._limits.max_unacknowledged:
            stream = self._deferred.popleft()
            if not stream.dead:
                self._send_syn(stream)

    # Private: sending in turn

    def _drain(self) -> None:
        self._draining = False
        ready = self._ready
        while ready and not self._congested and not self.lost:
            stream = ready.popleft()
            if stream.send_turn(_QUANTUM):
                ready.append(stream)
            else:
                stream.in_turn = False

    # Private: time

    def _schedule_tick(self) -> None:
        """Look again when the next ping or its answer is due, and for overdue streams within ``_TICK`` seconds."""
        if self.lost:
            return
        if self._timer is not None:
            self._timer.cancel()
        due = self._loop.time() + min(_TICK, self._limits.open_timeout, self._limits.close_timeout)
        if self._ping_sent is not None:
            due = min(due, self._ping_sent + self._limits.ping_timeout)
        elif self._limits.keepalive_interval > 0:
            due = min(due, self._ping_at)
        self._timer = self._loop.call_at(due, self._tick)

    def _tick(self) -> None:
        now = self._loop.time() + _CLOCK_SLACK
        if self._ping_sent is not None and now - self._ping_sent >= self._limits.ping_timeout:
            self._time_out(f"no answer to a yamux ping within {self._limits.ping_timeout:g} s")
            return
        if self._unanswered_open(now):
            self._time_out(f"a new stream was not acknowledged within {self._limits.open_timeout:g} s")
            return
        for stream in [s for s in self._streams.values() if s.overdue(now)]:
            stream.reset(None)
        if self._limits.keepalive_interval > 0 and self._ping_sent is None and now >= self._ping_at:
            self._ping_sent = now
            self._ping_at = now + self._limits.keepalive_interval
            self.send(PING, SYN, 0, self._ping_id)
        self._schedule_tick()

    def _unanswered_open(self, now: float) -> bool:
        """Whether a stream still wanted was not acknowledged in time."""
        for stream_id, since in self._unacknowledged.items():  # oldest first
            if now - since < self._limits.open_timeout:
                return False
            if not self._streams[stream_id].finished_sending:
                return True
        return False

    def _time_out(self, text: str) -> None:
        self._end(TimedOut(text))
        self._carrier.abort()

    # Private: the end

    def _fail(self, exc: FrpError) -> None:
        """The peer broke the rules: say so and close (spec: wire §3)."""
        if not self.lost:
            self.send(GO_AWAY, 0, 0, PROTOCOL_ERROR)
            self._end(exc)
            self._carrier.close()

    def _end(self, exc: Exception | None) -> None:
        if self.lost:
            return
        self.lost = True
        if self._timer is not None:
            self._timer.cancel()
        streams = list(self._streams.values())
        self._streams.clear()  # in place: a chunk may be half processed
        self._ready.clear()
        self._deferred.clear()
        self._unacknowledged.clear()
        for stream in streams:
            stream.session_lost(exc)
        on_lost, self._on_lost, self._on_stream = self._on_lost, None, None
        if on_lost is not None:
            on_lost(exc)


class MuxStream(LayerStream):
    """One yamux stream."""

    __slots__ = (
        "_closed_at",
        "_consumed_bytes",
        "_fin_queued",
        "_fin_seen",
        "_fin_sent",
        "_is_open",
        "_queue",
        "_queued",
        "_receive_window",
        "_send_window",
        "_session",
        "dead",
        "id",
        "in_turn",
    )

    def __init__(self, session: MuxSession, stream_id: int, *, opened: bool) -> None:
        super().__init__()
        self.id = stream_id
        self.dead = False
        self.in_turn = False
        self._session = session
        self._is_open = opened  # our SYN, or the peer's, is out
        self._send_window = INITIAL_WINDOW
        self._receive_window = MAX_WINDOW  # what the peer may still send
        self._consumed_bytes = 0  # taken by the receiver, credit not yet returned
        self._queue: deque[Buffer] | None = None  # limited by _QUEUE_HIGH through pause_writing
        self._queued = 0
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
        elif 0 < size <= self._send_window and size <= _QUANTUM:
            self._send_window -= size
            self._session.send_data(self.id, data)
        else:
            self._write_large(data, size)

    def _write_large(self, data: Buffer, size: int) -> None:
        """Send frames of ``data`` while window and carrier allow; queue the rest."""
        view, at = memoryview(data), 0
        while at < size and self._send_window and self._session.may_write():
            stop = min(size, at + _QUANTUM, at + self._send_window)
            self._send_window -= stop - at
            self._session.send_data(self.id, view[at:stop])
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
            self._closed_at = self._session._loop.time()
            self._consumed_bytes = 0
            self._discard_held()
            self.write_eof()
            if self._fin_sent:
                self._end_locally()

    def abort(self) -> None:
        self.reset(None)
        self._end_locally()

    def unread(self, data: Buffer, /) -> None:
        self._consumed_bytes -= len(data)
        super().unread(data)

    def info(self, key: str, /) -> Any:
        below = self._session.carrier.info(key)
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
            self._session.check_buffered(self)
        else:
            self._receiver.data_received(payload)
            self._consumed(len(payload))

    def fin_received(self) -> None:
        """The peer finished sending."""
        if self.dead:
            return
        if self._fin_seen:
            raise RemoteProtocolError(f"yamux: a second FIN on stream {self.id}")
        self._fin_seen = True
        self._deliver_eof()
        self._check_finished()

    def reset_received(self) -> None:
        """The peer dropped the stream."""
        self._die(Closed("the peer reset the stream"))

    def add_window(self, credit: int) -> None:
        """The peer gave ``credit`` bytes more to send."""
        self._send_window += credit
        if self._send_window > 0xFFFFFFFF:
            raise RemoteProtocolError(f"yamux: the window of stream {self.id} overflows")
        if self._queued and self._is_open:
            self._session.queue(self)

    def opened(self) -> None:
        """Our SYN went out."""
        self._is_open = True
        if self._queued or (self._fin_queued and not self._fin_sent):
            self._session.queue(self)

    def session_lost(self, exc: Exception | None) -> None:
        """The session is over: with one direction unfinished that is never an orderly end."""
        finished = self._closed_at is not None or (self._fin_seen and self._fin_sent)
        self._die(None if finished else exc or Closed("the multiplexed session was closed"))

    @property
    def finished_sending(self) -> bool:
        """Whether our FIN went out."""
        return self._fin_sent

    def overdue(self, now: float) -> bool:
        """Whether the stream was closed here long ago and the peer never finished."""
        return self._closed_at is not None and now - self._closed_at >= self._session.close_timeout

    def reset(self, exc: Exception | None) -> None:
        """Drop the stream and tell the peer."""
        if not self.dead:
            if self._is_open:
                self._session.send(WINDOW_UPDATE, RST, self.id, 0)
            self._die(exc)

    # For the session: sending

    def send_turn(self, quantum: int) -> bool:
        """Send up to ``quantum`` queued bytes; returns whether more could be sent now."""
        while self._queue and self._send_window and quantum > 0 and self._session.may_write():
            chunk = self._next_chunk(min(self._send_window, quantum))
            quantum -= len(chunk)
            self._send_window -= len(chunk)
            self._session.send_data(self.id, chunk)
        if self._queued <= _QUEUE_LOW:
            self._resume_writer()
        if self._queued:
            return self._send_window > 0
        if self._fin_queued and not self._fin_sent:
            self._send_fin()
        return False

    # Private

    def _direct(self) -> bool:
        return self._is_open and not self._session._congested and not self._fin_queued and not self.dead

    def _enqueue(self, data: Buffer, size: int) -> None:
        if self._queue is None:
            self._queue = deque()
        self._queue.append(data)
        self._queued += size
        if self._queued > _QUEUE_HIGH:
            self._pause_writer()
        if self._is_open and self._send_window:
            self._session.queue(self)

    def _next_chunk(self, limit: int) -> Buffer:
        assert self._queue is not None
        chunk = self._queue[0]
        if len(chunk) <= limit:
            self._queue.popleft()
        else:
            view = memoryview(chunk)
            chunk, self._queue[0] = view[:limit], view[limit:]
        self._queued -= len(chunk)
        return chunk

    def _send_fin(self) -> None:
        if self._is_open and not self._fin_sent and not self.dead:
            self._fin_sent = True
            self._session.send(WINDOW_UPDATE, FIN, self.id, 0)
            if self._fin_seen:
                asyncio.get_running_loop().call_soon(self._check_finished)
            if self._closed_at is not None:
                self._end_locally()

    def _check_finished(self) -> None:
        if self._fin_seen and self._fin_sent and not self.dead:
            self.dead = True
            self._session.forget(self)
            self._deliver_lost(None)

    def _die(self, exc: Exception | None) -> None:
        if self.dead:
            return
        self.dead = True
        self._queue, self._queued = None, 0
        self._discard_held()
        self._session.forget(self)
        if self._closed_at is not None or exc is None:
            self._end_locally(None)
        else:
            self._deliver_lost(exc)

    def _late_data(self, size: int) -> None:
        """Data after our close: dropped; a peer that goes on is told to stop."""
        self._consumed_bytes += size
        if self._consumed_bytes > INITIAL_WINDOW:
            self.reset(None)

    def _held_changed(self, size: int) -> None:
        self._session.buffered += size

    def _consumed(self, size: int) -> None:
        self._consumed_bytes += size
        if self._consumed_bytes >= _CREDIT_STEP and not self._fin_seen and not self.dead:
            credit, self._consumed_bytes = self._consumed_bytes, 0
            self._receive_window += credit
            self._session.send(WINDOW_UPDATE, 0, self.id, credit)


__all__ = ["MuxLimits", "MuxSession", "MuxStream"]
