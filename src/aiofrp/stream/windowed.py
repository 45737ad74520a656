"""What streams of one carrier share that have a window in each direction: yamux streams, forwarded channels of SSH.

Bytes that the peer's window or the carrier does not take are queued, and pause the writer. The window that the peer has
here grows with what its receiver took, within the account of the session (:mod:`aiofrp.stream.stall`).
"""

from __future__ import annotations

from collections import deque
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from aiofrp.compiled.marks import mypyc_attr
from aiofrp.errors import Closed
from aiofrp.stream.base import Buffer
from aiofrp.stream.layer import LayerStream
from aiofrp.stream.lent import own
from aiofrp.stream.stall import Account, Holding

#: Credit is returned when this share of the window was taken.
_CREDIT_SHARE = 2
#: Queued bytes above which ``pause_writing`` is called, and at which ``resume_writing`` is.
_QUEUE_HIGH, QUEUE_LOW = 128 * 1024, 32 * 1024


class WindowedCarrier(Protocol):
    """The methods of a session that such streams use."""

    receivers: Account  #: bytes held for receivers that do not take them
    queues: Account  #: bytes queued for a peer that gives no credit

    def may_write(self) -> bool:
        """Whether the carrier takes data now."""

    def queue(self, stream: Any) -> None:
        """Call ``stream.send_turn`` when the carrier takes data and it is this stream's turn."""

    def forget(self, stream: Any) -> None:
        """Remove a stream that is finished in both directions."""


_Carrier = TypeVar("_Carrier", bound=WindowedCarrier)


@mypyc_attr(allow_interpreted_subclasses=True)
class WindowedStream(LayerStream, Generic[_Carrier]):
    """The windows and the queue of one stream of a ``_Carrier``. Subclasses send and receive, and keep
    ``_send_window`` and ``_receive_window``, what either side may still send."""

    __slots__ = (
        "_carrier",
        "_consumed_bytes",
        "_credit_step",
        "_holding",
        "_is_open",
        "_queue",
        "_queued",
        "_receive_window",
        "_send_window",
        "_taken",
        "_waiting",
        "_window",
        "dead",
        "in_turn",
    )

    #: Bytes of the window that a new stream gives, and of the largest.
    FIRST_WINDOW: ClassVar[int]
    LARGEST_WINDOW: ClassVar[int]

    def __init__(self, carrier: _Carrier, send_window: int, *, opened: bool) -> None:
        """``send_window``: bytes the peer takes before it gives credit. ``opened``: it may be sent to."""
        super().__init__()
        first = self.FIRST_WINDOW
        self.dead = False  #: finished in both directions, or the carrier has ended
        self.in_turn = False  #: for the carrier: it is queued
        self._carrier = carrier
        self._is_open = opened
        self._send_window = send_window
        self._window = first  # what the peer may have on its way and held here; 0 once it sends no more
        self._receive_window = first  # what of it the peer may still send
        self._credit_step = first // _CREDIT_SHARE  # consumed bytes at which credit is returned
        self._taken = 0  # by the receiver, credit returned
        self._consumed_bytes = 0  # taken by the receiver, credit not yet returned
        self._holding: Holding | None = None  # what is held, made when first needed
        self._waiting: Holding | None = None  # what is queued, the same
        self._queue: deque[Buffer] | None = None  # limited by _QUEUE_HIGH through pause_writing
        self._queued = 0

    def unread(self, data: Buffer, /) -> None:
        """Put ``data`` before what is held; its credit is returned when it is taken again."""
        self._consumed_bytes -= len(data)
        super().unread(data)

    # For the carrier

    def send_turn(self, quantum: int) -> bool:
        """Send up to ``quantum`` queued bytes; returns whether more could be sent now."""
        raise NotImplementedError

    # The queue

    def _enqueue(self, data: Buffer, size: int) -> None:
        if self._queue is None:
            self._queue = deque()
        self._queue.append(own(data))
        self._queue_changed(size)
        if self._queued > _QUEUE_HIGH or self._carrier.queues.pressed:
            self._pause_writer()
        if self._is_open and self._send_window:
            self._carrier.queue(self)

    def _next_chunk(self, limit: int) -> Buffer:
        """Take up to ``limit`` bytes from the queue, which is not empty, and from the peer's window."""
        assert self._queue is not None
        chunk = self._queue[0]
        if len(chunk) <= limit:
            self._queue.popleft()
        else:
            view = memoryview(chunk)
            chunk, self._queue[0] = view[:limit], view[limit:]
        self._queue_changed(-len(chunk))
        self._send_window -= len(chunk)
        return chunk

    def _drop_queue(self) -> None:
        if self._queued:
            self._queue_changed(-self._queued)
            self._queue = None

    def _queue_changed(self, size: int) -> None:
        self._queued += size
        waiting = self._waiting
        if waiting is None:
            self._waiting = waiting = Holding(self._carrier.queues, self._stalled)
        waiting.changed(size)

    # The window of the peer

    def _held_changed(self, size: int) -> None:
        holding = self._holding
        if holding is None:
            self._holding = holding = Holding(self._carrier.receivers, self._stalled)
        holding.changed(size)
        if self.dead and not holding.size:
            self._holding = None

    def _consumed(self, size: int) -> None:
        self._consumed_bytes += size
        if self._consumed_bytes >= self._credit_step and self._window:
            self._return_credit()

    def _return_credit(self) -> None:
        """Give the peer credit for what was taken, more or less as the window grows or shrinks."""
        taken, self._consumed_bytes = self._consumed_bytes, 0
        self._taken += taken
        first, account, before = self.FIRST_WINDOW, self._carrier.receivers, self._window
        held = self._holding.size if self._holding is not None else 0
        wanted = account.window(first, self.LARGEST_WINDOW, self._taken, held)
        self._window = window = max(wanted, before - taken)  # what was given stays given
        self._credit_step = window // _CREDIT_SHARE
        account.credit += max(window, first) - max(before, first)
        if credit := window - before + taken:
            self._receive_window += credit
            self._send_credit(credit)

    def _give_back_window(self) -> None:
        """Return the window to the session's account: the peer sends no more."""
        self._carrier.receivers.credit -= max(self._window - self.FIRST_WINDOW, 0)
        self._window = 0

    # For the subclass

    def _send_credit(self, credit: int) -> None:
        """Allow the peer ``credit`` bytes more."""
        raise NotImplementedError

    def _stalled(self, exc: Closed) -> None:
        """What is held or queued here is not taken, and the session holds too much: end with ``exc``."""
        raise NotImplementedError
