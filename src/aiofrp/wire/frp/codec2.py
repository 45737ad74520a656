"""Framing of wire protocol v2 (docs/protocol/wire.md §6.2).

A frame is ``type:u16 | flags:u16 = 0 | length:u32 | payload``, big-endian; the payload of a message frame is
``message id:u16 | JSON``. The payloads of the hellos are in :mod:`aiofrp.wire.frp.hello`.
"""

from __future__ import annotations

import struct
from typing import Final

from aiofrp.compiled.marks import mypyc_attr
from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.frp.codec import Codec, MessageDecoder
from aiofrp.wire.frp.jsonbody import decode_body, encode_body
from aiofrp.wire.frp.messages import BY_MESSAGE_ID, Message
from aiofrp.wire.transforms.base import Transform

MAGIC: Final = b"FRP\x00\x02\r\n"
"""First bytes of every v2 connection, sent by the side that dialled."""

MAX_PAYLOAD: Final = 65_536
"""Longest payload of a frame in bytes; the reference's own limit."""

CLIENT_HELLO: Final = 1
SERVER_HELLO: Final = 2
MESSAGE: Final = 16

_HEADER: Final = struct.Struct(">HHI")
_MESSAGE_HEADER: Final = struct.Struct(">HHIH")


def encode_frame(kind: int, payload: bytes) -> bytes:
    """Return one frame, for the hellos; ``kind`` is CLIENT_HELLO or SERVER_HELLO."""
    return _HEADER.pack(kind, 0, len(payload)) + payload


def encode_v2(message: Message) -> bytes:
    """Return the frame of one message."""
    body = encode_body(message)
    return _MESSAGE_HEADER.pack(MESSAGE, 0, len(body) + 2, message.message_id) + body


class DecoderV2(MessageDecoder):
    """Decoder of wire protocol v2, past the magic.

    ``hello`` is the kind of hello frame allowed once before the first message: CLIENT_HELLO for the first
    decoder of an accepted connection, SERVER_HELLO for a client logging in. Its payload appears in
    :attr:`hello`, also before any message has.
    """

    __slots__ = ("_hello_kind", "hello")

    def __init__(self, hello: int | None = None) -> None:
        super().__init__(MAX_PAYLOAD)
        self._hello_kind = hello
        self.hello: bytes | None = None

    def _parse(self, received: bytes, start: int) -> Message | None:
        kinds = (MESSAGE,) if self._hello_kind is None else (MESSAGE, self._hello_kind)
        frame = self._parse_frame(received, start, kinds)
        if frame is not None and frame[0] != MESSAGE:
            self.hello = frame[1]
            frame = self._parse_frame(received, self._end, (MESSAGE,))
        if frame is None:
            return None
        self._hello_kind = None
        return _decode_payload(frame[1])

    def _parse_frame(self, received: bytes, start: int, kinds: tuple[int, ...]) -> tuple[int, bytes] | None:
        available = len(received) - start - _HEADER.size
        if available < 0:
            return None
        kind, flags, length = _HEADER.unpack_from(received, start)
        if kind not in kinds:
            raise RemoteProtocolError(f"unexpected frame type {kind}, want {' or '.join(map(str, kinds))}")
        if flags:
            raise RemoteProtocolError(f"unsupported frame flags {flags:#06x}")
        if length > self.longest:
            raise RemoteProtocolError(f"frame of {length} bytes, over the limit of {self.longest}")
        if available < length:
            return None
        payload = start + _HEADER.size
        self._end = payload + length
        return kind, received[payload : self._end]


def _decode_payload(payload: bytes) -> Message:
    if len(payload) < 2:
        raise RemoteProtocolError("message frame without message id")
    message_id = int.from_bytes(payload[:2], "big")
    kind = BY_MESSAGE_ID.get(message_id)
    if kind is None:
        raise RemoteProtocolError(f"unknown message id {message_id}")
    return decode_body(kind, payload[2:])


@mypyc_attr(allow_interpreted_subclasses=True)
class CodecV2:
    """Wire protocol v2, which a client may choose."""

    name: Final = "v2"
    preamble: Final = MAGIC
    max_frame: Final = _HEADER.size + MAX_PAYLOAD

    def encode(self, message: Message) -> bytes:
        """See :class:`aiofrp.wire.frp.codec.Codec`."""
        return encode_v2(message)

    def decoder(self) -> DecoderV2:
        """See :class:`aiofrp.wire.frp.codec.Codec`."""
        return DecoderV2()

    def control_layer(self, token: str, *, server: bool) -> Transform:
        """Nothing is agreed on without hellos; see :class:`aiofrp.wire.frp.opening.NegotiatedV2`."""
        raise RemoteProtocolError("missing v2 crypto negotiation")


V2: Final[Codec] = CodecV2()
