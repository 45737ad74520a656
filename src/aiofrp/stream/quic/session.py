"""QUIC: many streams over one connection over UDP (docs/protocol/wire.md §5).

A connection's streams open without a word; the peer hears of one by its first bytes, so whoever opens writes first.
See :mod:`aiofrp.stream.quic.dial` and :mod:`aiofrp.stream.quic.listener` for the two sides.

Bytes for a stream whose user does not read are held here, and its peer gets no more room; the others go on (see
:mod:`aiofrp.stream.quic.credit`). What many such streams hold has a limit for the connection, and
:mod:`aiofrp.stream.stall` says who is ended then.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

from aiofrp import faults
from aiofrp.errors import Closed, FrpError, RemoteProtocolError
from aiofrp.stream.base import Buffer, hand_out
from aiofrp.stream.quic.core import QuicCore
from aiofrp.stream.quic.errors import NoMoreStreams, QuicFailed, explain
from aiofrp.stream.quic.ids import PeerIds
from aiofrp.stream.quic.library import REFUSED, Refused
from aiofrp.stream.quic.limits import QuicLimits
from aiofrp.stream.quic.stream import LOW_WATER, QuicStream
from aiofrp.stream.stall import Account
from aiofrp.stream.udp import Address

#: Bytes held of a stream at which its peer gets no more room, and again some. What it has may be used up then: up to
#: its window more is held.
WITHHOLD_AT, RELEASE_AT = 256 * 1024, 128 * 1024
#: Seconds between looks at a connection without keep-alive.
_LOOK = 60.0
#: How often the peer is told of room again, which may get lost, and after how many seconds first; then the double.
TELLS, TELL_AFTER = 10, 0.1
#: Of pings for that: a number no keep-alive has.
_TELLING = 1 << 40
#: Streams waited for at once, before the next is refused.
MOST_WISHES = 4096
#: What a client may use before its connection is granted something: streams, and bytes of datagrams, of which the
#: library may hold all. A login takes one stream and a few kB with the handshake, certificates included.
STREAMS_BEFORE_LOGIN, BYTES_BEFORE_LOGIN = 8, 256 * 1024
#: Seconds a closed connection lives on, to repeat its farewell.
FAREWELL = 1.0
#: Error codes of the application; frp has no others (docs/protocol/wire.md §5).
_NO_ERROR = 0


#: Who waits for a stream: what is called with it, and with the reason why there will be none.
Wish: TypeAlias = tuple[Callable[[QuicStream], None], Callable[[FrpError], None]]


class Endpoint(Protocol):
    """What carries a connection's datagrams."""

    def send(self, datagrams: list[bytes], address: Address, /) -> None:
        """Send them."""

    def poll(self) -> None:
        """Take in what has arrived already."""

    def connection_id(self, session: QuicSession, cid: bytes, valid: bool, /) -> None:
        """The peer may use ``cid`` from now on, or does not any more."""

    def gone(self, session: QuicSession, /) -> None:
        """The connection needs no datagrams any more."""


class QuicSession:
    """One connection.

    ``on_ready`` is called when the handshake is done, ``on_stream`` with each stream the peer opens (without one they
    are refused), ``on_lost`` once when the connection is over, with the reason or ``None``. Unless ``granted`` the peer
    may use little, see :data:`STREAMS_BEFORE_LOGIN`, until :meth:`granted` is called.
    """

    __slots__ = (
        "_address",
        "_closing",
        "_core",
        "_endpoint",
        "_flush_scheduled",
        "_granted",
        "_heard_at",
        "_in_batch",
        "_limits",
        "_loop",
        "_on_lost",
        "_on_stream",
        "_over",
        "_peer_ids",
        "_pings",
        "_streams",
        "_teller",
        "_timer",
        "_timer_due",
        "_ungranted",
        "_waiting",
        "_wishes",
        "lost",
        "on_ready",
        "ready",
        "receivers",
        "sockname",
    )

    def __init__(
        self,
        make_core: Callable[[QuicSession], QuicCore],
        endpoint: Endpoint,
        *,
        peer: Address,
        sockname: Address,
        limits: QuicLimits,
        granted: bool = True,
        on_ready: Callable[[], None] | None = None,
        on_stream: Callable[[QuicStream], None] | None = None,
        on_lost: Callable[[Exception | None], None] | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._core = core = make_core(self)
        self._endpoint = endpoint
        self._address = peer
        self.sockname = sockname
        self._limits = limits
        self.on_ready = on_ready
        self._on_stream = on_stream
        self._on_lost = on_lost
        self.ready = False  #: the handshake is done
        self.lost = False  #: no stream may be opened or used any more
        self.receivers = Account(limits.receivers)
        self._streams: dict[int, QuicStream] = {}  # limited by max_streams on either side
        self._peer_ids = PeerIds(0 if not core.configuration.is_client else 1)
        self._granted = granted
        self._ungranted = 0  # bytes of datagrams that came before; BYTES_BEFORE_LOGIN
        self._waiting: set[QuicStream] = set()  # their writers are paused
        self._wishes: deque[Wish] = deque()  # for streams the peer does not allow yet; limited by MOST_WISHES
        self._closing = False
        self._over = False  # no datagrams any more
        self._flush_scheduled = False
        self._in_batch = False  # received() follows, and flushes
        self._pings = 0
        self._heard_at = time.monotonic()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = 0.0
        self._teller: asyncio.TimerHandle | None = None  # of _tell_room

    def __repr__(self) -> str:
        return (
            f"<QuicSession {self._address} ready={self.ready} lost={self.lost} streams={len(self._streams)}>"
        )

    @property
    def core(self) -> QuicCore:
        """The connection itself."""
        return self._core

    @property
    def stream_count(self) -> int:
        """Streams now in the table."""
        return len(self._streams)

    @property
    def held(self) -> int:
        """Bytes for users who do not read."""
        return self.receivers.held

    @property
    def peername(self) -> Address:
        """The peer's address when the connection began."""
        return self._address

    # Public: open and close

    def open(self) -> QuicStream:
        """Open a stream; it may be written to at once. Raises :class:`~aiofrp.errors.Closed` when it cannot, and its
        kind :class:`NoMoreStreams` when the peer allows no more for now."""
        if self.lost or self._closing or not self.ready:
            raise Closed("the QUIC connection is closed")
        stream_id = self._core.open_bidirectional()
        if stream_id is None:
            raise NoMoreStreams("the peer allows no more streams (its transport.quic.maxIncomingStreams)")
        stream = QuicStream(self, stream_id)
        self._streams[stream.id] = stream
        return stream

    def open_when_allowed(
        self, ready: Callable[[QuicStream], None], failed: Callable[[FrpError], None]
    ) -> None:
        """Open a stream now, or when the peer has seen the end of another one. Neither call comes after the other."""
        try:
            stream = self.open()
        except NoMoreStreams as exc:
            if len(self._wishes) < MOST_WISHES:
                self._wishes.append((ready, failed))
            else:
                failed(exc)
        except Closed as exc:
            failed(exc)
        else:
            ready(stream)

    def granted(self) -> None:
        """The peer has logged in, or was granted something else: from now on it may use what the limits allow."""
        self._granted = True

    def end_unless_granted(self) -> None:
        """The peer had its time to log in."""
        if not self._granted:
            self.close("no login in time")

    def close(self, reason: str = "") -> None:
        """End the connection and every stream on it, and tell the peer the ``reason``; what is not on its way yet is
        lost (docs/protocol/wire.md §5)."""
        if not self._closing and not self._over:
            self._closing = True
            self._flush()
            with contextlib.suppress(*REFUSED):
                self._core.close(_NO_ERROR, reason_phrase=reason)
            self._flush()
            self._loop.call_soon(self._end, None)
            if not self._over:
                self._loop.call_later(FAREWELL, self._stop)

    def abort(self) -> None:
        """End it now and say nothing."""
        self._closing = True
        self._stop()
        self._loop.call_soon(self._end, None)

    # For the endpoint

    def connect(self) -> None:
        """Send the client's first packet."""
        self._core.connect(self._address, time.monotonic())
        self._flush()

    def receive(self, data: bytes, size: int, address: Address) -> None:
        """Take datagrams of ``size`` bytes each."""
        if self._over or not (self._granted or self._may_send(len(data))):
            return
        self._heard_at = now = time.monotonic()
        self._in_batch = True
        try:
            self._core.receive(data, size, address, now)
        except RemoteProtocolError as exc:
            self._fail(exc)

    def received(self) -> None:
        """Answer: the end of a batch."""
        self._in_batch = False
        if self._wishes:
            self._grant_wishes()
        self._flush()

    def refused(self) -> None:
        """Nobody listens at the peer's address."""
        self._fail(QuicFailed(f"quic: nothing answers at {self._address}: connection refused"))

    # Handler of the core

    def handshake_done(self) -> None:
        self.ready = True
        on_ready, self.on_ready = self.on_ready, None
        if on_ready is not None:
            on_ready()

    def stream_data(self, stream_id: int, data: bytes, end: bool, /) -> None:
        stream = self._streams.get(stream_id) or self._accept(stream_id)
        if stream is not None:
            stream.receive(data, end)
            self._core.credit_used(stream_id, stream.received)

    def stream_reset(self, stream_id: int, /) -> None:
        stream = self._streams.get(stream_id)
        if stream is not None:
            stream.reset_received()

    def stream_stopped(self, stream_id: int, /) -> None:
        stream = self._streams.get(stream_id)
        if stream is not None:
            stream.stop_received()

    def connection_id(self, cid: bytes, valid: bool, /) -> None:
        self._endpoint.connection_id(self, cid, valid)

    def terminated(self, code: int, reason: str, by_peer: bool, /) -> None:
        if self._closing:
            self._stop()
            return
        self._fail(explain(code, reason, by_peer=by_peer, ready=self.ready))

    # For streams

    def send(self, stream: QuicStream, data: Buffer, end: bool = False) -> bool:
        """Queue bytes of ``stream``; returns False when they cannot go any more."""
        try:
            self._core.send_stream_data(stream.id, data, end)
        except REFUSED:
            return False
        if not self._flush_scheduled:
            self._schedule_flush()
            if not self._in_batch:
                self._send_first()
        return True

    def unsent(self, stream: QuicStream) -> int:
        """Bytes of ``stream`` that are not on their way yet."""
        return self._core.get_send_buffer_size(stream.id)

    def wait(self, stream: QuicStream) -> None:
        """Resume the writer of ``stream`` when most has gone."""
        self._waiting.add(stream)

    def end_stream(self, stream: QuicStream, *, reset: bool) -> None:
        """Read no more of ``stream``, and take back what it was sending if ``reset``."""
        with contextlib.suppress(*REFUSED):
            if reset:
                self._core.reset_stream(stream.id, _NO_ERROR)
        with contextlib.suppress(*REFUSED):
            self._core.stop_stream(stream.id, _NO_ERROR)
        self._schedule_flush()

    def forget(self, stream: QuicStream) -> None:
        """``stream`` is over."""
        self._core.credit_used(stream.id, None)
        self._streams.pop(stream.id, None)
        self._waiting.discard(stream)

    def held_changed(self, stream: QuicStream, size: int) -> None:
        """``size`` bytes more of ``stream`` are held for its user who does not read, or less when negative."""
        if stream.dead or not self._limits.reseal:
            return
        if size > 0:
            if stream.held >= WITHHOLD_AT:
                self._core.credit.withhold(stream.id)
        elif stream.held - size > RELEASE_AT >= stream.held:
            self._core.credit.release(stream.id)
            self._tell_room()

    def _tell_room(self, tries: int = TELLS) -> None:
        """Have packets leave for the room that streams have again, until the peer shows that it knows."""
        if self._teller is not None:
            self._teller.cancel()
            self._teller = None
        if self._over or not self._core.credit.tell():
            return
        if not tries:
            self._core.credit.give_up()
            return
        self._core.send_ping(_TELLING)
        self._schedule_flush()
        after = TELL_AFTER * 2 ** (TELLS - tries)
        self._teller = self._loop.call_later(after, self._tell_room, tries - 1)

    # Private

    def _accept(self, stream_id: int) -> QuicStream | None:
        """A new stream of the peer's; ``None`` for one that is over, or none of the peer's to open."""
        if self._closing or not self._peer_ids.use(stream_id):
            return None
        if not self._granted and stream_id >= 4 * STREAMS_BEFORE_LOGIN:
            self._expel(f"more than {STREAMS_BEFORE_LOGIN} streams before the login")
            return None
        stream = QuicStream(self, stream_id)
        if self._on_stream is None:
            self.end_stream(stream, reset=True)
            return None
        self._streams[stream_id] = stream
        hand_out(stream, self._on_stream)
        return stream

    def _may_send(self, size: int) -> bool:
        """Whether a peer that was granted nothing may send ``size`` bytes more."""
        self._ungranted += size
        if self._ungranted <= BYTES_BEFORE_LOGIN:
            return True
        self._expel(f"more than {BYTES_BEFORE_LOGIN} bytes before the login")
        return False

    def _expel(self, reason: str) -> None:
        """End the connection from the inside of its own reading."""
        self._loop.call_soon(self.close, reason)

    def _grant_wishes(self) -> None:
        wishes = self._wishes
        while wishes and not self.lost and not self._closing:
            try:
                stream = self.open()
            except NoMoreStreams:
                return
            hand_out(stream, wishes.popleft()[0])

    def _schedule_flush(self) -> None:
        if not self._flush_scheduled:
            self._flush_scheduled = True
            self._loop.call_soon(self._flush_turn)

    def _send_first(self) -> None:
        """What the first write of a turn makes ready leaves at once; the rest of the turn's goes together."""
        with contextlib.suppress(RemoteProtocolError):  # the flush at the end of the turn meets it again
            self._send(self._core.to_send(time.monotonic()))

    def _flush_turn(self) -> None:
        self._flush_scheduled = False
        self._flush()

    def _flush(self) -> None:
        """Send what may go, wake writers, set the timer."""
        if self._over:
            return
        now = time.monotonic()
        try:
            transmits = self._core.to_send(now)
        except RemoteProtocolError as exc:
            self._fail(exc)
            return
        self._send(transmits)
        if self._waiting:
            for stream in list(self._waiting):
                if self.unsent(stream) <= LOW_WATER:
                    self._waiting.discard(stream)
                    stream.resume()
        self._set_timer(now)

    def _send(self, transmits: list[tuple[bytes, Any]]) -> None:
        if not transmits:
            return
        address = transmits[0][1]
        if all(other is address or other == address for _, other in transmits):
            self._endpoint.send([data for data, _ in transmits], address)
        else:
            for data, other in transmits:
                self._endpoint.send([data], other)

    # Private: time

    def _set_timer(self, now: float) -> None:
        due = self._heard_at + self._limits.keepalive if self._limits.keepalive > 0 else now + _LOOK
        wanted = self._core.get_timer()
        if wanted is not None and wanted < due:
            due = wanted
        if self._timer is not None:
            if self._timer_due <= due and self._timer_due > now:
                return  # it comes early enough, and sets the next
            self._timer.cancel()
        self._timer_due = due
        self._timer = self._loop.call_later(max(0.0, due - now), self._timed_out)

    def _timed_out(self) -> None:
        self._timer = None
        self._endpoint.poll()  # the loop may have been busy: what is missed may be here
        if self._over:
            return
        now = time.monotonic()
        wanted = self._core.get_timer()
        try:
            if wanted is not None and wanted <= now:
                self._core.handle_timer(now)
            self._keep_alive(now)
        except Refused as exc:
            self._fail(RemoteProtocolError(f"quic: {exc}"))
            return
        self._flush()

    def _keep_alive(self, now: float) -> None:
        limits = self._limits
        if (
            self.ready
            and limits.keepalive > 0
            and now - self._heard_at >= limits.keepalive * (1 + self._pings)
        ):
            self._pings += 1
            self._core.send_ping(self._pings)
        elif now - self._heard_at < limits.keepalive:
            self._pings = 0

    # Private: the end

    def _fail(self, exc: Exception) -> None:
        if not self._over:
            with contextlib.suppress(RemoteProtocolError):  # the peer is told why, if there is still a way
                self._send(self._core.to_send(time.monotonic()))
        self._stop()
        self._end(exc)

    def _stop(self) -> None:
        """No datagrams from here on."""
        if not self._over:
            self._over = True
            for timer in (self._timer, self._teller):
                if timer is not None:
                    timer.cancel()
            self._endpoint.gone(self)

    def _end(self, exc: Exception | None) -> None:
        if self.lost:
            return
        self.lost = True
        streams = list(self._streams.values())
        self._streams.clear()
        self._waiting.clear()
        for stream in streams:
            stream.session_lost(exc)
        self.receivers.close()
        while self._wishes:
            failed = self._wishes.popleft()[1]
            faults.call(
                "whoever waited for a QUIC stream failed", failed, Closed("the QUIC connection is closed")
            )
        on_lost, self._on_lost, self._on_stream = self._on_lost, None, None
        if on_lost is not None:
            faults.call("the user of a QUIC connection failed at its end", on_lost, exc)


__all__ = ["Endpoint", "QuicSession"]
