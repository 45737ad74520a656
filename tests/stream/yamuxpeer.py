"""The far end of a yamux session, frame by frame: a peer that may do anything."""

from __future__ import annotations

from collections.abc import Iterator

from aiofrp.stream.base import Stream
from aiofrp.wire.yamux import DATA, FrameDecoder, header
from tests.support.ends import End

#: (type, flags, stream id, length)
Head = tuple[int, int, int, int]


class YamuxPeer(End):
    """A receiver that decodes what the session under test sends, and writes frames to it."""

    def __init__(self, stream: Stream) -> None:
        super().__init__(stream)
        self.heads: list[Head] = []  #: every frame so far
        self.payloads: dict[int, bytearray] = {}  #: by stream id
        self._decoder = FrameDecoder()
        self._left = 0
        self.on_data = lambda data: self._decode(bytes(data))
        self.attach()

    def send(self, kind: int, flags: int, stream_id: int, length: int = 0, payload: bytes = b"") -> None:
        """Send one frame; a data frame's ``length`` is its payload's unless given."""
        size = len(payload) if kind == DATA and not length else length
        self.stream.write(header(kind, flags, stream_id, size) + payload)

    def sent(self, *wanted: int) -> list[Head]:
        """The frames of these types."""
        return [head for head in self.heads if head[0] in wanted]

    def progress(self) -> Iterator[dict[int, int]]:
        """The bytes of each stream that had come by the end of each frame of data, in the order of the frames."""
        sizes: dict[int, int] = {}
        for kind, _, stream_id, length in self.heads:
            if kind == DATA and length:
                sizes[stream_id] = sizes.get(stream_id, 0) + length
                yield dict(sizes)

    def credit(self, stream_id: int) -> int:
        """What window updates without SYN or ACK gave back so far."""
        return sum(
            length for kind, flags, which, length in self.heads if (kind, flags, which) == (1, 0, stream_id)
        )

    def _decode(self, data: bytes) -> None:
        for kind, flags, stream_id, length, payload in self._decoder.receive_data(data):
            if self._left:
                self._left -= len(payload)
            else:
                self.heads.append((kind, flags, stream_id, length))
                self._left = length - len(payload) if kind == DATA else 0
            if kind == DATA:
                self.payloads.setdefault(stream_id, bytearray()).extend(payload)
