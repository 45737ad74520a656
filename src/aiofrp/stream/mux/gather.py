"""Frames on their way to the carrier: what one received chunk causes leaves in one write."""

from __future__ import annotations

from collections.abc import Callable

from aiofrp.stream.base import Buffer, Stream
from aiofrp.wire.yamux import data_frame, data_parts

#: Bytes of data from which it is given to the carrier in parts, so that less is copied; below, one frame is cheaper.
_PARTS_FROM = 32 * 1024
#: Frames are gathered while they are small: bytes of one, and their number, above which all leaves at once.
SMALL, MOST_SMALL = 1024, 64


class GatheringWriter:
    """Writes frames to a carrier; each write costs a system call and, with TLS, a record.

    Between :meth:`begin` and :meth:`end`, while a chunk is received, small frames wait for each other. No frame ever
    passes another one.
    """

    __slots__ = ("_carrier", "_gathered", "_writelines")

    def __init__(self, carrier: Stream) -> None:
        self._carrier = carrier
        self._writelines: Callable[[list[Buffer]], None] | None = getattr(carrier, "writelines", None)
        self._gathered: list[bytes] | None = None  # limited by MOST_SMALL

    def begin(self) -> bool:
        """Gather frames from now on, until :meth:`end`. ``False`` where they are gathered already."""
        if self._gathered is not None:
            return False
        self._gathered = []
        return True

    def write(self, frame: bytes) -> None:
        """Send ``frame`` now, or with those that come next."""
        gathered = self._gathered
        if gathered is None:
            self._carrier.write(frame)
            return
        gathered.append(frame)
        if len(frame) > SMALL or len(gathered) >= MOST_SMALL:
            self._flush()

    def write_data(self, stream_id: int, data: Buffer) -> None:
        """Send ``data`` of a stream in data frames, in one write."""
        if len(data) < _PARTS_FROM:
            self.write(data_frame(stream_id, data))
            return
        self._flush()
        parts = data_parts(stream_id, data)
        if self._writelines is None:
            self._carrier.write(b"".join(parts))
        else:
            self._writelines(parts)

    def end(self) -> None:
        """Send what is gathered, and every frame at once from now on."""
        self._flush()
        self._gathered = None

    def close(self) -> None:
        """Send what is gathered, then close the carrier."""
        self._flush()
        self._carrier.close()

    def _flush(self) -> None:
        if self._gathered:
            frames, self._gathered = self._gathered, []
            self._carrier.write(b"".join(frames))
