"""A user of HTTP/2 whose frames are made by hand (RFC 9113 §4, §6), so that they may be as wrong as a test wants.

hpack packs the fields, and :mod:`tests.support.h2frames` makes the frames; neither knows what a request is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import h2.connection
import hpack
from h2.config import H2Configuration

from tests.support.h2frames import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PADDED,
    PING,
    PREFACE,
    PRIORITIZED,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    Frames,
    frame,
    unpadded,
)
from tests.support.tunnel import PATIENCE

Fields = Sequence[tuple[bytes, bytes]]
#: A SETTINGS payload: INITIAL_WINDOW_SIZE of 1 MiB.
_LARGE_WINDOW = (4).to_bytes(2) + (1 << 20).to_bytes(4)


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
        self._received = Frames()
        self._pongs = 0
        self.send(PREFACE, frame(SETTINGS, _LARGE_WINDOW))

    def send(self, *frames: bytes) -> None:
        """Send frames in one write."""
        self._writer.write(b"".join(frames))

    # Frames

    def begin(self) -> bytes:
        """What a connection begins with."""
        return PREFACE + frame(SETTINGS)

    def headers(self, stream: int, fields: Fields, *, end: bool = False, split: bool = False) -> bytes:
        """A head or trailers; ``split``: with a priority, padded, and in several frames."""
        block = self._encoder.encode([hpack.NeverIndexedHeaderTuple(*field) for field in fields])
        last = END_STREAM if end else 0
        if not split:
            return frame(HEADERS, block, END_HEADERS | last, stream)
        priority = bytes(4) + b"\x0f"
        first = b"\x09" + priority + block[:7] + bytes(9)
        return (
            frame(HEADERS, first, PRIORITIZED | PADDED | last, stream)
            + frame(CONTINUATION, block[7:9], 0, stream)
            + frame(CONTINUATION, block[9:], END_HEADERS, stream)
        )

    def body(self, stream: int, data: bytes, *, end: bool = False, padding: int = 0) -> bytes:
        flags = END_STREAM if end else 0
        if padding:
            return frame(DATA, bytes((padding,)) + data + bytes(padding), PADDED | flags, stream)
        return frame(DATA, data, flags, stream)

    def reset(self, stream: int) -> bytes:
        return frame(RST_STREAM, (8).to_bytes(4), 0, stream)

    def priority(self, stream: int) -> bytes:
        return frame(PRIORITY, bytes(4) + bytes((200,)), 0, stream)

    # What comes

    async def over(self, stream: int) -> None:
        """Wait until ``stream`` has its response or was given up, or the connection ended."""
        await self._until(lambda: stream in self.ended)

    async def pong(self) -> None:
        """Wait until the other side has read all that was sent, or ended the connection."""
        wanted = self._pongs + 1
        self.send(frame(PING, b"12345678"))
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
        for kind, flags, stream, payload in self._received.receive_data(data):
            if kind == HEADERS:
                fields = dict(self._decoder.decode(unpadded(kind, flags, payload), raw=True))
                if b":status" in fields:  # the last one, after interim ones
                    self.status[stream] = fields[b":status"]
            elif kind == DATA:
                self.data[stream] = self.data.get(stream, b"") + unpadded(kind, flags, payload)
            elif kind == PING:
                self._pongs += 1
            if kind == RST_STREAM or (kind in (HEADERS, DATA) and flags & END_STREAM):
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
