"""yamux over any stream: many streams on one (docs/protocol/wire.md §3).

The receive side delivers slices of the chunk that arrived and reopens a stream's window as its receiver takes bytes,
so a paused stream fills its own window and never blocks other streams; :mod:`aiofrp.stream.stall` decides how large
windows are and which streams are reset when all together hold too much. The send side writes straight through while
the carrier takes data; when it is full, streams queue, pause their writers, and send round-robin with a quantum,
so that one bulk stream cannot delay a small message for long.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import ClassVar

from aiofrp import faults
from aiofrp.aio import check_at
from aiofrp.errors import Closed, FrpError, RemoteProtocolError, TimedOut
from aiofrp.stream.base import Buffer, Stream, nothing
from aiofrp.stream.layer import hand_out
from aiofrp.stream.mux.gather import GatheringWriter
from aiofrp.stream.mux.limits import MuxLimits
from aiofrp.stream.mux.stream import QUANTUM, MuxStream
from aiofrp.stream.mux.unacknowledged import Unacknowledged
from aiofrp.stream.stall import Account
from aiofrp.wire.yamux import (
    ACK,
    FIN,
    GO_AWAY,
    HEADER_SIZE,
    NORMAL,
    PING,
    PROTOCOL_ERROR,
    RST,
    SYN,
    WINDOW_UPDATE,
    FrameDecoder,
    header,
    joined,
)

#: Bytes of frames without payload (answers to pings, refusals) that may wait for a peer that does not read.
_CONTROL_LIMIT = 1024 * 1024
#: Seconds between checks for overdue streams, at most.
_SWEEP = 30.0


class MuxSession:
    """One yamux session; the receiver of its carrier.

    ``on_stream`` is called with each stream the peer opens; without it they are refused. ``on_lost`` is called once at
    the end of the session, with the reason or ``None``.
    """

    borrows: ClassVar[bool] = True  #: see :mod:`aiofrp.stream.lent`

    __slots__ = (
        "_carrier",
        "_closing",
        "_congested",
        "_control_waiting",
        "_decoder",
        "_draining",
        "_limits",
        "_loop",
        "_next_id",
        "_on_lost",
        "_on_stream",
        "_out",
        "_parity",
        "_ping_at",
        "_ping_id",
        "_ping_sent",
        "_ready",
        "_remote_going",
        "_streams",
        "_timer",
        "_unacknowledged",
        "lost",
        "queues",
        "received_at",
        "receivers",
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
        self._carrier, self._out = carrier, GatheringWriter(carrier)
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
        self._unacknowledged = Unacknowledged(
            self._limits.max_unacknowledged, self._send_syn, self._loop.time
        )
        self._remote_going = False
        self._closing = False
        self._ping_id = 0
        self._ping_sent: float | None = None  # loop time of the unanswered ping
        self._ping_at = self._loop.time() + self._limits.keepalive_interval  # when the next one is due
        self._timer: asyncio.TimerHandle | None = None
        self.receivers = Account(self._limits.receivers)
        self.queues = Account(self._limits.queues)
        self.lost = False
        self.received_at = self._loop.time()  #: when bytes were received last, in loop time
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
    def buffered(self) -> int:
        """Bytes held for receivers that do not take them."""
        return self.receivers.held

    @property
    def answered(self) -> bool:
        """Whether the peer has taken a stream that was opened here, and so speaks yamux."""
        return self._unacknowledged.answered

    @property
    def carrier(self) -> Stream:
        """The stream that carries the session."""
        return self._carrier

    # Public: open and close

    def open_with(
        self, first: bytes, acknowledged: Callable[[], None], ready: Callable[[MuxStream], None]
    ) -> None:
        """:meth:`open` a stream, write ``first`` to it and call ``ready`` with it; what that writes to it leaves in the
        same write of the carrier."""
        gathers = not self._congested and self._out.begin()
        try:
            stream = self.open(acknowledged)
            stream.write(first)
            ready(stream)
        finally:
            if gathers:
                self._out.end()

    def open(self, acknowledged: Callable[[], None] = nothing) -> MuxStream:
        """Open a stream; it may be written to at once. ``acknowledged`` is called once when the peer has accepted the
        stream, or the stream has ended before; not at the end of the session. Raises
        :class:`~aiofrp.errors.Closed` when the session ends."""
        if self.lost or self._closing or self._remote_going:
            raise Closed("the multiplexed session is closed")
        if self._next_id > 0xFFFFFFFF:
            raise Closed("the multiplexed session has used up its stream numbers")
        stream = MuxStream(self, self._next_id, opened=False)
        self._next_id += 2
        self._streams[stream.id] = stream
        self._unacknowledged.add(stream, acknowledged)
        return stream

    def close(self) -> None:
        """End the session and all its streams. What the carrier has accepted is sent; what streams queue is dropped."""
        if not self._closing and not self.lost:
            self._closing = True
            self._out.close()

    def ping(self) -> None:
        """Send a ping, which the peer must answer; :attr:`received_at` changes when it does."""
        self.send(PING, SYN, 0, self._ping_id)

    def abort(self) -> None:
        """End the session and its streams at once; unsent bytes are dropped."""
        if not self.lost:
            self._closing = True
            self._carrier.abort()

    # Receiver of the carrier

    def data_received(self, data: Buffer, /) -> None:
        self.received_at = self._loop.time()
        try:
            frames = self._decoder.receive_data(data)
        except RemoteProtocolError as exc:  # a peer that does not speak yamux gets no yamux frame
            self._end(exc)
            self._carrier.close()
            return
        if not self._congested:
            self._out.begin()
        try:
            streams = self._streams
            for kind, flags, stream_id, length, payload in joined(frames, len(data)):
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
        finally:
            self._out.end()

    def eof_received(self) -> None:
        self._closing = True
        self._out.close()

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
        """Whether the carrier accepts a data frame now."""
        return not self._congested

    def send(self, kind: int, flags: int, stream_id: int, length: int) -> None:
        """Send a frame without payload at once, ahead of data that waits for the carrier."""
        if self.lost:
            return
        self._out.write(header(kind, flags, stream_id, length))
        if self._congested:
            self._control_waiting += HEADER_SIZE
            if self._control_waiting > _CONTROL_LIMIT:
                self._end(Closed("the yamux peer asks for answers and does not read them"))
                self._carrier.abort()

    def send_data(self, stream_id: int, data: Buffer) -> None:
        """Send data frames, in one write of the carrier."""
        self._out.write_data(stream_id, data)

    def queue(self, stream: MuxStream) -> None:
        """Add the stream, which has queued bytes and credit, to those that send in turn; idempotent until its turn."""
        if not stream.in_turn:
            stream.in_turn = True
            self._ready.append(stream)
            if not self._congested and not self._draining:
                self._draining = True
                self._loop.call_soon(self._drain)

    def forget(self, stream: MuxStream) -> None:
        """Remove a stream that is finished in both directions."""
        self._streams.pop(stream.id, None)
        self._unacknowledged.acknowledge(stream.id)

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
        # A peer that was sent FIN before it accepted leaves the ACK out
        # (docs/protocol/wire.md §3): any frame is an answer.
        self._unacknowledged.acknowledge(stream_id)
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
            raise RemoteProtocolError(f"yamux: SYN for stream {stream_id}, which is not free for the peer")
        if self._on_stream is None or len(self._streams) >= self._limits.max_streams or self._closing:
            self.send(WINDOW_UPDATE, RST, stream_id, 0)
            return
        stream = MuxStream(self, stream_id, opened=True)
        self._streams[stream_id] = stream
        self.send(WINDOW_UPDATE, ACK, stream_id, 0)
        hand_out(stream, self._on_stream)

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
        self.send(WINDOW_UPDATE, SYN, stream.id, 0)
        stream.opened()

    # Private: sending in turn

    def _drain(self) -> None:
        self._draining = False
        ready = self._ready
        while ready and not self._congested and not self.lost:
            stream = ready.popleft()
            if stream.send_turn(QUANTUM):
                ready.append(stream)
            else:
                stream.in_turn = False

    # Private: time

    def _schedule_tick(self) -> None:
        """Call :meth:`_tick` when the next ping or its answer is due, and within ``_SWEEP`` seconds."""
        if self.lost:
            return
        if self._timer is not None:
            self._timer.cancel()
        due = self._loop.time() + min(_SWEEP, self._limits.open_timeout, self._limits.close_timeout)
        if self._ping_sent is not None:
            due = min(due, self._ping_sent + self._limits.ping_timeout)
        elif self._limits.keepalive_interval > 0:
            due = min(due, self._ping_at)
        self._timer = check_at(due, self._tick)

    def _tick(self, now: float) -> None:
        """End the session or streams whose time is over, and send the ping that is due."""
        if self._ping_sent is not None and now >= self._ping_sent + self._limits.ping_timeout:
            self._time_out(f"no answer to a yamux ping within {self._limits.ping_timeout:g} s")
            return
        if self._unacknowledged.overdue(now - self._limits.open_timeout):
            self._time_out(f"a new stream was not acknowledged within {self._limits.open_timeout:g} s")
            return
        for stream in [s for s in self._streams.values() if s.overdue(now)]:
            stream.reset(None)
        if self._limits.keepalive_interval > 0 and self._ping_sent is None and now >= self._ping_at:
            self._ping_sent = now
            self._ping_at = now + self._limits.keepalive_interval
            self.send(PING, SYN, 0, self._ping_id)
        self._schedule_tick()

    def _time_out(self, text: str) -> None:
        self._end(TimedOut(text))
        self._carrier.abort()

    # Private: the end

    def _fail(self, exc: FrpError) -> None:
        """Answer a protocol error of the peer with GoAway, then close (docs/protocol/wire.md §3)."""
        if not self.lost:
            self.send(GO_AWAY, 0, 0, PROTOCOL_ERROR)
            self._end(exc)
            self._out.close()

    def _end(self, exc: Exception | None) -> None:
        if self.lost:
            return
        self.lost = True
        if self._timer is not None:
            self._timer.cancel()
        streams = list(self._streams.values())
        self._streams.clear()  # in place: a chunk may be half processed
        self._ready.clear()
        self._unacknowledged.clear()
        for stream in streams:
            stream.session_lost(exc)
        self.receivers.close()
        self.queues.close()
        on_lost, self._on_lost, self._on_stream = self._on_lost, None, None
        if on_lost is not None:
            faults.call("the user of a yamux session failed at its end", on_lost, exc)
