"""QUIC: many streams over one connection over UDP (docs/protocol/wire.md §5).

Opening a stream sends nothing: the peer learns of it by its first STREAM frame, so the side that opens writes first.

Bytes of a stream whose receiver takes nothing are held here, and its credit is withheld; the other streams go on (see
:mod:`aiofrp.stream.quic.core.credit`). What all such streams hold has a limit for the connection, and
:mod:`aiofrp.stream.stall` decides which of them is ended then.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

from aiofrp import faults
from aiofrp.errors import Closed, FrpError, RemoteProtocolError
from aiofrp.stream.base import Buffer
from aiofrp.stream.layer import hand_out
from aiofrp.stream.quic.core.connection import QuicCore
from aiofrp.stream.quic.core.errors import NoMoreStreams, QuicFailed, explain
from aiofrp.stream.quic.core.ids import PeerIds
from aiofrp.stream.quic.core.library import REFUSED, Refused
from aiofrp.stream.quic.core.limits import QuicLimits
from aiofrp.stream.quic.endpoint import QuicEndpoint
from aiofrp.stream.quic.quota import LoginQuota
from aiofrp.stream.quic.state import QuicState
from aiofrp.stream.quic.stream import LOW_WATER, QuicStream
from aiofrp.stream.quic.timer import ConnectionTimer
from aiofrp.stream.quic.waiters import StreamWaiters
from aiofrp.stream.quic.withhold import CreditPolicy
from aiofrp.stream.stall import Account
from aiofrp.stream.udp.socket import Address, address_shown

#: Seconds a closed connection stays, to retransmit CONNECTION_CLOSE.
CLOSING_SECONDS = 1.0
#: Error codes of the application; frp has no others (docs/protocol/wire.md §5).
_NO_ERROR = 0
#: Bytes of one write that fill packets without others.
_LARGE = 16 * 1024


class QuicSession:
    """One connection.

    ``on_ready`` is called once, when the handshake is done, then ``on_stream`` with each stream the peer opens (without
    it they are reset), and ``on_lost`` once when the connection is lost, with the reason or ``None``. Unless
    ``granted`` the peer may use little, see :mod:`aiofrp.stream.quic.quota`, until :meth:`granted` is called.
    """

    __slots__ = (
        "_busy",
        "_credit",
        "_endpoint",
        "_flush_scheduled",
        "_in_batch",
        "_loop",
        "_on_lost",
        "_on_stream",
        "_peer_ids",
        "_quota",
        "_streams",
        "_timer",
        "_touches",
        "_waiters",
        "_waiting",
        "core",
        "lost",
        "on_ready",
        "peername",
        "receivers",
        "sockname",
        "state",
    )

    def __init__(
        self,
        make_core: Callable[[QuicSession], QuicCore],
        endpoint: QuicEndpoint[QuicSession],
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
        self.core = core = make_core(self)  #: the connection itself
        self._endpoint = endpoint
        self.peername = peer  #: the peer's address when the connection began
        self.sockname = sockname
        self.on_ready = on_ready
        self._on_stream = on_stream
        self._on_lost = on_lost
        self.state = QuicState.HANDSHAKE
        self.lost = False  #: the streams and ``on_lost`` were called
        self.receivers = Account(limits.receivers)
        self._streams: dict[int, QuicStream] = {}  # limited by max_streams on either side
        self._peer_ids = PeerIds(0 if not core.configuration.is_client else 1)
        # Its end waits until the datagrams at hand are processed.
        self._quota = None if granted else LoginQuota(lambda why: self._loop.call_soon(self.close, why))
        self._credit = CreditPolicy(core, self._flush_later) if limits.reseal else None  # windows are plain
        self._waiting: set[QuicStream] = set()  # their writers are paused
        self._waiters = StreamWaiters()  # for streams the peer does not allow yet
        self._flush_scheduled = False
        self._touches = 0  # how often something was to be sent in this turn of the loop
        self._busy = False  # more than once in the last turn that had any
        self._in_batch = False  # received() follows, and sends
        self._timer = ConnectionTimer(core, limits.keepalive, self._timed_out)

    def __repr__(self) -> str:
        return f"<QuicSession {self.peername} {self.state.value} streams={len(self._streams)}>"

    @property
    def stream_count(self) -> int:
        """Streams now in the table."""
        return len(self._streams)

    # Public: open and close

    def open(self) -> QuicStream:
        """Open a stream; it may be written to at once. Raises :class:`~aiofrp.errors.Closed` when it cannot, and its
        kind :class:`NoMoreStreams` when the peer allows no more for now."""
        if self.state is not QuicState.OPEN:
            raise Closed("the QUIC connection is closed")
        stream_id = self.core.open_bidirectional()
        if stream_id is None:
            raise NoMoreStreams("the peer allows no more streams (its transport.quic.maxIncomingStreams)")
        stream = QuicStream(self, stream_id)
        self._streams[stream.id] = stream
        return stream

    def open_with(
        self, first: bytes, acknowledged: Callable[[], None], ready: Callable[[QuicStream], None]
    ) -> None:
        """:meth:`open` a stream, write ``first`` to it and call ``ready`` with it. ``acknowledged`` is called in this
        call: streams of QUIC are not accepted one by one."""
        stream = self.open()
        acknowledged()
        stream.write(first)
        ready(stream)

    def open_when_allowed(
        self, ready: Callable[[QuicStream], None], failed: Callable[[FrpError], None]
    ) -> None:
        """Open a stream now, or when the peer allows one more; one of ``ready`` and ``failed`` is called, once."""
        self._waiters.open(self.open, ready, failed)

    def granted(self) -> None:
        """The peer has logged in, or was granted something else: from now on it may use what the limits allow."""
        self._quota = None

    def end_unless_granted(self) -> None:
        """Close the connection if nothing was granted to the peer: its time to log in is over."""
        if self._quota is not None:
            self.close("no login in time")

    @property
    def received_at(self) -> float:
        """When a datagram was received last, in monotonic seconds."""
        return self._timer.received_at

    def ping(self) -> None:
        """Send a PING frame, which the peer must acknowledge; :attr:`received_at` changes when it does."""
        if self.state is QuicState.OPEN:
            with contextlib.suppress(*REFUSED):
                self.core.send_ping(0)
            self._flush()

    def close(self, reason: str = "") -> None:
        """End the connection and every stream on it, with CONNECTION_CLOSE and ``reason`` for the peer; bytes that no
        packet has carried yet are lost (docs/protocol/wire.md §5)."""
        if self._go(QuicState.CLOSING):
            self._flush()
            with contextlib.suppress(*REFUSED):
                self.core.close(_NO_ERROR, reason_phrase=reason)
            self._flush()
            self._loop.call_soon(self._end, None)
            if self.state is not QuicState.OVER:
                self._loop.call_later(CLOSING_SECONDS, self._stop)

    def abort(self) -> None:
        """End the connection at once and send nothing."""
        self._stop()
        self._loop.call_soon(self._end, None)

    # For the endpoint

    def connect(self) -> None:
        """Send the client's first packet."""
        self.core.connect(self.peername, time.monotonic())
        self._flush()

    def receive(self, data: bytes, size: int, address: Address) -> None:
        """Process received datagrams of ``size`` bytes each; :meth:`received` follows after the batch."""
        if self.state is QuicState.OVER or not (self._quota is None or self._quota.take(len(data))):
            return
        self._timer.received_at = now = time.monotonic()
        self._in_batch = True
        try:
            self.core.receive(data, size, address, now)
        except RemoteProtocolError as exc:
            self._fail(exc)

    def received(self) -> None:
        """The batch of :meth:`receive` calls has ended: send the answers."""
        self._in_batch = False
        if self._waiters:
            self._waiters.serve(self.open)
        (self._flush_later if self._busy else self._flush)()

    def refused(self) -> None:
        """An ICMP error says that no socket is bound to the peer's address."""
        self._fail(QuicFailed(f"quic: nothing answers at {address_shown(self.peername)}: connection refused"))

    # Handler of the core

    def handshake_done(self) -> None:
        if self._go(QuicState.OPEN):
            on_ready, self.on_ready = self.on_ready, None
            if on_ready is not None:
                on_ready()

    def stream_data(self, stream_id: int, data: bytes, end: bool, /) -> None:
        stream = self._streams.get(stream_id) or self._accept(stream_id)
        if stream is not None:
            stream.receive(data, end)
            self.core.credit_used(stream_id, stream.received)

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
        if self.state is QuicState.CLOSING:
            self._stop()
        else:
            self._fail(explain(code, reason, by_peer=by_peer, ready=self.state is QuicState.OPEN))

    # For streams

    def send(self, stream: QuicStream, data: Buffer, end: bool = False) -> bool:
        """Queue bytes of ``stream``; returns False when the stream takes none any more."""
        if not self.core.send(stream.id, data, end):
            return False
        if not self._in_batch:
            self._touches += len(data) < _LARGE
            if not self._flush_scheduled:
                self._flush_later()
                if len(data) >= _LARGE or not self._busy:
                    self._send_some()
        return True

    def unsent(self, stream: QuicStream) -> int:
        """Bytes of ``stream`` that no packet has carried yet."""
        return self.core.get_send_buffer_size(stream.id)

    def wait(self, stream: QuicStream) -> None:
        """Resume the writer of ``stream`` when :data:`LOW_WATER` is reached."""
        self._waiting.add(stream)

    def end_stream(self, stream: QuicStream, *, reset: bool, stop: bool = True) -> None:
        """Send RESET_STREAM for ``stream`` if ``reset``, and STOP_SENDING if ``stop``."""
        if reset:
            self.core.reset(stream.id, _NO_ERROR)
        if stop:
            self.core.stop(stream.id, _NO_ERROR)
        if not self._in_batch:
            self._touches += 1
            self._flush_later()

    def forget(self, stream: QuicStream) -> None:
        """``stream`` is over."""
        self.core.credit_used(stream.id, None)
        self._streams.pop(stream.id, None)
        self._waiting.discard(stream)

    def held_changed(self, stream: QuicStream, size: int) -> None:
        """``size`` bytes more of ``stream`` are held for its receiver, or less when negative."""
        if self._credit is not None and not stream.dead:
            self._credit.held_changed(stream.id, stream.held, size)

    # Private

    def _accept(self, stream_id: int) -> QuicStream | None:
        """A new stream of the peer's; ``None`` for one that is over, or none of the peer's to open."""
        if self.state is not QuicState.OPEN or not self._peer_ids.use(stream_id):
            return None
        if self._quota is not None and not self._quota.may_open(stream_id):
            return None
        stream = QuicStream(self, stream_id)
        if self._on_stream is None:
            self.end_stream(stream, reset=True)
            return None
        self._streams[stream_id] = stream
        hand_out(stream, self._on_stream)
        return stream

    def _flush_later(self) -> None:
        """What a turn of the loop brings, and if it is busy the next, too, leaves in one packet: a packet costs more
        than its frames. Large writes, and those of turns that have one each, leave before."""
        if not self._flush_scheduled:
            self._flush_scheduled = True
            self._loop.call_soon(self._end_busy_turn if self._busy else self._end_turn)

    def _end_busy_turn(self) -> None:
        self._loop.call_soon(self._end_turn)

    def _end_turn(self) -> None:
        self._flush_scheduled = False
        if self._touches:
            self._busy, self._touches = self._touches > 1, 0
        self._flush()

    def _send_some(self) -> None:
        with contextlib.suppress(RemoteProtocolError):  # the next flush meets it again
            self._send(time.monotonic())

    def _send(self, now: float) -> None:
        for address, datagrams in self.core.to_send(now):
            self._endpoint.send(datagrams, address)

    def _flush(self) -> None:
        """Send what may go, wake writers, set the timer."""
        if self.state is QuicState.OVER:
            return
        now = time.monotonic()
        try:
            self._send(now)
        except RemoteProtocolError as exc:
            self._fail(exc)
            return
        if self._waiting:
            for stream in list(self._waiting):
                if self.unsent(stream) <= LOW_WATER:
                    self._waiting.discard(stream)
                    stream.resume()
        self._timer.set(now)

    def _timed_out(self) -> None:
        self._endpoint.poll()  # the loop may have been busy: datagrams may have arrived
        if self.state is QuicState.OVER:
            return
        try:
            self._timer.handle(time.monotonic(), keep_alive=self.state is QuicState.OPEN)
        except Refused as exc:
            self._fail(RemoteProtocolError(f"quic: {exc}"))
            return
        self._flush()

    # Private: the end

    def _go(self, state: QuicState) -> bool:
        """Go on to ``state``; False when there is no such transition from here."""
        allowed = self.state.leads_to(state)
        if allowed:
            self.state = state
        return allowed

    def _fail(self, exc: Exception) -> None:
        if self.state is not QuicState.OVER:
            self._send_some()  # a packet with the reason, if there can be one
        self._stop()
        self._end(exc)

    def _stop(self) -> None:
        """No datagrams from here on."""
        if self._go(QuicState.OVER):
            self._timer.cancel()
            if self._credit is not None:
                self._credit.end()
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
        self._waiters.fail("the QUIC connection is closed")
        on_lost, self._on_lost, self._on_stream = self._on_lost, None, None
        if on_lost is not None:
            faults.call("the user of a QUIC connection failed at its end", on_lost, exc)
