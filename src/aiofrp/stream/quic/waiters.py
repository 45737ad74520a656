"""Callers that wait until the peer of a QUIC connection allows one more stream (RFC 9000 §4.6)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from aiofrp import faults
from aiofrp.errors import Closed, FrpError
from aiofrp.stream.layer import hand_out
from aiofrp.stream.quic.core.errors import NoMoreStreams
from aiofrp.stream.quic.stream import QuicStream

#: Callers that may wait at once; the next is refused.
MOST_WAITERS = 4096


class StreamWaiters:
    """The callers of one connection, in order. Each is called once: with its stream, or with why there will be none."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        # (with the stream, with the reason); MOST_WAITERS
        self._waiting: deque[tuple[Callable[[QuicStream], None], Callable[[FrpError], None]]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def open(
        self,
        opens: Callable[[], QuicStream],
        ready: Callable[[QuicStream], None],
        failed: Callable[[FrpError], None],
    ) -> None:
        """Call ``ready`` with a stream of ``opens``, now or later, or ``failed``.

        ``opens`` raises :class:`~aiofrp.errors.Closed`, and its kind :class:`NoMoreStreams` for what may change.
        """
        try:
            stream = opens()
        except NoMoreStreams as exc:
            if len(self._waiting) < MOST_WAITERS:
                self._waiting.append((ready, failed))
            else:
                failed(exc)
        except Closed as exc:
            failed(exc)
        else:
            ready(stream)

    def serve(self, opens: Callable[[], QuicStream]) -> None:
        """The peer may have allowed more: give streams of ``opens`` to those who wait, as long as it opens any."""
        while self._waiting:
            try:
                stream = opens()
            except Closed:
                return
            hand_out(stream, self._waiting.popleft()[0])

    def fail(self, reason: str) -> None:
        """There will be no streams."""
        while self._waiting:
            failed = self._waiting.popleft()[1]
            faults.call("a caller that waited for a QUIC stream failed", failed, Closed(reason))
