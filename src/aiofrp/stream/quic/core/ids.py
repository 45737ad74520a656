"""Which of the peer's stream ids are used already (RFC 9000 §2.1): a stream that is over must not begin again."""

from __future__ import annotations

from bisect import bisect_right, insort

from aiofrp.errors import RemoteProtocolError

#: Ids of one kind are this far apart.
_STEP = 4
#: Ranges of ids left out at most. Streams begin in order, so only lost datagrams leave some out, until they come again.
MOST_GAPS = 4096


class PeerIds:
    """The ids of one kind from ``first`` on. What it holds does not depend on how high an id is, only on how many
    ranges were left out below it: :data:`MOST_GAPS`."""

    __slots__ = ("_first", "_gaps", "_next")

    def __init__(self, first: int) -> None:
        self._first = first
        self._next = first  # above all that were used
        self._gaps: list[tuple[int, int]] = []  # from an id to before another, ascending; MOST_GAPS

    def use(self, stream_id: int) -> bool:
        """Whether ``stream_id`` is of this kind and was not used before; it is from now on.

        Raises :class:`~aiofrp.errors.RemoteProtocolError` when it leaves too many gaps.
        """
        if stream_id % _STEP != self._first % _STEP:
            return False
        if stream_id >= self._next:
            if stream_id > self._next:
                self._leave_out(self._next, stream_id)
            self._next = stream_id + _STEP
            return True
        at = bisect_right(self._gaps, (stream_id, self._next)) - 1
        if at < 0 or stream_id >= self._gaps[at][1]:
            return False
        start, end = self._gaps.pop(at)
        if start < stream_id:
            self._leave_out(start, stream_id)
        if stream_id + _STEP < end:
            self._leave_out(stream_id + _STEP, end)
        return True

    def _leave_out(self, start: int, end: int) -> None:
        if len(self._gaps) >= MOST_GAPS:
            raise RemoteProtocolError(f"quic: more than {MOST_GAPS} ranges of stream ids were left out")
        insort(self._gaps, (start, end))
