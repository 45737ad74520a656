"""The connection protocol of SSH over any stream, without keys and ciphers: forwarded channels between two of our own.

frps opens forwarded channels and an SSH client takes them; here :class:`PlainPackets` takes them too, so that both
ends of a channel are streams.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiofrp.errors import RemoteProtocolError
from aiofrp.server.ssh.protocol import fields as ssh
from aiofrp.server.ssh.protocol.channels import FIRST_WINDOW, MAX_PACKET, ForwardedChannel
from aiofrp.server.ssh.protocol.connection import SshConnection
from aiofrp.server.ssh.protocol.fields import Fields, uint32
from aiofrp.stream.base import Buffer, Stream


class PlainPackets:
    """One side: messages with their length in front. ``taken`` gets each channel that the other side opens."""

    def __init__(self, stream: Stream, taken: Callable[[ForwardedChannel], None] | None = None) -> None:
        self.full = False
        self.connection = SshConnection(self)
        self._stream = stream
        self._taken = taken
        self._received = b""
        stream.attach(self)

    def open(self) -> ForwardedChannel:
        """A channel to the other side; it may be used at once."""
        channel = ForwardedChannel(self.connection)
        self.connection.open_channel(channel, ("", 80), ("127.0.0.1", 5))
        return channel

    # Packets

    def send_message(self, *parts: Buffer) -> None:
        message = b"".join(parts)
        self._stream.write(uint32(len(message)) + message)

    def end(self, reason: str) -> None:
        self._stream.close()

    def info(self, key: str) -> Any:
        return self._stream.info(key)

    # Receiver

    def data_received(self, data: Buffer, /) -> None:
        self._received += data
        self.connection.bytes_came()
        try:
            while len(self._received) >= 4:
                end = 4 + int.from_bytes(self._received[:4], "big")
                if len(self._received) < end:
                    break
                message, self._received = self._received[4:end], self._received[end:]
                self._message(message)
        except RemoteProtocolError as exc:
            self._stream.abort()
            self.connection.ended(exc)

    def eof_received(self) -> None:
        self._stream.close()

    def connection_lost(self, exc: Exception | None, /) -> None:
        self.connection.ended(exc)

    def pause_writing(self) -> None:
        self.full = True

    def resume_writing(self) -> None:
        self.full = False
        self.connection.writable()

    def _message(self, message: bytes) -> None:
        if message[0] == ssh.CHANNEL_OPEN and self._taken is not None:
            self._take(Fields(message))
        else:
            self.connection.packet(b"\0" + message, 1 + len(message))

    def _take(self, request: Fields) -> None:
        assert self._taken is not None
        assert request.text(99) == "forwarded-tcpip"
        peer, window, packet = request.uint32(), request.uint32(), request.uint32()
        channel, connection = ForwardedChannel(self.connection), self.connection
        channel.number = connection._new_number()
        connection._channels[channel.number] = channel
        self.send_message(
            bytes((ssh.CHANNEL_OPEN_CONFIRMATION,)),
            uint32(peer) + uint32(channel.number) + uint32(FIRST_WINDOW) + uint32(MAX_PACKET),
        )
        channel.opened(peer, window, packet)
        self._taken(channel)
