"""One HTTP/2 connection (RFC 9113) over a stream, on either side, with its streams.

h2 knows the protocol; this module moves its bytes and keeps flow control honest: what is queued for a stream is bounded
by telling its owner to pause, and windows reopen when an owner has taken the data. Frames are handled one by one, as
long as it is this connection's turn, and none makes work for more streams than the one it concerns.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from time import monotonic

import h2.connection
import h2.errors
import h2.events
import h2.exceptions
from h2.config import H2Configuration
from h2.settings import SettingCodes, Settings

from aiofrp.errors import RemoteProtocolError
from aiofrp.http.deadline import HEAD_TIMEOUT, Deadline, OutputWatch
from aiofrp.http.scheduler import Scheduler
from aiofrp.http.stream2 import Headers, Receiver2, Stream2
from aiofrp.stream.base import Buffer, Pause, Stream, nothing
from aiofrp.wire.http.h2block import HeaderBlock
from aiofrp.wire.http.h2budget import ControlBudget
from aiofrp.wire.http.h2frames import (
    CONTINUATION,
    DATA,
    HEADERS,
    SETTINGS,
    CalmDown,
    Frame,
    FrameReader,
    FrameTooLong,
    bounded_settings,
)

#: What a client says first (RFC 9113 §3.4).
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#: Bytes of a stream's window and of the connection's: what a peer may send before its owner took it.
STREAM_WINDOW, CONNECTION_WINDOW = 256 * 1024, 1024 * 1024
#: Streams a peer may have open at once, and bytes of its header lists (RFC 9113 §6.5.2).
MAX_STREAMS, MAX_HEADERS = 128, 64 * 1024
#: Streams a peer may have taken back, beyond those that came to their end, before it is told to calm down.
MAX_RESETS = 200
#: Bytes written in one turn of the loop; the streams that have more go on later, one frame each in turn.
MAX_UNFLUSHED = 256 * 1024
#: Bytes queued for all streams above which each may have but a little.
CONNECTION_HIGH_WATER = 2 * 1024 * 1024
#: Seconds a peer that is sent away gets to read why.
LINGER = 1.0
#: Streams that are over and still known, so that frames on their way to them are no errors.
MAX_CLOSED = 1024

Opened = Callable[[Stream2, Headers, bool], Receiver2 | None]
"""Gives a peer's new stream with its request an owner; True: the request has no body."""


class _Connection(h2.connection.H2Connection):
    MAX_CLOSED_STREAMS = MAX_CLOSED


class Connection2:
    """One HTTP/2 connection, the receiver of the byte stream below it.

    ``opened`` is called for each stream the peer opens (on a server's side), ``changed`` when an HTTP/2 stream is gone,
    ``lost`` once when the connection is. ``scheduler`` shares the time for parsing.
    """

    __slots__ = (
        "_block",
        "_block_deadline",
        "_budget",
        "_changed",
        "_client",
        "_conn",
        "_finished",
        "_flush_due",
        "_full",
        "_linger_deadline",
        "_lost",
        "_opened",
        "_output",
        "_over",
        "_reader",
        "_resets",
        "_scheduler",
        "_stream",
        "_unflushed",
        "_waiting",
        "queued",
        "streams",
    )

    def __init__(
        self,
        stream: Stream,
        scheduler: Scheduler,
        *,
        opened: Opened | None = None,
        changed: Callable[[], None] = nothing,
        lost: Callable[[], None],
        client: bool = False,
    ) -> None:
        self.streams: dict[int, Stream2] = {}  # limited by MAX_STREAMS, or the peer's number
        self.queued = 0  # bytes that streams have and cannot send
        self._waiting: dict[Stream2, None] = {}  # streams that wait for the connection, in order
        self._stream = stream
        self._scheduler = scheduler
        self._client = client
        self._opened = opened
        self._changed = changed
        self._lost = lost
        self._full = False
        self._flush_due = False
        self._resets = 0
        self._finished = 0
        self._unflushed = 0
        self._over = False  # nothing that comes is looked at any more
        self._reader = FrameReader(b"" if client else PREFACE)
        self._block = HeaderBlock()
        self._block_deadline = Deadline(self.abort)
        self._linger_deadline: Deadline | None = None
        self._budget = ControlBudget(monotonic())
        self._output = OutputWatch(stream, self.abort)
        self._conn = _Connection(H2Configuration(client_side=client, header_encoding=None))
        self._conn.local_settings = Settings(
            client=client,
            initial_values={
                SettingCodes.MAX_CONCURRENT_STREAMS: MAX_STREAMS,
                SettingCodes.MAX_HEADER_LIST_SIZE: MAX_HEADERS,
                SettingCodes.INITIAL_WINDOW_SIZE: STREAM_WINDOW,
            },
        )
        if client:
            self._conn.local_settings.enable_push = False
        self._conn.initiate_connection()
        if not client:
            self._conn.receive_data(PREFACE)  # the reader has judged it
        self._conn.increment_flow_control_window(CONNECTION_WINDOW - 65535)
        self._flush()
        stream.attach(self)

    def open(self, headers: Headers, owner: Receiver2, *, end: bool) -> Stream2 | None:
        """A stream of ours with a request (on a client's side); ``None`` when the peer takes no more."""
        conn = self._conn
        try:
            if conn.open_outbound_streams >= min(conn.remote_settings.max_concurrent_streams, MAX_STREAMS):
                return None
            number = conn.get_next_available_stream_id()
            stream = self.streams[number] = Stream2(self, number)
            stream.owner = owner
        except h2.exceptions.ProtocolError:
            return None
        stream.send_headers(headers, end=end)
        return None if stream.closed else stream

    def close(self) -> None:
        """No more streams: say so and end the connection after what was written."""
        self._say_goodbye(h2.errors.ErrorCodes.NO_ERROR)
        self._stream.close()

    def abort(self) -> None:
        """Drop the connection."""
        self._stream.abort()

    # For streams

    def send_headers(self, stream: Stream2, headers: Headers, end: bool) -> None:
        try:
            self._conn.send_headers(stream.number, headers, end_stream=end)
        except h2.exceptions.ProtocolError:  # fields that HTTP/2 does not allow, or the stream is gone
            self.reset(stream, h2.errors.ErrorCodes.INTERNAL_ERROR)
        if end and not stream.closed:
            self._sent_all(stream)
        self._flush_soon()

    @property
    def watches(self) -> bool:
        """Whether the peer has to take what it is sent in time: users have, services not."""
        return not self._client

    @property
    def crowded(self) -> bool:
        """Whether streams may queue only a little."""
        return self.queued > CONNECTION_HIGH_WATER

    def pump(self, stream: Stream2) -> None:
        """Send of the stream's queue what the windows allow, unless others wait for the connection too."""
        if stream.closed:
            return
        if stream.queued and (self._full or self._waiting or self._unflushed >= MAX_UNFLUSHED):
            self._waiting[stream] = None
            return
        while self._send_piece(stream):
            if self._unflushed >= MAX_UNFLUSHED:
                self._waiting[stream] = None
                break
        self._flush_soon()
        stream.relieve()

    def reset(self, stream: Stream2, code: int) -> None:
        if not stream.closed:
            with contextlib.suppress(h2.exceptions.ProtocolError):  # it came to its end by itself
                self._conn.reset_stream(stream.number, code)
            self._forget(stream)
            self._flush_soon()

    def took(self, number: int, size: int) -> None:
        try:
            self._conn.acknowledge_received_data(size, number)
        except h2.exceptions.ProtocolError:
            return
        self._flush_soon()

    # Receiver

    def data_received(self, data: Buffer, /) -> None:
        if not self._over:
            self._reader.receive_data(data)
            self._scheduler.take(self)

    def step(self) -> bool:
        """Handle the next frame, if there is one."""
        try:
            frame = self._reader.next_frame()
            if frame is None:
                return False
            for event in self._conn.receive_data(self._judge(frame)):
                self._handle(event)
        except CalmDown:
            self._give_up(h2.errors.ErrorCodes.ENHANCE_YOUR_CALM)
        except FrameTooLong:
            self._give_up(h2.errors.ErrorCodes.FRAME_SIZE_ERROR)
        except RemoteProtocolError:
            self._give_up(h2.errors.ErrorCodes.PROTOCOL_ERROR)
        except h2.exceptions.ProtocolError:  # h2 has written why
            self._end_reading()
            self._flush()
            self._linger()
        return not self._over

    def turn_ended(self, more: bool) -> None:
        """The frames that are there are handled, or wait for another turn."""
        if more:
            self._stream.pause_reading(Pause.WAIT)
        else:
            self._stream.resume_reading(Pause.WAIT)
        self._flush()

    def eof_received(self) -> None:
        self._stream.close()

    def connection_lost(self, exc: Exception | None, /) -> None:
        self._end_reading()
        self._output.close()
        self._block_deadline.close()
        if self._linger_deadline is not None:
            self._linger_deadline.close()
        self._waiting.clear()
        streams, self.streams = list(self.streams.values()), {}
        for stream in streams:
            stream.close()
            if stream.owner is not None:
                stream.owner.reset_received()
        self._lost()

    def pause_writing(self) -> None:
        self._full = True
        if self.watches:
            self._output.start()
        self._stream.pause_reading(Pause.PEER)  # answers to its pings and settings would pile up

    def resume_writing(self) -> None:
        self._full = False
        self._output.stop()
        self._stream.resume_reading(Pause.PEER)
        self._pump_waiting()

    # Private

    def _give_up(self, code: h2.errors.ErrorCodes) -> None:
        """Say why and end the connection."""
        self._say_goodbye(code)
        self._linger()

    def _say_goodbye(self, code: h2.errors.ErrorCodes) -> None:
        with contextlib.suppress(h2.exceptions.ProtocolError):
            self._conn.close_connection(code)
        self._end_reading()
        self._flush()

    def _end_reading(self) -> None:
        self._over = True
        self._reader.clear()
        self._block_deadline.clear()

    def _linger(self) -> None:
        """Let the peer read why, although it may still be sending: what it sends is thrown away."""
        self._stream.write_eof()
        self._linger_deadline = Deadline(self._stream.close)
        self._linger_deadline.set(LINGER)

    def _judge(self, frame: Frame) -> bytes:
        """What h2 is to see of a frame. Raises RemoteProtocolError when it is one too many, or costs too much."""
        now = monotonic()
        self._budget.received(frame, now)
        if frame.kind == HEADERS or (frame.kind == CONTINUATION and self._block):
            fields = self._block.receive(frame)
            self._await_block()
            if fields:
                self._budget.requested(fields, now)
        elif frame.kind == SETTINGS:
            return bounded_settings(frame)
        elif frame.kind == DATA and frame.stream not in self.streams:
            self._budget.spend(1, now)  # h2 answers each
        return frame.data

    def _await_block(self) -> None:
        """A header block that has begun comes to its end in time."""
        if not self._block:
            self._block_deadline.clear()
        elif not self._block_deadline.running:
            self._block_deadline.set(HEAD_TIMEOUT)

    def _handle(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.RequestReceived():
                self._request(event)
            case h2.events.ResponseReceived() | h2.events.InformationalResponseReceived():
                stream = self.streams.get(event.stream_id)
                if stream is not None and stream.owner is not None:
                    ended = getattr(event, "stream_ended", None) is not None
                    stream.owner.headers_received(_pairs(event.headers), ended)
            case h2.events.DataReceived():
                self._data(event)
            case h2.events.TrailersReceived():
                self._end(event.stream_id, _pairs(event.headers))
            case h2.events.StreamEnded():
                self._end(event.stream_id, [])
            case h2.events.StreamReset():
                self._reset_by_peer(event.stream_id)
            case h2.events.WindowUpdated():
                self._window_opened(event.stream_id)
            case h2.events.RemoteSettingsChanged():
                self._settings_changed(event)
            case h2.events.ConnectionTerminated():
                self._end_reading()
                self._stream.close()
            case _:
                pass

    def _request(self, event: h2.events.RequestReceived) -> None:
        assert self._opened is not None
        stream = self.streams[event.stream_id] = Stream2(self, event.stream_id)
        ended = stream.bodiless = event.stream_ended is not None
        stream.owner = self._opened(stream, _pairs(event.headers), ended)

    def _data(self, event: h2.events.DataReceived) -> None:
        padding = event.flow_controlled_length - len(event.data)
        stream = self.streams.get(event.stream_id)
        if stream is None or stream.owner is None:
            self.took(event.stream_id, event.flow_controlled_length)
            return
        if padding:
            self.took(event.stream_id, padding)
        if event.data:
            stream.owner.data_received(event.data)

    def _end(self, number: int, trailers: Headers) -> None:
        """The peer's side is whole; h2 tells it once more after trailers."""
        stream = self.streams.get(number)
        if stream is None or stream.peer_ended:
            return
        stream.peer_ended = True
        if stream.owner is not None:
            stream.owner.eof_received(trailers)
        if stream.ended:
            self._finish(stream)

    def _reset_by_peer(self, number: int) -> None:
        self._resets += 1
        stream = self.streams.get(number)
        if stream is not None:
            owner = stream.owner
            self._forget(stream)
            if owner is not None:
                owner.reset_received()
        if self._resets > MAX_RESETS + self._finished:
            self._give_up(h2.errors.ErrorCodes.ENHANCE_YOUR_CALM)

    def _finish(self, stream: Stream2) -> None:
        """Both sides of a stream are whole."""
        if not stream.closed:
            self._finished += 1
            self._forget(stream)

    def _forget(self, stream: Stream2) -> None:
        stream.close()
        stream.owner = None
        self._waiting.pop(stream, None)
        self.streams.pop(stream.number, None)
        self._changed()

    # Private: sending

    def _send_piece(self, stream: Stream2) -> bool:
        """Send the next frame of a stream; whether it may send another one. A stream that the connection's window stops
        waits for it; one that its own window stops waits for that."""
        conn, number = self._conn, stream.number
        try:
            room = min(conn.local_flow_control_window(number), conn.max_outbound_frame_size)
            piece = stream.next_piece(room)
            if piece is not None:
                size = len(piece)
                conn.send_data(number, bytes(piece))
                self._unflushed += size
                self._budget.sent(size, bool(stream.queued))
            if stream.queued:
                if conn.outbound_flow_control_window <= 0:
                    self._waiting[stream] = None
                    return False
                return piece is not None
            self._send_end(stream)
        except h2.exceptions.ProtocolError:  # the peer gave the stream up meanwhile
            self._forget(stream)
        return False

    def _send_end(self, stream: Stream2) -> None:
        trailers = stream.take_end()
        if trailers is None:
            return
        if trailers:
            self._conn.send_headers(stream.number, trailers, end_stream=True)
        else:
            self._conn.end_stream(stream.number)
        self._sent_all(stream)

    def _sent_all(self, stream: Stream2) -> None:
        """Our side is whole. The rest of a request that is answered is not wanted (RFC 9113 §8.1)."""
        if stream.peer_ended:
            self._finish(stream)
        elif not (self._client or stream.bodiless):
            stream.linger()

    def _window_opened(self, number: int) -> None:
        stream = self.streams.get(number)
        if stream is not None:
            if stream.queued:
                self.pump(stream)
        elif number == 0:
            self._pump_waiting()

    def _settings_changed(self, event: h2.events.RemoteSettingsChanged) -> None:
        if SettingCodes.INITIAL_WINDOW_SIZE in event.changed_settings:
            self._waiting.update((stream, None) for stream in self.streams.values() if stream.queued)
            self._pump_waiting()

    def _pump_waiting(self) -> None:
        """Send of the streams that wait for the connection, a frame of each in turn, as much as goes in one turn of the
        loop; :meth:`_flush` goes on with the rest."""
        while self._waiting and not self._full and self._unflushed < MAX_UNFLUSHED:
            stream = next(iter(self._waiting))
            if stream.queued and self._conn.outbound_flow_control_window <= 0:
                break
            del self._waiting[stream]
            if self._send_piece(stream):
                self._waiting[stream] = None
            stream.relieve()
        self._flush_soon()

    def _flush_soon(self) -> None:
        """Frames of one turn of the loop leave in one write."""
        if not self._flush_due:
            self._flush_due = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_due = False
        data = self._conn.data_to_send()
        self._unflushed = 0
        if data:
            self._stream.write(data)
            if self._waiting:
                self._pump_waiting()


def _pairs(headers: object) -> Headers:
    """Header fields as plain pairs of bytes."""
    return [(bytes(name), bytes(value)) for name, value in headers]  # type: ignore[attr-defined]  # h2 types any
