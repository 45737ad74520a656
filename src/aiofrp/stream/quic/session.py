"""QUIC: many streams over one connection over UDP (docs/protocol/wire.md §5).

Opening a stream sends nothing: the peer learns of it by its first STREAM frame, so the side that opens writes first.
See :mod:`aiofrp.stream.quic.dial` and :mod:`aiofrp.stream.quic.listener` for the two sides.

Bytes of a stream whose receiver takes nothing are held here, and its credit is withheld; the other streams go on (see
:mod:`aiofrp.stream.quic.credit`). What all such streams hold has a limit for the connection, and
:mod:`aiofrp.stream.stall` decides which of them is ended then.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

from aiofrp import faults
from aiofrp.errors import Closed, FrpError, RemoteProtocolError
from aiofrp.stream.base import Buffer
from aiofrp.stream.layer import hand_out
from aiofrp.stream.quic.core import QuicCore
from aiofrp.stream.quic.errors import NoMoreStreams, QuicFailed, explain
from aiofrp.stream.quic.ids import PeerIds
from aiofrp.stream.quic.library import REFUSED, Refused
from aiofrp.stream.quic.limits import QuicLimits
from aiofrp.stream.quic.stream import LOW_WATER, QuicStream
from aiofrp.stream.stall import Account
from aiofrp.stream.udp.socket import Address

#: Withhold MAX_STREAM_DATA of a stream at so many bytes held, resume at so many; up to one window may still arrive.
WITHHOLD_AT, RELEASE_AT = 256 * 1024, 128 * 1024
#: Seconds between two runs of the timer of a connection without keep-alive.
_IDLE_CHECK = 60.0
#: Send credit up to so many times, since its packets may get lost; again after so many seconds first, then doubling.
RESENDS, RESEND_AFTER = 10, 0.1
#: The number of the PING that makes a packet for credit; no keep-alive has it.
_CREDIT_PING = 1 << 40
#: Callers that may wait for a stream at once; the next is refused.
MOST_WAITERS = 4096
#: What a client may use before its connection is granted something: streams, and bytes of datagrams, of which the
#: library may hold all. A login takes one stream and a few kB with the handshake, certificates included.
STREAMS_BEFORE_LOGIN, BYTES_BEFORE_LOGIN = 8, 256 * 1024
#: Seconds a closed connection stays, to retransmit CONNECTION_CLOSE.
CLOSING_SECONDS = 1.0
#: Error codes of the application; frp has no others (docs/protocol/wire.md §5).
_NO_ERROR = 0


class State(enum.Enum):
    """Where a connection is between its first packet and its last."""

    HANDSHAKE = "handshake"  #: no stream may be opened yet
    OPEN = "open"  #: streams come and go
    CLOSING = "closing"  #: closed here; packets of the peer are answered with CONNECTION_CLOSE
    OVER = "over"  #: no datagram is sent or taken any more


#: All transitions there are.
_NEXT = {
    State.HANDSHAKE: (State.OPEN, State.CLOSING, State.OVER),
    State.OPEN: (State.CLOSING, State.OVER),
    State.CLOSING: (State.OVER,),
    State.OVER: (),
}

#: A caller that waits for a stream: called with the stream, and with the reason why there will be none.
Waiter: TypeAlias = tuple[Callable[[QuicStream], None], Callable[[FrpError], None]]


class QuicEndpoint(Protocol):
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

    ``on_ready`` is called once, when the handshake is done, then ``on_stream`` with each stream the peer opens (without
    it they are reset), and ``on_lost`` once when the connection is lost, with the reason or ``None``. Unless
    ``granted`` the peer may use little, see :data:`STREAMS_BEFORE_LOGIN`, until :meth:`granted` is called.
    """

    __slots__ = (
        "_address",
        "_core",
        "_endpoint",
        "_flush_scheduled",
        "_granted",
        "_in_batch",
        "_limits",
        "_loop",
        "_on_lost",
        "_on_stream",
        "_peer_ids",
        "_pings",
        "_received_at",
        "_resend_timer",
        "_streams",
        "_timer",
        "_timer_due",
        "_ungranted",
        "_waiters",
        "_waiting",
        "lost",
        "on_ready",
        "receivers",
        "sockname",
        "state",
    )

    def __init__(
        self,
        make_core: Callable[[QuicSession], QuicCore],
        endpoint: QuicEndpoint,
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
        self.state = State.HANDSHAKE
        self.lost = False  #: the streams and ``on_lost`` were called
        self.receivers = Account(limits.receivers)
        self._streams: dict[int, QuicStream] = {}  # limited by max_streams on either side
        self._peer_ids = PeerIds(0 if not core.configuration.is_client else 1)
        self._granted = granted
        self._ungranted = 0  # bytes of datagrams that came before; BYTES_BEFORE_LOGIN
        self._waiting: set[QuicStream] = set()  # their writers are paused
        self._waiters: deque[Waiter] = deque()  # for streams the peer does not allow yet; MOST_WAITERS
        self._flush_scheduled = False
        self._in_batch = False  # received() follows, and flushes
        self._pings = 0
        self._received_at = time.monotonic()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = 0.0
        self._resend_timer: asyncio.TimerHandle | None = None  # of _send_credit

    def __repr__(self) -> str:
        return (
            f"<QuicSession {self._address} {self.state.value} lost={self.lost} streams={len(self._streams)}>"
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
        """Bytes held for receivers that do not take them."""
        return self.receivers.held

    @property
    def peername(self) -> Address:
        """The peer's address when the connection began."""
        return self._address

    # Public: open and close

    def open(self) -> QuicStream:
        """Open a stream; it may be written to at once. Raises :class:`~aiofrp.errors.Closed` when it cannot, and its
        kind :class:`NoMoreStreams` when the peer allows no more for now."""
        if self.state is not State.OPEN:
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
        """Open a stream now, or when the peer allows one more. Exactly one of ``ready`` and ``failed`` is called,
        once."""
        try:
            stream = self.open()
        except NoMoreStreams as exc:
            if len(self._waiters) < MOST_WAITERS:
                self._waiters.append((ready, failed))
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
        """Close the connection if nothing was granted to the peer: its time to log in is over."""
        if not self._granted:
            self.close("no login in time")

    def close(self, reason: str = "") -> None:
        """End the connection and every stream on it, with CONNECTION_CLOSE and ``reason`` for the peer; bytes that no
        packet has carried yet are lost (docs/protocol/wire.md §5)."""
        if self._go(State.CLOSING):
            self._flush()
            with contextlib.suppress(*REFUSED):
                self._core.close(_NO_ERROR, reason_phrase=reason)
            self._flush()
            self._loop.call_soon(self._end, None)
            if self.state is not State.OVER:
                self._loop.call_later(CLOSING_SECONDS, self._stop)

    def abort(self) -> None:
        """End it now and send nothing."""
        self._stop()
        self._loop.call_soon(self._end, None)

    # For the endpoint

    def connect(self) -> None:
        """Send the client's first packet."""
        self._core.connect(self._address, time.monotonic())
        self._flush()

    def receive(self, data: bytes, size: int, address: Address) -> None:
        """Take datagrams of ``size`` bytes each."""
        if self.state is State.OVER or not (self._granted or self._may_send(len(data))):
            return
        self._received_at = now = time.monotonic()
        self._in_batch = True
        try:
            self._core.receive(data, size, address, now)
        except RemoteProtocolError as exc:
            self._fail(exc)

    def received(self) -> None:
        """The end of a batch: send what it made necessary."""
        self._in_batch = False
        if self._waiters:
            self._serve_waiters()
        self._flush()

    def refused(self) -> None:
        """Nobody listens at the peer's address."""
        self._fail(QuicFailed(f"quic: nothing answers at {self._address}: connection refused"))

    # Handler of the core

    def handshake_done(self) -> None:
        if not self._go(State.OPEN):
            return
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
        if self.state is State.CLOSING:
            self._stop()
            return
        self._fail(explain(code, reason, by_peer=by_peer, ready=self.state is State.OPEN))

    # For streams

    def send(self, stream: QuicStream, data: Buffer, end: bool = False) -> bool:
        """Queue bytes of ``stream``; returns False when the stream takes none any more."""
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
        """Bytes of ``stream`` that no packet has carried yet."""
        return self._core.get_send_buffer_size(stream.id)

    def wait(self, stream: QuicStream) -> None:
        """Resume the writer of ``stream`` when :data:`LOW_WATER` is reached."""
        self._waiting.add(stream)

    def end_stream(self, stream: QuicStream, *, reset: bool) -> None:
        """Send STOP_SENDING for ``stream``, and RESET_STREAM if ``reset``."""
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
        """``size`` bytes more of ``stream`` are held for its receiver, or less when negative."""
        if stream.dead or not self._limits.reseal:
            return
        if size > 0:
            if stream.held >= WITHHOLD_AT:
                self._core.credit.withhold(stream.id)
        elif stream.held - size > RELEASE_AT >= stream.held:
            self._core.credit.release(stream.id)
            self._send_credit()

    def _send_credit(self, tries: int = RESENDS) -> None:
        """Send the credit that streams have again, up to ``tries`` times: until the peer sends more than it could
        without it."""
        if self._resend_timer is not None:
            self._resend_timer.cancel()
            self._resend_timer = None
        if self.state is State.OVER or not self._core.credit.announce():
            return
        if not tries:
            self._core.credit.give_up()
            return
        self._core.send_ping(_CREDIT_PING)
        self._schedule_flush()
        after = RESEND_AFTER * 2 ** (RESENDS - tries)
        self._resend_timer = self._loop.call_later(after, self._send_credit, tries - 1)

    # Private

    def _accept(self, stream_id: int) -> QuicStream | None:
        """A new stream of the peer's; ``None`` for one that is over, or none of the peer's to open."""
        if self.state is not State.OPEN or not self._peer_ids.use(stream_id):
            return None
        if not self._granted and stream_id >= 4 * STREAMS_BEFORE_LOGIN:
            self._close_soon(f"more than {STREAMS_BEFORE_LOGIN} streams before the login")
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
        self._close_soon(f"more than {BYTES_BEFORE_LOGIN} bytes before the login")
        return False

    def _close_soon(self, reason: str) -> None:
        """Close the connection once the datagrams at hand are processed."""
        self._loop.call_soon(self.close, reason)

    def _serve_waiters(self) -> None:
        waiters = self._waiters
        while waiters and self.state is State.OPEN:
            try:
                stream = self.open()
            except NoMoreStreams:
                return
            hand_out(stream, waiters.popleft()[0])

    def _schedule_flush(self) -> None:
        if not self._flush_scheduled:
            self._flush_scheduled = True
            self._loop.call_soon(self._flush_turn)

    def _send_first(self) -> None:
        """Send the first packets of a turn of the loop at once; the rest of the turn leaves together."""
        with contextlib.suppress(RemoteProtocolError):  # the flush at the end of the turn meets it again
            self._send(self._core.to_send(time.monotonic()))

    def _flush_turn(self) -> None:
        self._flush_scheduled = False
        self._flush()

    def _flush(self) -> None:
        """Send what may go, wake writers, set the timer."""
        if self.state is State.OVER:
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
        due = self._received_at + self._limits.keepalive if self._limits.keepalive > 0 else now + _IDLE_CHECK
        wanted = self._core.get_timer()
        if wanted is not None and wanted < due:
            due = wanted
        if self._timer is not None:
            if self._timer_due <= due and self._timer_due > now:
                return  # it runs early enough, and sets the next
            self._timer.cancel()
        self._timer_due = due
        self._timer = self._loop.call_later(max(0.0, due - now), self._timed_out)

    def _timed_out(self) -> None:
        self._timer = None
        self._endpoint.poll()  # the loop may have been busy: datagrams may have arrived
        if self.state is State.OVER:
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
            self.state is State.OPEN
            and limits.keepalive > 0
            and now - self._received_at >= limits.keepalive * (1 + self._pings)
        ):
            self._pings += 1
            self._core.send_ping(self._pings)
        elif now - self._received_at < limits.keepalive:
            self._pings = 0

    # Private: the end

    def _go(self, state: State) -> bool:
        """Go on to ``state``; False when there is no such transition from here."""
        allowed = state in _NEXT[self.state]
        if allowed:
            self.state = state
        return allowed

    def _fail(self, exc: Exception) -> None:
        if self.state is not State.OVER:
            with contextlib.suppress(RemoteProtocolError):  # a packet with the reason, if there can be one
                self._send(self._core.to_send(time.monotonic()))
        self._stop()
        self._end(exc)

    def _stop(self) -> None:
        """No datagrams from here on."""
        if self._go(State.OVER):
            for timer in (self._timer, self._resend_timer):
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
        while self._waiters:
            failed = self._waiters.popleft()[1]
            faults.call(
                "a caller that waited for a QUIC stream failed",
                failed,
                Closed("the QUIC connection is closed"),
            )
        on_lost, self._on_lost, self._on_stream = self._on_lost, None, None
        if on_lost is not None:
            faults.call("the user of a QUIC connection failed at its end", on_lost, exc)


__all__ = ["QuicEndpoint", "QuicSession", "State"]
