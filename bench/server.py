"""The load generator's server: echo, sink, source and web on one TCP port, and UDP echo on the same number.

The first byte of a connection picks what it does: ``e`` sends everything back, ``s`` swallows everything and
tells from time to time how much it has, ``g`` sends until the peer goes, ``G`` and ``P`` begin a request. A TLS
hello is passed over, and what follows it picks. ``native.c`` does the same.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import suppress
from typing import cast

from bench.datagrams import BATCH, LONGEST, udp_socket
from bench.payload import payload
from bench.web import HOST_NAME, Web

#: Bytes the event loop may hold for one connection before its source pauses.
_HIGH_WATER = 1 << 20
#: Seconds between two reports of a sink. Each is the count so far, in eight bytes, big-endian.
_REPORT_EVERY = 0.02

REPORT_SIZE = 8

#: Bytes of a TLS record before its body; the last two are the body's length.
_RECORD_HEAD = 5


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
        elif isinstance(chosen, Web | Hello):
            chosen.data_received(data)
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


def client_hello() -> bytes:
    """The first record of a TLS connection to the https proxy's host."""
    sent = ssl.MemoryBIO()
    tls = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), sent, server_hostname=HOST_NAME)
    with suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return sent.read()


class Hello(asyncio.Protocol):
    """Passes over a TLS record and lets the rest choose.

    An https proxy looks at the hello alone, so bare bytes after it cost a tunnel what sealed ones would, and the
    load generator much less.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._early = b""

    def data_received(self, data: bytes) -> None:
        self._early += data
        size = _RECORD_HEAD + int.from_bytes(self._early[_RECORD_HEAD - 2 : _RECORD_HEAD], "big")
        if len(self._early) <= size:
            return
        chooser = Chooser()
        chooser.connection_made(self._transport)
        self._transport.set_protocol(chooser)
        chooser.data_received(self._early[size:])


BEHAVIOURS: dict[bytes, type[Echo | Sink | Source | Web | Hello]] = {
    b"e": Echo,
    b"s": Sink,
    b"g": Source,
    b"G": Web,
    b"P": Web,
    b"\x16": Hello,
}


def echo_datagrams(sock: socket.socket) -> None:
    """Send what came back to where it came from; bare, because an event loop's own way costs more."""
    with suppress(OSError):  # nothing more there, or no room for an answer: lost, as datagrams may be
        for _ in range(BATCH):
            sock.sendto(*sock.recvfrom(LONGEST))


async def serve(host: str, port: int) -> None:
    """Listen for TCP and UDP, until cancelled; says so on standard output once it does."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Chooser, host, port, backlog=4096)
    with udp_socket() as datagrams:
        datagrams.bind((host, port))
        loop.add_reader(datagrams, echo_datagrams, datagrams)
        try:
            async with server:
                print("ready", flush=True)
                await server.serve_forever()
        finally:
            loop.remove_reader(datagrams)
