"""KCP over UDP as a :class:`~aiofrp.stream.base.Stream` (docs/protocol/wire.md §4).

Each stream is one session. See :mod:`aiofrp.stream.kcp.dial` and :mod:`aiofrp.stream.kcp.listener` for the two sides.

The reference has no segment for the end of a conversation: it stops sending. Streams of ours send one (see
:mod:`aiofrp.wire.kcp.core`), so half-close, close and abort work between them. With a reference peer ``write_eof`` and
``close`` deliver what was written, and the peer learns of the end from the layers above. A peer that stops sending is
noticed in both cases.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import Callable
from typing import Any, Protocol

from aiofrp.errors import Closed, FrpError, RemoteProtocolError, TimedOut
from aiofrp.stream.base import Buffer
from aiofrp.stream.layer import ENDED, LayerStream
from aiofrp.stream.stall import Account, Holding
from aiofrp.stream.udp.socket import MAX_DATAGRAM, Address, address_shown
from aiofrp.wire.kcp.core import KcpCore
from aiofrp.wire.kcp.fec import FecDecoder, FecEncoder
from aiofrp.wire.kcp.pace import MAX_WINDOW
from aiofrp.wire.kcp.segment import OVERHEAD, reset_segment

#: Bytes that no segment has carried yet at which the writer is paused, and resumed.
HIGH_WATER, LOW_WATER = 256 * 1024, 128 * 1024
#: Seconds a stream closed here waits for its peer to finish; data that arrive meanwhile are answered with a reset.
LINGER = 10.0
#: Stay so many RTOs after the end, and milliseconds at least, to acknowledge retransmitted segments: five tries of the
#: peer, each half longer than the one before. Each one that comes begins that time anew, for LINGER in all.
_QUIET, _QUIET_LEAST = 10, 500
#: Seconds without a datagram after which another conversation may take a session's address.
SILENT = 1.0
#: Milliseconds a timer may come late: setting it anew at every packet would cost more than the packet.
_SLACK = 2


class KcpEndpoint(Protocol):
    """The UDP socket of a stream: its own, or that of a listener."""

    def send(self, datagrams: list[bytes], address: Address, /) -> None:
        """Send ``datagrams`` in order."""

    def poll(self) -> None:
        """Read datagrams that the socket has received already."""


class KcpStream(LayerStream):
    """One KCP session.

    ``peer``: where datagrams go; ``send_to``: the same for :meth:`KcpEndpoint.send`. ``gone`` is called once when the
    session needs no datagrams any more. ``answering``: the peer began, see :class:`~aiofrp.wire.kcp.core.KcpCore`.
    ``receivers``: what the sessions of one listener hold together for receivers that do not take it; without it only
    the window limits that.
    """

    __slots__ = (
        "_closed_at",
        "_core",
        "_decoder",
        "_encoder",
        "_endpoint",
        "_eof_seen",
        "_eof_sent",
        "_flush_scheduled",
        "_gone",
        "_holding",
        "_in_batch",
        "_loop",
        "_over",
        "_quiet_most",
        "_quiet_until",
        "_send_to",
        "_timer",
        "_timer_due",
        "peername",
        "sockname",
    )

    def __init__(
        self,
        endpoint: KcpEndpoint,
        conv: int,
        *,
        peer: Address,
        send_to: Address,
        sockname: Address,
        gone: Callable[[KcpStream], None],
        answering: bool = False,
        send_window: int = MAX_WINDOW,
        receive_window: int = MAX_WINDOW,
        receivers: Account | None = None,
    ) -> None:
        super().__init__()
        self._holding = None if receivers is None else Holding(receivers, self._stalled)
        self._loop = asyncio.get_running_loop()
        self._core = KcpCore(
            conv,
            self._now(),
            clock=secrets.randbits(32),
            answering=answering,
            send_window=send_window,
            receive_window=receive_window,
        )
        self._encoder, self._decoder = FecEncoder(), FecDecoder()
        self._endpoint = endpoint
        self._send_to = send_to
        self.peername = peer
        self.sockname = sockname
        self._gone = gone
        self._over = False  # no datagrams any more
        self._eof_seen = self._eof_sent = False
        self._closed_at: int | None = None
        self._quiet_until: int | None = None  # both directions ended, and the receiver got connection_lost
        self._quiet_most = 0  # its latest time
        self._flush_scheduled = self._in_batch = False  # in a batch, a flush follows
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = sys.maxsize
        self._set_timer(self._now())

    def __repr__(self) -> str:
        return f"<KcpStream {self.peername} over={self._over} {self._core!r}>"

    @property
    def conv(self) -> int:
        """The conversation's number."""
        return self._core.conv

    @property
    def proven(self) -> bool:
        """Whether the peer has shown that it receives what is sent to its address."""
        return self._core.proven

    @property
    def silent(self) -> bool:
        """Whether nothing came from the peer for :data:`SILENT` seconds."""
        return self._core.silent(self._now()) >= SILENT * 1000

    # For the endpoint

    def receive(self, data: bytes, size: int) -> bool:
        """Take datagrams of ``size`` bytes each; returns whether any was this session's. Nothing is delivered yet."""
        if size > MAX_DATAGRAM:
            return False
        now = self._now()
        decode, take_in = self._decoder.receive_data, self._core.receive_data
        view = memoryview(data)
        accepted = False
        for at in range(0, len(data), size):
            datagram = view[at : at + size]
            try:
                packet = decode(datagram)
                if packet is not None:
                    take_in(packet, now)
                    self._core.count(len(datagram))
                    accepted = True
            except RemoteProtocolError:
                continue  # anybody can send anything to a UDP port
        for packet in self._decoder.take_recovered():
            try:
                take_in(packet, now, recovered=True)
            except RemoteProtocolError:
                continue
        return accepted

    def received(self) -> None:
        """Deliver what came in order, and answer: the end of a batch."""
        if self._over:
            return
        core = self._core
        data, late = core.take(), self._closed_at is not None
        if data and not late:  # before a reset in the same batch: the data may say why
            self._in_batch = True
            self._deliver(data)
            self._in_batch = False
        if core.eof and not self._eof_seen and not self._over:
            self._eof_seen = True
            self._deliver_eof()
        if core.reset:
            self._send(self._now())
            self._end_by_peer(Closed("kcp: the peer does not know this connection any more"))
            return
        if data and late:
            self._refuse()
            return
        if self._quiet_until is not None:
            self._stay_quiet(self._now())
        self._flush()

    def refused(self) -> None:
        """An ICMP error says that no socket is bound to the peer's address."""
        self._end_by_peer(
            Closed(f"kcp: nothing answers at {address_shown(self.peername)}: connection refused")
        )

    # Stream

    def write(self, data: Buffer, /) -> None:
        if self._eof_sent or self._over or not data:
            return
        core = self._core
        core.send(data)
        if core.queued > HIGH_WATER:
            self._pause_writer()
        if not self._flush_scheduled:
            self._flush_scheduled = True
            self._loop.call_soon(self._flush_turn)
            if not self._in_batch:
                self._send(self._now())  # the first write of a turn leaves at once, the rest together

    def write_eof(self) -> None:
        if not self._eof_sent and not self._over:
            self._eof_sent = True
            self._core.finish()
            self._schedule_flush()

    def close(self) -> None:
        """Send what was written, then end; the session stays until that is acknowledged."""
        if self._closed_at is None and not self._over:
            self._closed_at = self._now()
            self._discard_held()
            self.write_eof()
            self._schedule_flush()
        self._end_locally()

    def abort(self) -> None:
        if not self._over:
            if self._core.answered:  # for any other peer it would begin a conversation
                self._send_reset()
            self._stop()
        self._end_locally()

    def forget(self, why: str) -> None:
        """End and send nothing: the address of the peer is not proved."""
        if not self._over:
            self._stop()
            self._deliver_lost(Closed(f"kcp: {why}"))

    def info(self, key: str, /) -> Any:
        if key == "layers":
            return ("kcp",)
        return {"peername": self.peername, "sockname": self.sockname}.get(key)

    # LayerStream

    def _held_changed(self, size: int) -> None:
        if self._core.hold(size):
            self._schedule_flush()
        holding = self._holding
        if holding is not None:
            holding.changed(size)
            if self._over and not holding.size:
                self._holding = None

    def _stalled(self, exc: Closed) -> None:
        """The receiver takes nothing of what is held, and the memory is needed."""
        if not self._over:
            self._refuse()
            self._deliver_lost(exc)
        if not self._gate & ENDED:
            self._cut_off(exc)

    # Private: sending

    def _now(self) -> int:
        return int(self._loop.time() * 1000)

    def _schedule_flush(self) -> None:
        if not self._flush_scheduled:
            self._flush_scheduled = True
            self._loop.call_soon(self._flush_turn)

    def _flush_turn(self) -> None:
        self._flush_scheduled = False
        if not self._over:
            self._flush()

    def _flush(self) -> None:
        """Send what is due, then see what that means for the writer, the timer and the end."""
        if self._over:
            return
        core, now = self._core, self._now()
        self._send(now)
        if core.queued <= LOW_WATER and self._writing_paused and not self._eof_sent:
            self._resume_writer()
        if core.finished and self._over_alone(now):
            if self._quiet_until is not None:
                self._send_reset()  # it may still wait for an acknowledgement
            self._stop()
        elif core.finished and self._eof_seen and self._quiet_until is None:
            self._quiet_most = now + int(LINGER * 1000)
            self._stay_quiet(now)
            self._set_timer(now)
            self._loop.call_soon(self._deliver_lost, None)
        elif core.next_timeout(now) < self._timer_due - _SLACK:
            self._set_timer(now)

    def _send(self, now: int) -> None:
        packets = self._core.data_to_send(now)
        if packets:
            self._encoder.parity = self._core.lossy and self._core.proven  # it is not counted
            self._endpoint.send(self._encoder.encode(packets, now), self._send_to)

    def _send_reset(self) -> None:
        if self._core.may_send(OVERHEAD):
            self._endpoint.send([reset_segment(self.conv)], self._send_to)

    def _stay_quiet(self, now: int) -> None:
        """The peer may send again what it does not know to have arrived."""
        self._quiet_until = min(now + max(_QUIET * self._core.rto, _QUIET_LEAST), self._quiet_most)

    def _over_alone(self, now: int) -> bool:
        """Whether there is nothing to wait for: the time for a retransmitted FIN is over, or the peer is one that
        sends none, or it takes too long."""
        if self._quiet_until is not None:
            return now >= self._quiet_until
        if self._closed_at is None:
            return False
        return self._core.deaf or now - self._closed_at >= LINGER * 1000

    def _set_timer(self, now: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        due = self._core.next_timeout(now)
        if self._quiet_until is not None:
            due = self._quiet_until
        elif self._closed_at is not None:
            due = min(due, self._closed_at + int(LINGER * 1000))
        self._timer_due = due = max(due, now + 1)
        self._timer = self._loop.call_later((due - now) / 1000, self._timed_out)

    def _timed_out(self) -> None:
        self._timer, self._timer_due = None, sys.maxsize
        self._endpoint.poll()  # the loop may have been busy: datagrams may have arrived
        if self._core.dead(self._now()):
            self._end_by_peer(TimedOut("kcp: the peer does not answer any more"))
        else:
            self._flush()

    # Private: the end

    def _stop(self) -> None:
        """No datagrams from here on."""
        self._over = True
        if self._timer is not None:
            self._timer.cancel()
        self._gone(self)

    def _refuse(self) -> None:
        """Answer data after our close with a reset."""
        self._send_reset()
        self._stop()

    def _end_by_peer(self, exc: FrpError) -> None:
        if self._over:
            return
        # A peer that finished and resets then takes no more; what it sent stays valid.
        orderly = self._eof_seen and (self._core.reset or (self._eof_sent and self._core.delivered))
        self._stop()
        self._deliver_lost(None if orderly else exc)
