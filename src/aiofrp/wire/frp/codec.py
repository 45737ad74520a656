"""Framing of messages: what all versions of the wire protocol share, and version 1
(docs/protocol/wire.md §6.1).

Version 1: one type byte, the length of the body as a big-endian int64, the body as JSON. Knows no connection,
no encryption, and nothing of the order in which messages are allowed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Final, Protocol

from aiofrp.compiled.marks import mypyc_attr
from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.frp.auth import derive_key
from aiofrp.wire.frp.jsonbody import decode_body, encode_body
from aiofrp.wire.frp.messages import BY_TYPE_BYTE, Message
from aiofrp.wire.transforms.aescfb import AesCfb
from aiofrp.wire.transforms.base import Buffer, Transform

MAX_BODY: Final = 10_240
"""Longest body of a v1 message in bytes; the reference's own limit."""

_HEADER: Final = 9  # type byte and length


class Codec(Protocol):
    """One version of the wire protocol; control sessions and relays need not know which."""

    @property
    def name(self) -> str:
        """``v1`` or ``v2``, as in the configuration."""

    @property
    def preamble(self) -> bytes:
        """What the side that dialled sends before its first message, on every logical connection."""

    @property
    def max_frame(self) -> int:
        """Bytes of the longest frame a peer accepts."""

    def encode(self, message: Message) -> bytes:
        """Return the whole frame of one message, which may be longer than a peer accepts."""

    def decoder(self) -> MessageDecoder:
        """Return a decoder for one direction of one connection, past the preamble."""

    def control_layer(self, token: str, *, server: bool) -> Transform:
        """Return the encryption a control connection goes on with after its login, for one of its sides.

        Raises :class:`RemoteProtocolError` where the two sides have agreed on none.
        """


class MessageDecoder(ABC):
    """Turns received bytes into messages, however they were cut.

    Holds at most one incomplete frame, plus, after :meth:`receive_one`, the rest of the last chunk. After an
    error it stays broken: every later call raises the same error.
    """

    __slots__ = ("_end", "_error", "_rest", "longest")

    def __init__(self, longest: int) -> None:
        #: Bytes of the longest body that is accepted; who expects longer ones sets it before the first.
        self.longest = longest
        self._rest = b""
        self._end = 0
        self._error: RemoteProtocolError | None = None

    def receive_data(self, data: Buffer) -> list[Message]:
        """Take a chunk and return the messages it completes, perhaps none.

        Raises :class:`RemoteProtocolError`; messages before the bad one in the same chunk are then lost.
        """
        received, end = self._with_rest(data), 0
        messages: list[Message] = []
        while (message := self._next(received, end)) is not None:
            messages.append(message)
            end = self._end
            if end == len(received):
                break
        self._rest = received[end:]
        return messages

    def receive_one(self, data: Buffer = b"") -> Message | None:
        """Take a chunk and return only the first complete message, or None if there is none yet.

        What follows the message stays here: for the next call, or for :meth:`leftover`, as the first message
        on a work connection is followed by bytes that are no messages. Raises :class:`RemoteProtocolError`.
        """
        received = self._with_rest(data)
        message = self._next(received, 0)
        self._rest = received if message is None else received[self._end :]
        return message

    def leftover(self) -> bytes:
        """Return and forget the bytes not used by any message so far."""
        rest, self._rest = self._rest, b""
        return rest

    def _with_rest(self, data: Buffer) -> bytes:
        if self._error is not None:
            raise self._error
        return self._rest + data if self._rest else bytes(data)

    def _next(self, received: bytes, start: int) -> Message | None:
        try:
            return self._parse(received, start)
        except RemoteProtocolError as error:
            self._error, self._rest = error, b""
            raise

    @abstractmethod
    def _parse(self, received: bytes, start: int) -> Message | None:
        """Return the message that begins at ``start`` and set ``_end`` behind it; None if it is not
        complete."""


class Decoder(MessageDecoder):
    """Decoder of wire protocol v1."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(MAX_BODY)

    def _parse(self, received: bytes, start: int) -> Message | None:
        available = len(received) - start
        if available == 0:
            return None
        kind = BY_TYPE_BYTE.get(received[start])
        if kind is None:
            raise RemoteProtocolError(f"unknown message type {received[start : start + 1]!r}")
        body = start + _HEADER
        if available < _HEADER:
            return None
        length = int.from_bytes(received[start + 1 : body], "big", signed=True)
        if not 0 <= length <= self.longest:
            raise RemoteProtocolError(f"{kind.__name__}: length {length} is not in 0..{self.longest}")
        if available < _HEADER + length:
            return None
        self._end = body + length
        return decode_body(kind, received[body : self._end])


def encode(message: Message) -> bytes:
    """Return the v1 frame of one message. Its length is not checked, as the reference does not either."""
    body = encode_body(message)
    return message.type_byte + len(body).to_bytes(8, "big") + body


@mypyc_attr(allow_interpreted_subclasses=True)
class CodecV1:
    """Wire protocol v1, the default of the reference."""

    name: Final = "v1"
    preamble: Final = b""
    max_frame: Final = _HEADER + MAX_BODY

    def encode(self, message: Message) -> bytes:
        """See :class:`Codec`."""
        return encode(message)

    def decoder(self) -> Decoder:
        """See :class:`Codec`."""
        return Decoder()

    def control_layer(self, token: str, *, server: bool) -> Transform:
        """AES-CFB, the same on both sides (docs/protocol/wire.md §7)."""
        return AesCfb(derive_key(token))


V1: Final[Codec] = CodecV1()
