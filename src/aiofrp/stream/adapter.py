"""A stream as a real :class:`asyncio.Transport`, so that any asyncio protocol runs over a yamux or in-memory stream."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from aiofrp.stream.base import Buffer, Pause, Stream

_EXTRA = ("peername", "sockname", "ssl_object", "socket")


def as_transport(stream: Stream, protocol: asyncio.Protocol) -> asyncio.Transport:
    """Run ``protocol`` over ``stream``; returns the transport it was given."""
    transport = StreamTransport(stream, protocol)
    transport.start()
    return transport


class StreamTransport(asyncio.Transport):
    """The transport side towards a protocol, the receiver side towards a stream."""

    def __init__(self, stream: Stream, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._stream = stream
        self._protocol = protocol
        self._closing = False
        self._reading = True

    def start(self) -> None:
        """Call ``connection_made`` of the protocol, then deliver to it."""
        self._protocol.connection_made(self)
        self._stream.attach(self)

    # Receiver of the stream

    def data_received(self, data: Buffer, /) -> None:
        self._protocol.data_received(bytes(data))

    def eof_received(self) -> None:
        if not self._protocol.eof_received():
            self.close()

    def connection_lost(self, exc: Exception | None, /) -> None:
        self._closing = True
        self._protocol.connection_lost(exc)

    def pause_writing(self) -> None:
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        self._protocol.resume_writing()

    # Transport

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = cast(asyncio.Protocol, protocol)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        value = self._stream.info(name) if name in _EXTRA else None
        return default if value is None else value

    def is_closing(self) -> bool:
        return self._closing

    def is_reading(self) -> bool:
        return self._reading and not self._closing

    def pause_reading(self) -> None:
        self._reading = False
        self._stream.pause_reading(Pause.PEER)

    def resume_reading(self) -> None:
        self._reading = True
        self._stream.resume_reading(Pause.PEER)

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        self._stream.write(bytes(data))

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self._stream.write_eof()

    def get_write_buffer_size(self) -> int:
        return 0

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return 0, 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Ignored: the stream's own marks hold."""

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._stream.close()

    def abort(self) -> None:
        self._closing = True
        self._stream.abort()
