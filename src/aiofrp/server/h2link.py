"""One HTTP/2 connection (RFC 9113) over a stream, on either side, with its lanes.

h2 knows the protocol; this module moves its bytes and keeps flow control honest: what is queued for a lane is bounded
by telling its owner to pause, and windows reopen when an owner has taken the data.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import h2.connection
import h2.errors
import h2.events
import h2.exceptions
from h2.config import H2Configuration
from h2.settings import SettingCodes, Settings

from aiofrp.errors import RemoteProtocolError
from aiofrp.server.h2lane import Headers, Lane, LaneOwner
from aiofrp.stream.base import Buffer, Pause, Stream, nothing
from aiofrp.wire.h2frames import FrameSizes

#: What a client says first (RFC 9113 §3.4).
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#: Bytes of a lane's window and of the connection's: what a peer may send before its owner took it.
LANE_WINDOW, LINK_WINDOW = 256 * 1024, 1024 * 1024
#: Lanes a peer may have open at once, and bytes of its header lists (RFC 9113 §6.5.2).
MAX_LANES, MAX_HEADERS = 128, 64 * 1024
#: Lanes a peer may have taken back, beyond those that came to their end, before it is told to calm down.
MAX_RESETS = 200

Opened = Callable[[Lane, Headers, bool], LaneOwner | None]
"""Gives a peer's new lane with its request an owner; True: the request has no body."""


class H2Link:
    """The connection; receiver of its stream. ``opened`` is called for lanes of the peer (on a server's side),
    ``changed`` when a lane is gone, ``lost`` once when the connection is."""

    __slots__ = (
        "_changed",
        "_conn",
        "_finished",
        "_flush_due",
        "_full",
        "_lost",
        "_opened",
        "_resets",
        "_sizes",
        "_stream",
        "lanes",
    )

    def __init__(
        self,
        stream: Stream,
        *,
        opened: Opened | None = None,
        changed: Callable[[], None] = nothing,
        lost: Callable[[], None],
        client: bool = False,
    ) -> None:
        self.lanes: dict[int, Lane] = {}  # limited by MAX_LANES, or the peer's number
        self._stream = stream
        self._opened = opened
        self._changed = changed
        self._lost = lost
        self._full = False
        self._flush_due = False
        self._resets = 0
        self._finished = 0
        self._sizes = FrameSizes(0 if client else len(PREFACE))
        self._conn = h2.connection.H2Connection(H2Configuration(client_side=client, header_encoding=None))
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
        self._give_up(h2.errors.ErrorCodes.NO_ERROR)

    def abort(self) -> None:
        """Drop the connection."""
        self._stream.abort()

    # For lanes

    def send_headers(self, lane: Lane, headers: Headers, end: bool) -> None:
        try:
            self._conn.send_headers(lane.number, headers, end_stream=end)
        except h2.exceptions.ProtocolError:  # fields that HTTP/2 does not allow, or the lane is gone
            self.reset(lane, h2.errors.ErrorCodes.INTERNAL_ERROR)
        if end and lane.peer_ended:
            self._finish(lane)
        self._flush_soon()

    def pump(self, lane: Lane) -> None:
        """Send of the lane's queue what the windows allow."""
        if self._full or lane.closed:
            return
        conn, number = self._conn, lane.number
        try:
            while (piece := lane.next_piece(self._room(number))) is not None:
                conn.send_data(number, bytes(piece))
            trailers = lane.take_end()
            if trailers:
                conn.send_headers(number, trailers, end_stream=True)
            elif trailers is not None:
                conn.end_stream(number)
            if trailers is not None and lane.peer_ended:
                self._finish(lane)
        except h2.exceptions.ProtocolError:  # the peer gave the lane up meanwhile
            self._forget(lane)
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
        try:
            self._sizes.receive_data(data)
            for event in self._conn.receive_data(bytes(data)):
                self._handle(event)
        except RemoteProtocolError:
            self._give_up(h2.errors.ErrorCodes.FRAME_SIZE_ERROR)
        except h2.exceptions.ProtocolError:  # h2 has written why
            self._flush()
            self._stream.close()
        else:
            self._flush()

    def eof_received(self) -> None:
        self._stream.close()

    def connection_lost(self, exc: Exception | None, /) -> None:
        lanes, self.lanes = list(self.lanes.values()), {}
        for lane in lanes:
            lane.closed = True
            if lane.owner is not None:
                lane.owner.lane_reset()
        self._lost()

    def pause_writing(self) -> None:
        self._full = True
        self._stream.pause_reading(Pause.PEER)  # answers to its pings and settings would pile up

    def resume_writing(self) -> None:
        self._full = False
        self._stream.resume_reading(Pause.PEER)
        self._pump_all()

    # Private

    def _give_up(self, code: h2.errors.ErrorCodes) -> None:
        """Say why and end the connection."""
        with contextlib.suppress(h2.exceptions.ProtocolError):
            self._conn.close_connection(code)
        self._flush()
        self._stream.close()

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
            case h2.events.WindowUpdated() | h2.events.RemoteSettingsChanged():
                self._pump_all()
            case h2.events.ConnectionTerminated():
                self._stream.close()
            case _:
                pass

    def _request(self, event: h2.events.RequestReceived) -> None:
        assert self._opened is not None
        lane = self.lanes[event.stream_id] = Lane(self, event.stream_id)
        ended = event.stream_ended is not None
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
        lane.closed = True
        lane.owner = None
        self.lanes.pop(lane.number, None)
        self._changed()

    def _room(self, number: int) -> int:
        conn = self._conn
        return min(conn.local_flow_control_window(number), conn.max_outbound_frame_size)

    def _pump_all(self) -> None:
        for lane in list(self.lanes.values()):
            self.pump(lane)

    def _flush_soon(self) -> None:
        """Frames of one turn of the loop leave in one write."""
        if not self._flush_due:
            self._flush_due = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_due = False
        data = self._conn.data_to_send()
        if data:
            self._stream.write(data)


def _pairs(headers: object) -> Headers:
    """Header fields as plain pairs of bytes."""
    return [(bytes(name), bytes(value)) for name, value in headers]  # type: ignore[attr-defined]  # h2 types any
