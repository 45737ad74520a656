"""Datagrams between clients that speak different wire protocols, message by message
(docs/protocol/wire.md §11)."""

from __future__ import annotations

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.frp.codec import Codec
from aiofrp.wire.frp.messages import Message, Ping, UDPPacket
from aiofrp.wire.transforms.base import Buffer


class Translation:
    """A transform for one side of the bridge: what that side sends is decoded into the other's protocol; what it is
    sent has been translated already.

    ``pings``: whether the side's pings are for the other. A frame too long for the other side is dropped.
    """

    __slots__ = ("_decoder", "_encode", "_max_frame", "_pings")

    def __init__(self, spoken: Codec, wanted: Codec, *, pings: bool) -> None:
        self._decoder = spoken.decoder()
        self._encode = wanted.encode
        self._max_frame = wanted.max_frame
        self._pings = pings

    def encode(self, data: Buffer) -> bytes:
        """Nothing to change."""
        return bytes(data)

    def decode(self, data: Buffer) -> bytes:
        """Return the frames of what ``data`` completes.

        Raises :class:`~aiofrp.errors.RemoteProtocolError` for a message that is neither packet nor ping.
        """
        frames = [self._translated(message) for message in self._decoder.receive_data(bytes(data))]
        return b"".join([frame for frame in frames if len(frame) <= self._max_frame])

    def _translated(self, message: Message) -> bytes:
        if isinstance(message, UDPPacket) or (isinstance(message, Ping) and self._pings):
            return self._encode(message)
        if isinstance(message, Ping):
            return b""
        raise RemoteProtocolError(f"message {type(message).__name__} is not for a sudp connection")
