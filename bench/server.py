"""The load generator's server: echo, sink and source on one TCP port, and UDP echo on the same number.

The first byte of a connection picks what it does: ``e`` sends everything back, ``s`` swallows everything and
tells from time to time how much it has, ``g`` sends until the peer goes.
"""

from __future__ import annotations

import asyncio
import random
from typing import cast

#: Bytes of one write; as large as what the event loop reads at once.
CHUNK = 1 << 18
#: Bytes the event loop may hold for one connection before its source pauses.
_HIGH_WATER = 1 << 20
#: Seconds between two reports of a sink. Each is the count so far, in eight bytes, big-endian.
_REPORT_EVERY = 0.02

REPORT_SIZE = 8


def payload(size: int = CHUNK) -> bytes:
    """Bytes that compress to about a half, as ordinary traffic does: random and constant stretches by turns."""
    chance = random.Random(1)
    piece = 512
    return b"".join(chance.randbytes(piece) + bytes(piece) for _ in range(size // (2 * piece)))


class Chooser(asyncio.Protocol):
    """A new connection; its first byte gives it its real protocol."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=_HIGH_WATER)

    def data_received(self, data: bytes) -> None:
        kind = BEHAVIOURS.get(data[:1])
        if kind is None:
            self._transport.abort()
            return
        chosen = kind(self._transport)
        self._transport.set_protocol(chosen)
        if isinstance(chosen, Source):
            chosen.resume_writing()
        elif len(data) > 1:
            chosen.data_received(data[1:])


class Echo(asyncio.Protocol):
    """Sends everything back."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.data_received = transport.write  # type: ignore[method-assign]  # one call less per message

    def pause_writing(self) -> None:
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._transport.resume_reading()


class Sink(asyncio.Protocol):
    """Swallows everything and reports how much it was."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._clock = asyncio.get_running_loop().time
        self._bytes = 0
        self._reported = 0.0

    def data_received(self, data: bytes) -> None:
        self._bytes += len(data)
        if (now := self._clock()) - self._reported > _REPORT_EVERY:
            self._reported = now
            self._transport.write(self._bytes.to_bytes(REPORT_SIZE, "big"))


class Source(asyncio.Protocol):
    """Sends as fast as the peer takes it, from :meth:`resume_writing` on."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._chunk = payload()
        self._paused = True

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._pump()

    def _pump(self) -> None:
        while not self._paused and not self._transport.is_closing():
            self._transport.write(self._chunk)


BEHAVIOURS: dict[bytes, type[Echo | Sink | Source]] = {b"e": Echo, b"s": Sink, b"g": Source}


class DatagramEcho(asyncio.DatagramProtocol):
    """Sends every datagram back."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._transport.sendto(data, addr)


async def serve(host: str, port: int) -> None:
    """Listen for TCP and UDP, until cancelled; says so on standard output once it does."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Chooser, host, port, backlog=4096)
    transport, _ = await loop.create_datagram_endpoint(DatagramEcho, local_addr=(host, port))
    try:
        async with server:
            print("ready", flush=True)
            await server.serve_forever()
    finally:
        transport.close()
