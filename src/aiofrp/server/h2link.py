"""One HTTP/2 connection (RFC 9113) over a stream, on either side, with its lanes.

h2 knows the protocol; this module moves its bytes and keeps flow control honest: what is queued for a lane is bounded
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
from aiofrp.server.deadline import HEAD_TIMEOUT, Deadline, Taking
from aiofrp.server.h2lane import Headers, Lane, LaneOwner
from aiofrp.server.vhost.turns import Turns
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
#: Bytes of a lane's window and of the connection's: what a peer may send before its owner took it.
LANE_WINDOW, LINK_WINDOW = 256 * 1024, 1024 * 1024
#: Lanes a peer may have open at once, and bytes of its header lists (RFC 9113 §6.5.2).
MAX_LANES, MAX_HEADERS = 128, 64 * 1024
#: Lanes a peer may have taken back, beyond those that came to their end, before it is told to calm down.
MAX_RESETS = 200
#: Bytes written in one turn of the loop; the lanes that have more go on later, one frame each in turn.
MAX_UNFLUSHED = 256 * 1024
#: Bytes queued for all lanes above which each may have but a little.
LINK_HIGH_WATER = 2 * 1024 * 1024
#: Seconds a peer that is sent away gets to read why.
LINGER = 1.0
#: Streams that are over and still known, so that frames on their way to them are no errors.
MAX_CLOSED = 1024

Opened = Callable[[Lane, Headers, bool], LaneOwner | None]
"""Gives a peer's new lane with its request an owner; True: the request has no body."""


class _Connection(h2.connection.H2Connection):
    MAX_CLOSED_STREAMS = MAX_CLOSED


class H2Link:
    """The connection; receiver of its stream. ``opened`` is called for lanes of the peer (on a server's side),
    ``changed`` when a lane is gone, ``lost`` once when the connection is. ``turns`` is whose time it shares."""

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
        "_over",
        "_reader",
        "_resets",
        "_stream",
        "_taking",
        "_turns",
        "_unflushed",
        "_waiting",
        "lanes",
        "queued",
    )

    def __init__(
        self,
        stream: Stream,
        turns: Turns,
        *,
        opened: Opened | None = None,
        changed: Callable[[], None] = nothing,
        lost: Callable[[], None],
        client: bool = False,
    ) -> None:
        self.lanes: dict[int, Lane] = {}  # limited by MAX_LANES, or the peer's number
        self.queued = 0  # bytes that lanes have and cannot send
        self._waiting: dict[Lane, None] = {}  # lanes that wait for the connection, in order
        self._stream = stream
        self._turns = turns
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
        self._taking = Taking(stream, self.abort)
        self._conn = _Connection(H2Configuration(client_side=client, header_encoding=None))
        self._conn.local_settings = Settings(
            client=client,
            initial_values={
                SettingCodes.MAX_CONCURRENT_STREAMS: MAX_LANES,
                SettingCodes.MAX_HEADER_LIST_SIZE: MAX_HEADERS,
                SettingCodes.INITIAL_WINDOW_SIZE: LANE_WINDOW,
            },
        )
        if client:
            self._conn.local_settings.enable_push = False
        self._conn.initiate_connection()
        if not client:
            self._conn.receive_data(PREFACE)  # the reader has judged it
        self._conn.increment_flow_control_window(LINK_WINDOW - 65535)
        self._flush()
        stream.attach(self)

    def open(self, headers: Headers, owner: LaneOwner, *, end: bool) -> Lane | None:
        """A lane of ours with a request (on a client's side); ``None`` when the peer takes no more."""
        conn = self._conn
        try:
            if conn.open_outbound_streams >= min(conn.remote_settings.max_concurrent_streams, MAX_LANES):
                return None
            number = conn.get_next_available_stream_id()
            lane = self.lanes[number] = Lane(self, number)
            lane.owner = owner
        except h2.exceptions.ProtocolError:
            return None
        lane.send_headers(headers, end=end)
        return None if lane.closed else lane

    def close(self) -> None:
        """No more lanes: say so and end the connection after what was written."""
        self._say_goodbye(h2.errors.ErrorCodes.NO_ERROR)
        self._stream.close()

    def abort(self) -> None:
        """Drop the connection."""
        self._stream.abort()

    # For lanes

    def send_headers(self, lane: Lane, headers: Headers, end: bool) -> None:
        try:
            self._conn.send_headers(lane.number, headers, end_stream=end)
        except h2.exceptions.ProtocolError:  # fields that HTTP/2 does not allow, or the lane is gone
            self.reset(lane, h2.errors.ErrorCodes.INTERNAL_ERROR)
        if end and not lane.closed:
            self._sent_all(lane)
        self._flush_soon()

    @property
    def watches(self) -> bool:
        """Whether the peer has to take what it is sent in time: users have, services not."""
        return not self._client

    @property
    def crowded(self) -> bool:
        """Whether lanes may queue only a little."""
        return self.queued > LINK_HIGH_WATER

    def pump(self, lane: Lane) -> None:
        """Send of the lane's queue what the windows allow, unless others wait for the connection too."""
        if lane.closed:
            return
        if lane.queued and (self._full or self._waiting or self._unflushed >= MAX_UNFLUSHED):
            self._waiting[lane] = None
            return
        while self._send_piece(lane):
            if self._unflushed >= MAX_UNFLUSHED:
                self._waiting[lane] = None
                break
        self._flush_soon()
        lane.relieve()

    def reset(self, lane: Lane, code: int) -> None:
        if not lane.closed:
            with contextlib.suppress(h2.exceptions.ProtocolError):  # it came to its end by itself
                self._conn.reset_stream(lane.number, code)
            self._forget(lane)
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
            self._turns.take(self)

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
        self._taking.close()
        self._block_deadline.close()
        if self._linger_deadline is not None:
            self._linger_deadline.close()
        self._waiting.clear()
        lanes, self.lanes = list(self.lanes.values()), {}
        for lane in lanes:
            lane.close()
            if lane.owner is not None:
                lane.owner.lane_reset()
        self._lost()

    def pause_writing(self) -> None:
        self._full = True
        if self.watches:
            self._taking.start()
        self._stream.pause_reading(Pause.PEER)  # answers to its pings and settings would pile up

    def resume_writing(self) -> None:
        self._full = False
        self._taking.stop()
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
        elif frame.kind == DATA and frame.stream not in self.lanes:
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
                lane = self.lanes.get(event.stream_id)
                if lane is not None and lane.owner is not None:
                    ended = getattr(event, "stream_ended", None) is not None
                    lane.owner.lane_headers(_pairs(event.headers), ended)
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
        lane = self.lanes[event.stream_id] = Lane(self, event.stream_id)
        ended = lane.bodiless = event.stream_ended is not None
        lane.owner = self._opened(lane, _pairs(event.headers), ended)

    def _data(self, event: h2.events.DataReceived) -> None:
        padding = event.flow_controlled_length - len(event.data)
        lane = self.lanes.get(event.stream_id)
        if lane is None or lane.owner is None:
            self.took(event.stream_id, event.flow_controlled_length)
            return
        if padding:
            self.took(event.stream_id, padding)
        if event.data:
            lane.owner.lane_data(event.data)

    def _end(self, number: int, trailers: Headers) -> None:
        """The peer's side is whole; h2 tells it once more after trailers."""
        lane = self.lanes.get(number)
        if lane is None or lane.peer_ended:
            return
        lane.peer_ended = True
        if lane.owner is not None:
            lane.owner.lane_ended(trailers)
        if lane.ended:
            self._finish(lane)

    def _reset_by_peer(self, number: int) -> None:
        self._resets += 1
        lane = self.lanes.get(number)
        if lane is not None:
            owner = lane.owner
            self._forget(lane)
            if owner is not None:
                owner.lane_reset()
        if self._resets > MAX_RESETS + self._finished:
            self._give_up(h2.errors.ErrorCodes.ENHANCE_YOUR_CALM)

    def _finish(self, lane: Lane) -> None:
        """Both sides of a lane are whole."""
        if not lane.closed:
            self._finished += 1
            self._forget(lane)

    def _forget(self, lane: Lane) -> None:
        lane.close()
        lane.owner = None
        self._waiting.pop(lane, None)
        self.lanes.pop(lane.number, None)
        self._changed()

    # Private: sending

    def _send_piece(self, lane: Lane) -> bool:
        """Send the next frame of a lane; whether it may send another one. A lane that the connection's window stops
        waits for it; one that its own window stops waits for that."""
        conn, number = self._conn, lane.number
        try:
            room = min(conn.local_flow_control_window(number), conn.max_outbound_frame_size)
            piece = lane.next_piece(room)
            if piece is not None:
                size = len(piece)
                conn.send_data(number, bytes(piece))
                self._unflushed += size
                self._budget.sent(size, bool(lane.queued))
            if lane.queued:
                if conn.outbound_flow_control_window <= 0:
                    self._waiting[lane] = None
                    return False
                return piece is not None
            self._send_end(lane)
        except h2.exceptions.ProtocolError:  # the peer gave the lane up meanwhile
            self._forget(lane)
        return False

    def _send_end(self, lane: Lane) -> None:
        trailers = lane.take_end()
        if trailers is None:
            return
        if trailers:
            self._conn.send_headers(lane.number, trailers, end_stream=True)
        else:
            self._conn.end_stream(lane.number)
        self._sent_all(lane)

    def _sent_all(self, lane: Lane) -> None:
        """Our side is whole. The rest of a request that is answered is not wanted (RFC 9113 §8.1)."""
        if lane.peer_ended:
            self._finish(lane)
        elif not (self._client or lane.bodiless):
            lane.linger()

    def _window_opened(self, number: int) -> None:
        lane = self.lanes.get(number)
        if lane is not None:
            if lane.queued:
                self.pump(lane)
        elif number == 0:
            self._pump_waiting()

    def _settings_changed(self, event: h2.events.RemoteSettingsChanged) -> None:
        if SettingCodes.INITIAL_WINDOW_SIZE in event.changed_settings:
            self._waiting.update((lane, None) for lane in self.lanes.values() if lane.queued)
            self._pump_waiting()

    def _pump_waiting(self) -> None:
        """Send of the lanes that wait for the connection, a frame of each in turn, as much as goes in one turn of the
        loop; :meth:`_flush` goes on with the rest."""
        while self._waiting and not self._full and self._unflushed < MAX_UNFLUSHED:
            lane = next(iter(self._waiting))
            if lane.queued and self._conn.outbound_flow_control_window <= 0:
                break
            del self._waiting[lane]
            if self._send_piece(lane):
                self._waiting[lane] = None
            lane.relieve()
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
