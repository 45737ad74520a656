"""One HTTP/2 connection (RFC 9113) over a byte stream, as client or server.

h2 implements the protocol. This module gives it one frame at a time, as long as the scheduler lets this connection
parse, and passes its events to the streams. The peer gets flow-control credit only for data that a receiver has
consumed. A frame causes work only for the stream it names; one for the whole connection counts more in the budget.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from time import monotonic

import h2.errors
import h2.events
import h2.exceptions
from h2.settings import SettingCodes

from aiofrp.errors import Closed, RemoteProtocolError
from aiofrp.http.deadline import HEAD_TIMEOUT, Deadline, OutputWatch
from aiofrp.http.scheduler import Scheduler
from aiofrp.http.v2.core import MAX_STREAMS, PREFACE, begin
from aiofrp.http.v2.sender import Sender2
from aiofrp.http.v2.stream import Headers, Heads, Stream2
from aiofrp.stream.base import Buffer, Pause, Stream, nothing
from aiofrp.stream.layer import hand_out
from aiofrp.wire.http.h2.block import HeaderBlock
from aiofrp.wire.http.h2.budget import ControlBudget
from aiofrp.wire.http.h2.fields import Malformed, checked_request, checked_response, checked_trailers
from aiofrp.wire.http.h2.frames import (
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

#: Streams a peer may reset beyond those that completed (rapid reset, CVE-2023-44487).
MAX_RESETS = 200
#: Seconds between GOAWAY for an error and the end of the connection, for the peer to read it.
LINGER = 1.0
Opened = Callable[[Stream2, Headers, bool], None]
"""Called with a stream that the peer opened and that has no receiver yet, the fields of its request, and whether the
request has no body."""


class Connection2:
    """One HTTP/2 connection, the receiver of the byte stream that carries it.

    ``opened`` is called for each stream that the peer opens (server only), ``changed`` after each HTTP/2 stream that
    ended before the connection, ``lost`` once when the connection has ended, after ``connection_lost`` of all streams.
    ``scheduler`` shares the time for parsing with other connections.
    """

    __slots__ = (
        "_block",
        "_block_deadline",
        "_budget",
        "_client",
        "_conn",
        "_linger_deadline",
        "_lost",
        "_opened",
        "_output",
        "_over",
        "_reader",
        "_resets",
        "_scheduler",
        "_sender",
        "_stream",
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
        self._stream = stream
        self._scheduler = scheduler
        self._client = client
        self._opened = opened
        self._lost = lost
        self._resets = 0
        self._over = False  # what still arrives is dropped
        self._reader = FrameReader(b"" if client else PREFACE)
        self._block = HeaderBlock()
        self._block_deadline = Deadline(self.abort)
        self._linger_deadline: Deadline | None = None
        self._budget = ControlBudget(monotonic())
        self._output = OutputWatch(stream, self.abort)
        self._conn = begin(client)
        self._sender = Sender2(self._conn, stream, self._budget, changed=changed, client=client)
        self._sender.flush()
        stream.attach(self)

    @property
    def streams(self) -> dict[int, Stream2]:
        """The open streams by stream identifier."""
        return self._sender.streams

    def open(self, headers: Headers, heads: Heads, *, end: bool) -> Stream2 | None:
        """Open a stream and send a request on it (client only).

        ``headers``: the fields of the request, pseudo-header fields first. ``heads`` is called with each head of the
        response. ``end``: the request has no body. Returns the stream, which has no receiver yet, or ``None`` when the
        peer allows no more streams or HTTP/2 does not allow the fields.
        """
        conn = self._conn
        try:
            if conn.open_outbound_streams >= min(conn.remote_settings.max_concurrent_streams, MAX_STREAMS):
                return None
            stream = self._sender.add(conn.get_next_available_stream_id(), heads)
        except h2.exceptions.ProtocolError:
            return None
        stream.send_headers(headers, end=end)
        return None if stream.closed else stream

    def close(self) -> None:
        """Send GOAWAY, and close the connection once all that was written is sent."""
        self._send_goaway(h2.errors.ErrorCodes.NO_ERROR)
        self._stream.close()

    def abort(self) -> None:
        """Close the connection at once; its streams get ``connection_lost`` with an error."""
        self._stream.abort()

    # Receiver

    def data_received(self, data: Buffer, /) -> None:
        if not self._over:
            self._reader.receive_data(data)
            self._scheduler.take(self)

    def step(self) -> bool:
        """Handle the next frame, if a whole one was received. Returns whether there may be more."""
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
            self._sender.flush()
            self._linger()
        return not self._over

    def turn_ended(self, more: bool) -> None:
        """The received frames are handled, or with ``more`` some wait for a later turn of the loop."""
        if more:
            self._stream.pause_reading(Pause.WAIT)
        else:
            self._stream.resume_reading(Pause.WAIT)
        self._sender.flush()

    def eof_received(self) -> None:
        self._stream.close()

    def connection_lost(self, exc: Exception | None, /) -> None:
        self._end_reading()
        self._output.close()
        self._block_deadline.close()
        if self._linger_deadline is not None:
            self._linger_deadline.close()
        for stream in self._sender.clear():
            stream.gone()
            stream.connection_lost(exc or Closed("the HTTP/2 connection was closed"))
        self._lost()

    def pause_writing(self) -> None:
        self._sender.pause()
        if self._sender.timed:
            self._output.start()

    def resume_writing(self) -> None:
        self._output.stop()
        self._sender.resume()

    # Private

    def _give_up(self, code: h2.errors.ErrorCodes) -> None:
        """Send GOAWAY with an error code, and end the connection."""
        self._send_goaway(code)
        self._linger()

    def _send_goaway(self, code: h2.errors.ErrorCodes) -> None:
        """Send GOAWAY, and drop whatever the peer sends from now on."""
        with contextlib.suppress(h2.exceptions.ProtocolError):
            self._conn.close_connection(code)
        self._end_reading()
        self._sender.flush()

    def _end_reading(self) -> None:
        self._over = True
        self._reader.clear()
        self._block_deadline.clear()

    def _linger(self) -> None:
        """Close the connection in :data:`LINGER` seconds, in which the peer reads GOAWAY; what it sends is dropped."""
        self._stream.write_eof()
        self._linger_deadline = Deadline(self._stream.close)
        self._linger_deadline.set(LINGER)

    def _judge(self, frame: Frame) -> bytes:
        """The bytes that h2 gets for ``frame``. Raises RemoteProtocolError when the frame exceeds a limit."""
        now = monotonic()
        self._budget.received(frame, now)
        if frame.kind == HEADERS or (frame.kind == CONTINUATION and self._block):
            fields = self._block.receive(frame)
            self._await_block()
            if fields:
                self._budget.requested(fields, now)
        elif frame.kind == SETTINGS:
            return bounded_settings(frame)
        elif frame.kind == DATA and frame.stream not in self._sender.streams:
            self._budget.spend(1, now)  # h2 answers each such frame
        return frame.data

    def _await_block(self) -> None:
        """A header block that has begun must be complete within HEAD_TIMEOUT seconds."""
        if not self._block:
            self._block_deadline.clear()
        elif not self._block_deadline.running:
            self._block_deadline.set(HEAD_TIMEOUT)

    def _handle(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.RequestReceived():
                self._request(event)
            case h2.events.ResponseReceived() | h2.events.InformationalResponseReceived():
                ended = getattr(event, "stream_ended", None) is not None
                self._response(event.stream_id, event.headers, ended)
            case h2.events.DataReceived():
                self._data(event)
            case h2.events.TrailersReceived():
                self._trailers(event.stream_id, event.headers)
            case h2.events.StreamEnded():
                self._end(event.stream_id, [])
            case h2.events.StreamReset():
                self._reset_by_peer(event.stream_id, event.error_code)
            case h2.events.WindowUpdated():
                self._sender.window_opened(event.stream_id)
            case h2.events.RemoteSettingsChanged():
                if SettingCodes.INITIAL_WINDOW_SIZE in event.changed_settings:
                    self._sender.windows_changed()
            case h2.events.ConnectionTerminated():
                self._end_reading()
                self._stream.close()
            case _:
                pass

    def _request(self, event: h2.events.RequestReceived) -> None:
        stream = self._sender.add(event.stream_id)
        ended = stream.bodiless = event.stream_ended is not None
        try:
            fields = checked_request(_pairs(event.headers))
        except Malformed:
            stream.malformed()
        else:
            opened = self._opened
            assert opened is not None
            hand_out(stream, lambda stream: opened(stream, fields, ended))

    def _response(self, number: int, headers: object, ended: bool) -> None:
        stream = self._sender.streams.get(number)
        if stream is None:
            return
        try:
            fields = checked_response(_pairs(headers))
        except Malformed:
            stream.malformed()
        else:
            stream.headers_received(fields, ended)

    def _trailers(self, number: int, headers: object) -> None:
        stream = self._sender.streams.get(number)
        if stream is None:
            return
        try:
            fields = checked_trailers(_pairs(headers))
        except Malformed:
            stream.malformed()
        else:
            self._end(number, fields)

    def _data(self, event: h2.events.DataReceived) -> None:
        padding = event.flow_controlled_length - len(event.data)
        stream = self._sender.streams.get(event.stream_id)
        if stream is None:
            self._sender.consumed(event.stream_id, event.flow_controlled_length)
            return
        if padding:
            self._sender.consumed(event.stream_id, padding)
        if event.data:
            stream.body_received(event.data)

    def _end(self, number: int, trailers: Headers) -> None:
        """The peer has sent all of the stream; after trailers h2 reports that twice."""
        stream = self._sender.streams.get(number)
        if stream is None or stream.peer_ended:
            return
        stream.peer_finished(trailers)
        if stream.ended:
            self._sender.finish(stream)

    def _reset_by_peer(self, number: int, code: int) -> None:
        self._resets += 1
        stream = self._sender.streams.get(number)
        if stream is not None:
            self._sender.forget(stream)
            stream.reset_received(code)
        if self._resets > MAX_RESETS + self._sender.finished:
            self._give_up(h2.errors.ErrorCodes.ENHANCE_YOUR_CALM)


def _pairs(headers: object) -> Headers:
    """Header fields as plain pairs of bytes."""
    return [(bytes(name), bytes(value)) for name, value in headers]  # type: ignore[attr-defined]  # h2 types any
