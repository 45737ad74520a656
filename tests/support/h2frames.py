"""HTTP/2 frames made and cut by hand (RFC 9113 §4, §6), as wrong as a test wants: nothing is checked or kept."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from hpack import Encoder

from tests.support.tunnel import PATIENCE

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
END_STREAM, END_HEADERS, PADDED, PRIORITIZED = 1, 4, 8, 32
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, _, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
#: Error codes of GOAWAY (RFC 9113 §7).
PROTOCOL_ERROR, ENHANCE_YOUR_CALM = 1, 11


def frame(kind: int, payload: bytes = b"", flags: int = 0, stream: int = 0) -> bytes:
    return len(payload).to_bytes(3) + bytes((kind, flags)) + stream.to_bytes(4) + payload


#: What a connection begins with.
OPENING = PREFACE + frame(SETTINGS)


def fields(path: str = "/", method: str = "GET", host: str = "web.test") -> bytes:
    """The header block of a request; it uses no table, so that it may be sent again."""
    head = [(":method", method), (":scheme", "http"), (":authority", host), (":path", path)]
    return bytes(Encoder().encode([(name, value, True) for name, value in head]))


def head(stream: int, pairs: Iterable[tuple[str, str]], flags: int = END_HEADERS) -> bytes:
    """HEADERS with these fields, which use no table."""
    block = Encoder().encode([(name, value, True) for name, value in pairs])
    return frame(HEADERS, bytes(block), flags, stream)


def request(stream: int, block: bytes = b"", *, end: bool = True) -> bytes:
    return frame(HEADERS, block or fields(), END_HEADERS | (END_STREAM if end else 0), stream)


def window(stream: int, size: int = 1) -> bytes:
    return frame(WINDOW_UPDATE, size.to_bytes(4), 0, stream)


async def assault(port: int, parts: Iterable[bytes], seconds: float) -> tuple[int | None, int]:
    """Send ``parts`` on a connection of its own, one after another, for at most ``seconds``; the error code of the
    GOAWAY that came, if one came, and how many bytes were sent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    seen = bytearray()

    async def read() -> None:
        while data := await reader.read(65536):
            seen.extend(data)

    reading = asyncio.create_task(read())
    sent = 0
    try:
        async with asyncio.timeout(seconds):
            for part in parts:
                writer.write(part)
                sent += len(part)
                await writer.drain()
                await asyncio.sleep(0)
                if reading.done():
                    break
            await asyncio.wait({reading}, timeout=PATIENCE)
    except (TimeoutError, ConnectionError):
        pass
    finally:
        writer.transport.abort()
        await asyncio.wait({reading})
    if not reading.cancelled():
        reading.exception()
    return goaway(bytes(seen)), sent


class Frames:
    """What a side sent, cut into frames; the client's preface is left out."""

    def __init__(self) -> None:
        self._received = b""

    def receive_data(self, data: bytes) -> list[tuple[int, int, int, bytes]]:
        """Kind, flags, stream and payload of each frame that is whole now."""
        self._received = (self._received + data).removeprefix(PREFACE)
        found = []
        while len(self._received) >= 9 and len(self._received) >= 9 + (
            size := int.from_bytes(self._received[:3])
        ):
            kind, flags, stream = self._received[3], self._received[4], int.from_bytes(self._received[5:9])
            found.append((kind, flags, stream, self._received[9 : 9 + size]))
            self._received = self._received[9 + size :]
        return found


def unpadded(kind: int, flags: int, payload: bytes) -> bytes:
    """The data or header block in the payload of DATA or HEADERS."""
    start = stop = 0
    if flags & PADDED:
        start, stop = 1, payload[0]
    if kind == HEADERS and flags & PRIORITIZED:
        start += 5
    return payload[start : len(payload) - stop]


def goaway(data: bytes) -> int | None:
    """The error code of a GOAWAY in what a server sent."""
    for kind, _, _, payload in Frames().receive_data(data):
        if kind == GOAWAY:
            return int.from_bytes(payload[4:8])
    return None
