"""A user of HTTP/2 whose frames are made by hand (RFC 9113 §4, §6), so that they may be as wrong as a test wants.

hpack packs the fields and hyperframe the frames' headers; neither knows what a stream or a request is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import h2.connection
import hpack
from h2.config import H2Configuration
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
)

from tests.support.tunnel import PATIENCE

Fields = Sequence[tuple[bytes, bytes]]
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


class RawUser:
    """A connection with prior knowledge. ``data`` has what each stream got, ``ended`` the streams that are over."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.data: dict[int, bytes] = {}
        self.status: dict[int, bytes] = {}
        self.ended: set[int] = set()
        self.closed = False
        self._reader = reader
        self._writer = writer
        self._encoder = hpack.Encoder()
        self._decoder = hpack.Decoder()
        self._received = b""
        self._pongs = 0
        self.send(
            PREFACE, SettingsFrame(0, settings={SettingsFrame.INITIAL_WINDOW_SIZE: 1 << 20}).serialize()
        )

    def send(self, *frames: bytes) -> None:
        """Send frames in one write."""
        self._writer.write(b"".join(frames))

    # Frames

    def begin(self) -> bytes:
        """What a connection begins with."""
        return PREFACE + SettingsFrame(0).serialize()

    def headers(self, stream: int, fields: Fields, *, end: bool = False, split: bool = False) -> bytes:
        """A head or trailers; ``split``: with a priority, padded, and in several frames."""
        block = self._encoder.encode([hpack.NeverIndexedHeaderTuple(*field) for field in fields])
        first = HeadersFrame(stream, block, flags=["END_HEADERS"])
        rest: list[Frame] = []
        if split:
            first = HeadersFrame(stream, block[:7], flags=["PRIORITY", "PADDED"], pad_length=9, depends_on=0)
            cuts = [block[7:9], block[9:]]
            rest = [ContinuationFrame(stream, cut) for cut in cuts]
            rest[-1].flags.add("END_HEADERS")
        if end:
            first.flags.add("END_STREAM")
        return b"".join(frame.serialize() for frame in (first, *rest))

    def body(self, stream: int, data: bytes, *, end: bool = False, padding: int = 0) -> bytes:
        frame = DataFrame(stream, data)
        if padding:
            frame.flags.add("PADDED")
            frame.pad_length = padding
        if end:
            frame.flags.add("END_STREAM")
        return frame.serialize()

    def reset(self, stream: int) -> bytes:
        return RstStreamFrame(stream, error_code=8).serialize()

    def priority(self, stream: int) -> bytes:
        return PriorityFrame(stream, depends_on=0, stream_weight=200).serialize()

    # What comes

    async def over(self, stream: int) -> None:
        """Wait until ``stream`` has its response or was given up, or the connection ended."""
        await self._until(lambda: stream in self.ended)

    async def pong(self) -> None:
        """Wait until the other side has read all that was sent, or ended the connection."""
        wanted = self._pongs + 1
        self.send(PingFrame(0, b"12345678").serialize())
        await self._until(lambda: self._pongs >= wanted)

    async def _until(self, condition: object) -> None:
        assert callable(condition)
        async with asyncio.timeout(PATIENCE):
            while not condition() and not self.closed:
                try:
                    more = await self._reader.read(65536)
                except ConnectionError:
                    more = b""
                self.closed = not more
                self._take(more)

    def _take(self, data: bytes) -> None:
        self._received += data
        while len(self._received) >= 9:
            frame, length = Frame.parse_frame_header(memoryview(self._received[:9]))
            if len(self._received) < 9 + length:
                return
            frame.parse_body(memoryview(self._received[9 : 9 + length]))
            self._received = self._received[9 + length :]
            self._act_on(frame)

    def _act_on(self, frame: Frame) -> None:
        stream = frame.stream_id
        match frame:
            case HeadersFrame():
                fields = dict(self._decoder.decode(frame.data, raw=True))
                if b":status" in fields:  # the last one, after interim ones
                    self.status[stream] = fields[b":status"]
            case DataFrame():
                self.data[stream] = self.data.get(stream, b"") + frame.data
            case RstStreamFrame():
                self.ended.add(stream)
            case PingFrame():
                self._pongs += 1
        if "END_STREAM" in frame.flags:
            self.ended.add(stream)


class LibraryUser(RawUser):
    """A user whose frames the library h2 makes, with those of its checks off that can be."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        config = H2Configuration(
            validate_outbound_headers=False, normalize_outbound_headers=False, header_encoding=None
        )
        self._conn = h2.connection.H2Connection(config)
        super().__init__(reader, writer)

    def begin(self) -> bytes:
        self._conn.initiate_connection()
        return self._conn.data_to_send()

    def headers(self, stream: int, fields: Fields, *, end: bool = False, split: bool = False) -> bytes:
        self._conn.send_headers(stream, list(fields), end_stream=end)
        return self._conn.data_to_send()

    def body(self, stream: int, data: bytes, *, end: bool = False, padding: int = 0) -> bytes:
        self._conn.send_data(stream, data, end_stream=end, pad_length=padding or None)
        return self._conn.data_to_send()

    def reset(self, stream: int) -> bytes:
        self._conn.reset_stream(stream, 8)
        return self._conn.data_to_send()


@asynccontextmanager
async def raw_user(port: int, kind: type[RawUser] = RawUser) -> AsyncIterator[RawUser]:
    """A user connected to 127.0.0.1:``port``."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield kind(reader, writer)
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
