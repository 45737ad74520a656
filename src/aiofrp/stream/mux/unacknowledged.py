"""Streams that were opened here and are not acknowledged yet (docs/protocol/wire.md §3)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from aiofrp.stream.mux.stream import MuxStream


class Unacknowledged:
    """At most ``most`` streams wait for the peer; those beyond are deferred: their SYN is sent when others are
    acknowledged."""

    __slots__ = ("_deferred", "_most", "_send_syn", "_time", "_waiting", "answered")

    def __init__(self, most: int, send_syn: Callable[[MuxStream], None], time: Callable[[], float]) -> None:
        """``time`` gives seconds of the loop's clock."""
        self._most = most
        self._send_syn = send_syn
        self._time = time
        self.answered = False  #: a stream was acknowledged
        # Stream id → the stream, the time of its SYN, and what to call when it is acknowledged; limited by _most.
        self._waiting: dict[int, tuple[MuxStream, float, Callable[[], None]]] = {}
        # Limited by who opens streams.
        self._deferred: deque[tuple[MuxStream, Callable[[], None]]] = deque()

    def add(self, stream: MuxStream, acknowledged: Callable[[], None]) -> None:
        """Send the SYN of ``stream``, now or later. ``acknowledged`` is called once when the peer has accepted the
        stream, or the stream has ended before; not after :meth:`clear`."""
        if len(self._waiting) >= self._most:
            self._deferred.append((stream, acknowledged))
        else:
            self._open(stream, acknowledged)

    def acknowledge(self, stream_id: int) -> None:
        """The peer has answered, or the stream has ended; any stream may be named, at any time."""
        entry = self._waiting.pop(stream_id, None)
        if entry is None:
            return
        self.answered = True
        entry[2]()
        while self._deferred and len(self._waiting) < self._most:
            stream, acknowledged = self._deferred.popleft()
            if stream.dead:
                acknowledged()
            else:
                self._open(stream, acknowledged)

    def overdue(self, since: float) -> bool:
        """Whether a stream that is still wanted waits since ``since`` or longer."""
        for stream, sent, _ in self._waiting.values():  # oldest first
            if sent > since:
                return False
            if not stream.finished_sending:
                return True
        return False

    def clear(self) -> None:
        """The session has ended."""
        self._waiting.clear()
        self._deferred.clear()

    def _open(self, stream: MuxStream, acknowledged: Callable[[], None]) -> None:
        self._waiting[stream.id] = stream, self._time(), acknowledged
        self._send_syn(stream)
