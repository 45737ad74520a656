"""The receiving half of every stream that is no plain socket: received bytes are held until they may be delivered.

It implements rules 1 to 3 and 5 to 8 of :mod:`aiofrp.stream.base`. The layers read and write the bytes; sockets and
protocols are not used here.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from aiofrp.compiled.marks import mypyc_attr
from aiofrp.errors import Closed
from aiofrp.faults import FAULTS, report
from aiofrp.stream.base import NULL_RECEIVER, Buffer, Pause, Receiver, describe

#: Internal gate bits above the public ones.
UNATTACHED = 8
HOLDING = 16
ENDED = 32
FAULTY = 64  # the receiver raised; the stream is aborted on the next turn

#: Held chunks up to this size together are joined, so that many tiny ones cost neither memory nor calls.
_MERGE_BELOW = 4096
#: Bytes held above which the layer stops reading below, where nobody paused it: while there is no receiver, or before
#: the next turn of the loop. Less is held without stopping, because to stop and start again costs system calls.
MOST_HELD = 64 * 1024
#: Chunks that hold more than that in any case, as two neighbours exceed ``_MERGE_BELOW``.
_MOST_CHUNKS = 2 * MOST_HELD // _MERGE_BELOW


@mypyc_attr(allow_interpreted_subclasses=True)
class LayerStream:
    """The base class of layered streams: pauses, held bytes, the end, and the guard around calls of the receiver.

    A layer calls :meth:`_deliver`, :meth:`_deliver_eof` and :meth:`_deliver_lost`; this class holds them back while
    no receiver is attached or reading is paused, and delivers them in order later. Layers override :meth:`_gate_closed`
    and :meth:`_gate_opened` to pause the lower stream, and :meth:`_consumed` to return flow-control credit.

    Every call of the receiver stands in a ``try`` (rule 8). A layer that calls it directly, to save a call for each
    chunk, does the same and ends in :meth:`receiver_failed`.
    """

    __slots__ = (
        "_eof_delivered",
        "_eof_held",
        "_gate",
        "_held",
        "_lost",
        "_lost_exc",
        "_receiver",
        "_writing_paused",
    )

    def __init__(self) -> None:
        self._receiver: Receiver = NULL_RECEIVER
        self._gate: int = UNATTACHED
        self._held: deque[Buffer] | None = (
            None  # limited by the layer: by its windows, or by pausing the carrier
        )
        self._eof_held = False
        self._eof_delivered = False
        self._lost = False
        self._lost_exc: Exception | None = None
        self._writing_paused = False

    # Public: attach and pause

    def attach(self, receiver: Receiver, /) -> None:
        if self._eof_delivered or self._gate & ENDED:
            self._repeat_end()
        self._receiver = receiver
        if self._gate & (UNATTACHED | HOLDING):
            self._gate &= ~UNATTACHED
            self._reopen()
        if self._writing_paused:
            self._call_pause()

    def detach(self) -> None:
        self._receiver = NULL_RECEIVER
        self._gate |= UNATTACHED

    def unread(self, data: Buffer, /) -> None:
        """Put ``data`` before what is held; only while detached."""
        if data:
            if self._held is None:
                self._held = deque()
            self._held.appendleft(bytes(data))
            self._gate |= HOLDING
            self._held_changed(len(data))
            self._limit_held(self._held)

    def pause_reading(self, why: Pause = Pause.PEER, /) -> None:
        before = self._gate
        self._gate = before | why
        if not before & ~(UNATTACHED | HOLDING):
            self._gate_closed()

    def resume_reading(self, why: Pause = Pause.PEER, /) -> None:
        if self._gate & why:
            self._gate &= ~why
            self._reopen()

    # For the layer: deliver upwards

    def _deliver(self, data: Buffer) -> None:
        if self._gate:
            self._hold(data)
            return
        try:
            self._receiver.data_received(data)
        except FAULTS as exc:
            self.receiver_failed(exc)
        else:
            self._consumed(len(data))

    def _hold(self, data: Buffer) -> None:
        if self._gate & ENDED:
            return
        held = self._held
        if not held:
            self._held = held = deque()
            self._gate |= HOLDING
        if held and len(held[-1]) + len(data) <= _MERGE_BELOW:
            held[-1] = b"".join((held[-1], data))
        else:
            held.append(bytes(data))  # a small view must not keep a large buffer alive
        self._held_changed(len(data))
        self._limit_held(held)

    def _limit_held(self, held: deque[Buffer]) -> None:
        if len(held) > _MOST_CHUNKS or sum(map(len, held)) > MOST_HELD:
            self._gate_closed()

    def _deliver_eof(self) -> None:
        if self._lost:
            return
        if self._gate:
            self._eof_held = True
            self._gate |= HOLDING
        else:
            self._call_eof()

    def _deliver_lost(self, exc: Exception | None) -> None:
        """End the stream upwards. An orderly end waits for held data; an error does not."""
        if self._lost:
            return
        self._lost, self._lost_exc = True, self._lost_exc or exc
        if self._lost_exc is not None or not (self._held or self._eof_held):
            self._finish()

    def _cut_off(self, exc: Exception) -> None:
        """End the stream upwards with an error, also where an orderly end waits behind held data."""
        self._discard_held()
        self._lost, self._lost_exc = True, exc
        self._finish()

    def _finish(self) -> None:
        if self._gate & UNATTACHED:
            self._gate |= HOLDING  # the next receiver gets the call
        elif not self._gate & ENDED:
            self._gate |= ENDED
            self._discard_held()
            receiver, self._receiver = self._receiver, NULL_RECEIVER
            try:
                receiver.connection_lost(self._lost_exc)
            except FAULTS as exc:
                self.receiver_failed(exc)

    def _discard_held(self) -> None:
        if self._held:
            self._held_changed(-sum(map(len, self._held)))
        self._held, self._eof_held = None, False

    def _end_locally(self, exc: Exception | None = None) -> None:
        """We ended the stream: drop what is held, and call ``connection_lost`` on the next loop turn."""
        self._discard_held()
        if not self._gate & ENDED:
            self._eof_delivered = False
            if not self._lost:
                self._lost, self._lost_exc = True, self._lost_exc or exc
            asyncio.get_running_loop().call_soon(self._finish)

    def _repeat_end(self) -> None:
        """The receiver before got the calls of the end; the next one gets them, too (rule 7)."""
        if self._eof_delivered:
            self._eof_delivered, self._eof_held = False, True
        self._gate = (self._gate & ~ENDED) | HOLDING

    # Reopening the gate

    def _reopen(self) -> None:
        if self._gate & ~HOLDING:
            return
        if self._gate:
            asyncio.get_running_loop().call_soon(self._drain)
        else:
            self._gate_opened()

    def _drain(self) -> None:
        while not self._gate & ~HOLDING and self._held:
            data = self._held.popleft()
            self._held_changed(-len(data))
            self._deliver_held(data)
        if self._gate & ~HOLDING or self._held:
            return
        self._held = None  # an empty deque takes 700 bytes
        if self._eof_held:
            self._eof_held = False
            self._call_eof()
            if self._gate & ~HOLDING:
                return
        if self._lost:
            self._finish()
        elif self._gate & HOLDING:
            self._gate &= ~HOLDING
            self._gate_opened()

    def _deliver_held(self, data: Buffer) -> None:
        try:
            self._receiver.data_received(data)
        except FAULTS as exc:
            self.receiver_failed(exc)
        else:
            self._consumed(len(data))

    def _call_eof(self) -> None:
        self._eof_delivered = True
        try:
            self._receiver.eof_received()
        except FAULTS as exc:
            self.receiver_failed(exc)

    # The guard

    def receiver_failed(self, exc: BaseException) -> None:
        """The user of the stream raised ``exc``: deliver no more, and abort the stream on the next turn.

        Little is done here: after a ``RecursionError`` there is hardly any stack left.
        """
        self._gate |= FAULTY
        asyncio.get_running_loop().call_soon(self._drop_faulty, exc)

    def _drop_faulty(self, exc: BaseException) -> None:
        self._gate &= ~FAULTY
        self.report_fault(exc)
        if not self._gate & ENDED:
            self._lost_exc = self._lost_exc or after_fault()
            self.abort()

    def report_fault(self, exc: BaseException) -> None:
        """Log that the user of this stream raised ``exc``."""
        about = describe({key: self.info(key) for key in ("layers", "peername")})
        report(f"a receiver failed, its connection is reset: {about}", exc)

    # For the layer: flow control of the other direction

    def _pause_writer(self) -> None:
        if not self._writing_paused:
            self._writing_paused = True
            self._call_pause()

    def _resume_writer(self) -> None:
        if self._writing_paused:
            self._writing_paused = False
            try:
                self._receiver.resume_writing()
            except FAULTS as exc:
                self.receiver_failed(exc)

    def _call_pause(self) -> None:
        try:
            self._receiver.pause_writing()
        except FAULTS as exc:
            self.receiver_failed(exc)

    # Overridden by layers

    def abort(self) -> None:
        """Drop everything and end now."""
        raise NotImplementedError

    def info(self, key: str, /) -> Any:
        """A fact about the stream, or ``None``."""
        raise NotImplementedError

    def _gate_closed(self) -> None:
        """Delivery is paused, or :data:`MOST_HELD` is exceeded: keep the lower stream from sending more. May be called
        twice."""

    def _gate_opened(self) -> None:
        """Delivery goes on and nothing is held any more. May be called twice."""

    def _consumed(self, size: int) -> None:
        """``size`` bytes were taken by the receiver."""

    def _held_changed(self, size: int) -> None:
        """``size`` bytes more are held now, or less when negative."""


def after_fault() -> Closed:
    """The error for ``connection_lost`` of a stream that is reset because its user raised."""
    return Closed("reset after an internal error, see the log")


L = TypeVar("L", bound=LayerStream)


def hand_out(stream: L, user: Callable[[L], object]) -> None:
    """Call ``user`` with a new stream; if that raises, only this stream ends (rule 8)."""
    try:
        user(stream)
    except FAULTS as exc:
        stream.receiver_failed(exc)
