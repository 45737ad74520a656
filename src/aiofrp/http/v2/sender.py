"""The sending half of an HTTP/2 connection: it sends as much as flow-control windows and the byte stream allow.

Streams with more than one frame to send take turns, one frame each. All frames of one turn of the loop are sent in one
write.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import h2.connection
import h2.errors
import h2.exceptions

from aiofrp.errors import Closed
from aiofrp.http.v2.stream import Headers, Heads, Stream2, ignore
from aiofrp.stream.base import Pause, Stream
from aiofrp.wire.http.h2.budget import ControlBudget

#: Bytes of bodies written in one turn of the loop; streams with more continue on a later turn.
MAX_UNFLUSHED = 256 * 1024
#: Bytes of heads and of answers to the peer's frames that are written while the byte stream is full; above that no
#: frames are read until it is no longer full.
MAX_ANSWERS = 64 * 1024
#: Bytes queued in all streams together above which each stream has a low limit of its own.
CONNECTION_HIGH_WATER = 2 * 1024 * 1024


class Sender2:
    """The streams of one HTTP/2 connection and the order in which they send.

    ``streams``: the open streams by stream identifier. ``queued``: bytes that all of them hold. ``finished``: streams
    that ended in both directions without a reset. ``changed`` is called after a stream was removed from ``streams``.
    """

    __slots__ = (
        "_answers",
        "_budget",
        "_changed",
        "_client",
        "_conn",
        "_flush_due",
        "_full",
        "_stream",
        "_unflushed",
        "_waiting",
        "finished",
        "queued",
        "streams",
    )

    def __init__(
        self,
        conn: h2.connection.H2Connection,
        stream: Stream,
        budget: ControlBudget,
        *,
        changed: Callable[[], None],
        client: bool,
    ) -> None:
        self.streams: dict[int, Stream2] = {}  # limited by MAX_STREAMS, or the peer's number
        self.queued = 0  # bytes that streams have and cannot send
        self.finished = 0  # streams that both sides have ended
        self._waiting: dict[Stream2, None] = {}  # streams that wait for the connection, in order
        self._conn = conn
        self._stream = stream
        self._budget = budget
        self._changed = changed
        self._client = client
        self._full = False
        self._answers = 0  # bytes written since it was full
        self._flush_due = False
        self._unflushed = 0

    def add(self, number: int, heads: Heads = ignore) -> Stream2:
        """A new stream with the identifier ``number``; ``heads`` is called with each head of the response."""
        stream = self.streams[number] = Stream2(self, number, heads)
        return stream

    # For streams

    def send_headers(self, stream: Stream2, headers: Headers, end: bool) -> None:
        """Send a HEADERS frame; ``end``: with END_STREAM. The stream is reset when HTTP/2 does not allow it."""
        try:
            self._conn.send_headers(stream.number, headers, end_stream=end)
        except h2.exceptions.ProtocolError:  # fields that HTTP/2 does not allow, or the stream is gone
            stream.reset()
        if end and not stream.closed:
            self._sent_all(stream)
        self._flush_soon()

    @property
    def carrier(self) -> Stream:
        """The byte stream that carries the connection."""
        return self._stream

    @property
    def timed(self) -> bool:
        """Whether the peer must accept what it is sent within a time limit: true for users, false for services."""
        return not self._client

    @property
    def nearly_full(self) -> bool:
        """Whether all streams together hold more than :data:`CONNECTION_HIGH_WATER` bytes."""
        return self.queued > CONNECTION_HIGH_WATER

    def pump(self, stream: Stream2) -> None:
        """Send what the windows allow of the stream's queue, unless other streams wait for the connection: then the
        stream waits behind them."""
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
        stream.resume_if_low()

    def reset(self, stream: Stream2, code: int) -> None:
        """Send RST_STREAM with the error ``code``, and remove the stream; nothing happens if it has ended."""
        if not stream.closed:
            with contextlib.suppress(h2.exceptions.ProtocolError):  # both sides had ended
                self._conn.reset_stream(stream.number, code)
            self.forget(stream)
            self._flush_soon()

    def consumed(self, number: int, size: int) -> None:
        """Give the peer credit for ``size`` bytes, on the stream ``number`` and on the connection."""
        try:
            self._conn.acknowledge_received_data(size, number)
        except h2.exceptions.ProtocolError:
            return
        self._flush_soon()

    # For the connection

    def finish(self, stream: Stream2) -> None:
        """Both directions of a stream are complete: remove it, and end it without an error."""
        if not stream.closed:
            self.finished += 1
            self.forget(stream)
            stream.over(None)

    def forget(self, stream: Stream2) -> None:
        """Remove a stream that has ended, and call ``changed``."""
        stream.gone()
        self._waiting.pop(stream, None)
        self.streams.pop(stream.number, None)
        self._changed()

    def clear(self) -> list[Stream2]:
        """The connection has ended: remove and return all open streams."""
        self._waiting.clear()
        streams, self.streams = list(self.streams.values()), {}
        return streams

    def pause(self) -> None:
        """The byte stream is full: send no more bodies.

        The peer's frames are still read, up to :data:`MAX_ANSWERS` bytes of answers: if both peers stopped reading
        while their output is full, neither could go on.
        """
        self._full, self._answers = True, 0

    def resume(self) -> None:
        """The byte stream is no longer full: read frames and send bodies again."""
        self._full = False
        self._stream.resume_reading(Pause.ANSWERS)
        self._send_waiting()

    def window_opened(self, number: int) -> None:
        """The peer gave credit to the stream ``number``; 0 stands for the connection."""
        stream = self.streams.get(number)
        if stream is not None:
            if stream.queued:
                self.pump(stream)
        elif number == 0:
            self._send_waiting()

    def windows_changed(self) -> None:
        """The peer changed the initial window size, and with it the windows of all streams."""
        self._waiting.update((stream, None) for stream in self.streams.values() if stream.queued)
        self._send_waiting()

    def flush(self) -> None:
        """Write all frames that h2 has made, then make frames of the streams that wait."""
        self._flush_due = False
        data = self._conn.data_to_send()
        self._unflushed = 0
        if data:
            if self._full:
                self._count_answers(len(data))
            self._stream.write(data)
            if self._waiting:
                self._send_waiting()

    # Private: sending

    def _count_answers(self, size: int) -> None:
        self._answers += size
        if self._answers > MAX_ANSWERS:
            self._stream.pause_reading(Pause.ANSWERS)

    def _send_piece(self, stream: Stream2) -> bool:
        """Send the next DATA frame of a stream. Returns whether it may send another one.

        A stream without credit of the connection is added to ``_waiting``; one without credit of its own is not.
        """
        conn, number = self._conn, stream.number
        try:
            size = min(conn.local_flow_control_window(number), conn.max_outbound_frame_size)
            piece = stream.next_piece(size)
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
        except h2.exceptions.ProtocolError:  # the peer reset the stream meanwhile
            self.forget(stream)
            stream.over(Closed("the HTTP/2 stream was reset"))
        return False

    def _send_end(self, stream: Stream2) -> None:
        """Send END_STREAM, with the trailers if there are any, when the stream's body is complete."""
        trailers = stream.take_end()
        if trailers is None:
            return
        if trailers:
            self._conn.send_headers(stream.number, trailers, end_stream=True)
        else:
            self._conn.end_stream(stream.number)
        self._sent_all(stream)

    def _sent_all(self, stream: Stream2) -> None:
        """END_STREAM was sent: the stream ends now if the peer has sent it too."""
        if stream.peer_ended:
            self.finish(stream)
        else:
            stream.all_sent()

    def _send_waiting(self) -> None:
        """Send one frame of each waiting stream in turn, up to :data:`MAX_UNFLUSHED` bytes; :meth:`flush` continues on
        the next turn of the loop."""
        while self._waiting and not self._full and self._unflushed < MAX_UNFLUSHED:
            stream = next(iter(self._waiting))
            if stream.queued and self._conn.outbound_flow_control_window <= 0:
                break
            del self._waiting[stream]
            if self._send_piece(stream):
                self._waiting[stream] = None
            stream.resume_if_low()
        self._flush_soon()

    def _flush_soon(self) -> None:
        """Call :meth:`flush` on the next turn of the loop, once for all frames made until then."""
        if not self._flush_due:
            self._flush_due = True
            asyncio.get_running_loop().call_soon(self.flush)
