"""Datagrams between clients that speak different wire protocols, message by message
(docs/protocol/wire.md §11)."""

from __future__ import annotations

from collections.abc import Callable

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.frp.codec import Codec
from aiofrp.wire.frp.messages import Message, Ping, UDPPacket
from aiofrp.wire.frp.udppacket import MAX_MESSAGE, longest_frame
from aiofrp.wire.transforms.base import Buffer


class Translation:
    """A transform for one side of the bridge: what that side sends is decoded into the other's protocol; what it is
    sent has been translated already.

    ``pings``: whether the side's pings are for the other. A frame longer than the other side takes (``accepted``: as
    :func:`~aiofrp.wire.frp.udppacket.longest_frame` has it) is dropped; ``dropped`` is called with how many.
    """

    __slots__ = ("_decoder", "_dropped", "_encode", "_max_frame", "_pings")

    def __init__(
        self,
        spoken: Codec,
        wanted: Codec,
        *,
        pings: bool,
        accepted: int = 0,
        dropped: Callable[[int], None] = lambda count: None,
    ) -> None:
        self._decoder = spoken.decoder()
        self._decoder.longest = MAX_MESSAGE
        self._encode = wanted.encode
        self._max_frame = longest_frame(wanted, accepted)
        self._dropped = dropped
        self._pings = pings

    def encode(self, data: Buffer) -> bytes:
        """Return ``data`` unchanged: only the other direction is translated."""
        return bytes(data)

    def decode(self, data: Buffer) -> bytes:
        """Return the frames of what ``data`` completes.

        Raises :class:`~aiofrp.errors.RemoteProtocolError` for a message that is neither packet nor ping.
        """
        frames = [self._translated(message) for message in self._decoder.receive_data(bytes(data))]
        fitting = [frame for frame in frames if len(frame) <= self._max_frame]
        if len(fitting) != len(frames):
            self._dropped(len(frames) - len(fitting))
        return b"".join(fitting)

    def _translated(self, message: Message) -> bytes:
        if isinstance(message, UDPPacket) or (isinstance(message, Ping) and self._pings):
            return self._encode(message)
        if isinstance(message, Ping):
            return b""
        raise RemoteProtocolError(f"message {type(message).__name__} is not for a sudp connection")
