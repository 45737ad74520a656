"""One HTTP/2 connection (RFC 9113) over a stream, on either side, and the lanes in it: h2's streams with their queues.

h2 knows the protocol; this module moves its bytes and keeps flow control honest: what is queued for a lane is bounded
by telling its owner to pause, and windows reopen when an owner has taken the data.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import Protocol

import h2.connection
import h2.errors
import h2.events
import h2.exceptions
from h2.config import H2Configuration
from h2.settings import SettingCodes, Settings

from aiofrp.errors import RemoteProtocolError
from aiofrp.server.httppages import Answer
from aiofrp.stream.base import Buffer, Pause, Stream
from aiofrp.wire.h2frames import FrameSizes
from aiofrp.wire.http1 import Field

#: What a client says first (RFC 9113 §3.4).
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#: Bytes of a lane's window and of the connection's: what a peer may send before its owner took it.
LANE_WINDOW, LINK_WINDOW = 256 * 1024, 1024 * 1024
#: Lanes a peer may have open at once, and bytes of its header lists (RFC 9113 §6.5.2).
MAX_LANES, MAX_HEADERS = 128, 64 * 1024
#: Bytes queued for a lane at which its owner is told to pause, and to go on.
HIGH_WATER, LOW_WATER = 256 * 1024, 64 * 1024
#: Lanes a peer may have taken back, beyond those that came to their end, before it is told to calm down.
MAX_RESETS = 200

Headers = list[Field]


class LaneOwner(Protocol):
    """Who has a lane."""

    def lane_headers(self, headers: Headers, ended: bool) -> None:
        """The head of a response (on a client's lane), interim ones too; ``ended``: there is no body."""

    def lane_data(self, data: bytes) -> None:
        """Bytes of the peer's body; :meth:`Lane.took` them when they are on their way."""

    def lane_ended(self, trailers: Headers) -> None:
        """The peer finished its body."""

    def lane_reset(self) -> None:
        """The lane is gone."""

    def lane_full(self) -> None:
        """Write no more until ``lane_drained``."""

    def lane_drained(self) -> None:
        """There is room again."""


Opened = Callable[["Lane", Headers, bool], LaneOwner | None]
"""Gives a peer's new lane with its request an owner; True: the request has no body."""


def _nothing() -> None:
    pass


class Lane:
    """One stream of the connection."""

    __slots__ = (
        "_ended",
        "_full",
        "_link",
        "_queue",
        "_queued",
        "_trailers",
        "closed",
        "number",
        "owner",
        "peer_ended",
    )

    def __init__(self, link: H2Link, number: int) -> None:
        self.number = number
        self.owner: LaneOwner | None = None
        self.closed = False
        self._link = link
        self._queue: deque[Buffer] = deque()  # limited by HIGH_WATER and one write
        self._queued = 0
        self._ended = False
        self._trailers: Headers | None = None  # of an end that is still to be sent
        self._full = False
        self.peer_ended = False

    @property
    def full(self) -> bool:
        """Whether its owner was told to pause."""
        return self._full

    @property
    def ended(self) -> bool:
        """Whether all of our side is sent."""
        return self._ended and self._trailers is None

    def send_headers(self, headers: Headers, *, end: bool = False) -> None:
        """Send a head; ``end``: there is no body."""
        if not self.closed:
            self._ended = end
            self._link.send_headers(self, headers, end)

    def write(self, data: Buffer) -> None:
        """Queue bytes of our body."""
        if self.closed or self._ended or not data:
            return
        self._queue.append(data)
        self._queued += len(data)
        self._link.pump(self)
        if self._queued > HIGH_WATER and not self._full and self.owner is not None:
            self._full = True
            self.owner.lane_full()

    def end(self, trailers: Headers | None = None) -> None:
        """Our body is whole."""
        if not self.closed and not self._ended:
            self._ended, self._trailers = True, trailers or []
            self._link.pump(self)

    def reset(self, code: int = h2.errors.ErrorCodes.INTERNAL_ERROR) -> None:
        """Give the lane up."""
        self._link.reset(self, code)

    def took(self, size: int) -> None:
        """``size`` bytes of the peer's body are on their way: it may send as many more."""
        self._link.took(self.number, size)

    # For the link

    def next_piece(self, room: int) -> Buffer | None:
        """Up to ``room`` bytes of what is queued."""
        if not self._queue or room <= 0:
            return None
        data = self._queue.popleft()
        if len(data) > room:
            view = memoryview(data)
            self._queue.appendleft(view[room:])
            data = view[:room]
        self._queued -= len(data)
        return data

    def take_end(self) -> Headers | None:
        """The trailers, once, when nothing is queued any more and the body is whole."""
        if self._queue:
            return None
        trailers, self._trailers = self._trailers, None
        return trailers

    def relieve(self) -> None:
        """Some of the queue has gone."""
        if self._full and self._queued <= LOW_WATER and self.owner is not None:
            self._full = False
            self.owner.lane_drained()


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
        changed: Callable[[], None] = _nothing,
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
                    lane.owner.lane_headers(_pairs(event.headers), event.stream_ended is not None)
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


def send_answer(lane: Lane, made: Answer, method: bytes) -> None:
    """An answer of frps itself to a request by ``method``; nothing more is expected of the lane."""
    headers = [(b":status", b"%d" % made.status), *((name.lower(), value) for name, value in made.fields)]
    lane.owner = None
    lane.send_headers(headers)
    if method != b"HEAD":
        lane.write(made.body)
    lane.end()


def _pairs(headers: object) -> Headers:
    """Header fields as plain pairs of bytes."""
    return [(bytes(name), bytes(value)) for name, value in headers]  # type: ignore[attr-defined]  # h2 types any
