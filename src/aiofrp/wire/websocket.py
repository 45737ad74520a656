"""WebSocket frames (RFC 6455 §5) around a plain stream of bytes (docs/protocol/wire.md §1.3).

Message boundaries and the kind of a message (text or binary) are ignored: payload is returned as it arrives, also from
frames that are not complete yet. A close frame ends one direction; the other may go on. The handshake before the first
frame is in :mod:`aiofrp.wire.dial.upgrade`. Written by hand: ``websockets`` delivers whole
messages only and ``wsproto`` masks in Python; the compiled masking of ``websockets`` is used.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final, TypeAlias, cast

from aiofrp.errors import RemoteProtocolError

NORMAL: Final = 1000
"""Status of a close frame for a normal end (RFC 6455 §7.4.1)."""

Buffer: TypeAlias = bytes | memoryview

_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0, 1, 2, 8, 9, 10
_FIN, _OPCODE, _MASKED, _LENGTH = 0x80, 0x0F, 0x80, 0x7F
_WHOLE: Final = _FIN | _BINARY
_LONGEST_CONTROL: Final = 125
_PROTOCOL_ERROR, _INVALID_TEXT = 1002, 1007
_ORDERLY: Final = (NORMAL, 1001, 1005)  # going away; no status in the frame
_STATUSES: Final = frozenset((*range(1000, 1004), *range(1007, 1015)))  # RFC 6455 §7.4.1 and its registry
_COPY_BELOW: Final = 4096  # a small slice costs less than a view, and keeps no large chunk alive
_MASKS_AT_ONCE: Final = 64  # one system call costs as much as drawing them all
_MOST_PONGS: Final = 16  # answers that wait to be sent; older ones give way (RFC 6455 §5.5.3)


@cache
def _masking() -> Callable[[Buffer, Buffer], bytes]:
    """The function that masks bytes with a key of four (RFC 6455 §5.3), loaded with the first frame."""
    try:
        from websockets.speedups import apply_mask
    except ImportError:  # a platform without a compiled wheel: the same function, some hundred times slower
        from websockets.utils import apply_mask
    return cast("Callable[[Buffer, Buffer], bytes]", apply_mask)


@dataclass(frozen=True, slots=True)
class Close:
    """A close frame: its status, 1005 where it had none, and its reason."""

    status: int
    reason: str = ""

    @property
    def orderly(self) -> bool:
        """Whether the peer ended its direction normally (status 1000, 1001 or none)."""
        return self.status in _ORDERLY


class WebSocketCodec:
    """One side of an open websocket.

    Holds at most one incomplete control frame and the pongs not sent yet. After an error, and after the peer's close
    frame, everything received is ignored.
    """

    __slots__ = (
        "_client",
        "_closed",
        "_fragmented",
        "_left",
        "_mask",
        "_masks",
        "_peer_masks",
        "_pongs",
        "_refusal",
        "_rest",
        "_shortest",
        "before",
        "peer_close",
    )

    def __init__(self, *, client: bool) -> None:
        """``client``: whether this is the side that dialled; it masks what it sends (RFC 6455 §5.1)."""
        self._client = client
        self._peer_masks = 0 if client else _MASKED
        self._shortest = 2 if client else 6  # bytes of the shortest header of a frame
        self._masks: list[bytes] = []  # for the next frames; limited by _MASKS_AT_ONCE
        self._rest = b""  # an incomplete header, or control frame; at most 139 bytes
        self._left = 0  # bytes of the present data frame that are still to come
        self._mask = b""  # to apply to them; empty on a client
        self._fragmented = False  # the present message goes on in another frame
        self._pongs: list[bytes] = []  # limited by _MOST_PONGS
        self._closed = False  # our close frame is out
        self._refusal = 0  # the status of our close frame after a protocol error of the peer; 0: none
        self.peer_close: Close | None = None
        self.before = b""  #: payload before the protocol error in the same chunk

    def __repr__(self) -> str:
        side = "client" if self._client else "server"
        return f"<WebSocketCodec {side} left={self._left} closed={self._closed} peer_close={self.peer_close}>"

    # Receiving

    def receive_data(self, data: Buffer) -> Buffer:
        """The payload in ``data``, perhaps none; a view onto ``data`` where that saves a copy.

        Read :attr:`peer_close` and send :meth:`data_to_send` after each call, also when it raises
        :class:`RemoteProtocolError`: then a close frame is to be sent, and :attr:`before` has the payload that came
        before the error in the same chunk.
        """
        if self.peer_close is not None or self._refusal:
            return b""
        payload: list[Buffer] = []
        try:
            self._parse(self._rest + data if self._rest else data, payload)
        except RemoteProtocolError:
            self.before = b"".join(payload)
            raise
        if len(payload) == 1:
            return payload[0]
        return b"".join(payload)

    def _parse(self, data: Buffer, payload: list[Buffer]) -> None:
        at, size = 0, len(data)
        if self._left:
            at = self._take(data, 0, self._left, payload)
        while size - at >= 2 and self.peer_close is None:
            first, second = data[at], data[at + 1]
            if first != _WHOLE or second & _MASKED != self._peer_masks or self._fragmented:
                self._check(first, second)
            length = second & _LENGTH
            start = at + self._shortest
            if length >= 126:
                start += 2 if length == 126 else 8
            if start > size:
                break
            if length >= 126:
                length = self._extended_length(data, at + 2, length)
            if first & _OPCODE >= _CLOSE:
                if start + length > size:
                    break
                self._control(first & _OPCODE, self._unmask(data, start, length))
                at = start + length
                continue
            self._fragmented = first < _FIN
            if self._peer_masks:
                self._mask = bytes(data[start - 4 : start])
            at = self._take(data, start, length, payload)
        self._rest = b"" if self.peer_close else bytes(data[at:])

    def _check(self, first: int, second: int) -> None:
        """Check the first two bytes of a frame; raises :class:`RemoteProtocolError`."""
        opcode = first & _OPCODE
        if first & 0x70:
            raise self._violation("reserved bits are set and no extension was agreed")
        if second & _MASKED != self._peer_masks:
            who = "client are" if self._peer_masks else "server are not"
            raise self._violation(f"frames of a {who} masked")
        if opcode > _PONG or _BINARY < opcode < _CLOSE:
            raise self._violation(f"unknown opcode {opcode}")
        if opcode >= _CLOSE:
            if second & _LENGTH > _LONGEST_CONTROL or not first & _FIN:
                raise self._violation("a control frame is in fragments or longer than 125 bytes")
        elif self._fragmented is not (opcode == _CONTINUATION):
            raise self._violation("a new message within another" if opcode else "nothing to continue")

    def _extended_length(self, data: Buffer, at: int, code: int) -> int:
        if code == 126:
            return int.from_bytes(data[at : at + 2], "big")
        length = int.from_bytes(data[at : at + 8], "big")
        if length >> 63:
            raise self._violation("a frame of 2**63 bytes or more")
        return length

    def _take(self, data: Buffer, start: int, length: int, payload: list[Buffer]) -> int:
        """Append the received part of a data frame's payload to ``payload``; returns the index behind it."""
        end, size = start + length, len(data)
        self._left = 0
        if end > size:
            self._left, end = end - size, size
        if end > start:
            part = data[start:end] if end - start < _COPY_BELOW else memoryview(data)[start:end]
            if self._peer_masks:
                part = _masking()(part, self._mask)
                if self._left:
                    turn = (end - start) & 3
                    self._mask = self._mask[turn:] + self._mask[:turn]
            payload.append(part)
        return end

    def _unmask(self, data: Buffer, start: int, length: int) -> bytes:
        content = bytes(data[start : start + length])
        return _masking()(content, bytes(data[start - 4 : start])) if self._peer_masks else content

    def _control(self, opcode: int, content: bytes) -> None:
        if opcode == _CLOSE:
            self.peer_close = self._read_close(content)
        elif opcode == _PING:
            self._pongs.append(content)
            del self._pongs[:-_MOST_PONGS]

    def _read_close(self, content: bytes) -> Close:
        if not content:
            return Close(1005)
        status = int.from_bytes(content[:2], "big")
        if len(content) < 2 or not (status in _STATUSES or 3000 <= status <= 4999):
            raise self._violation("a close frame without a valid status")
        try:
            return Close(status, content[2:].decode())
        except UnicodeDecodeError:
            raise self._violation("a close frame whose reason is no text", _INVALID_TEXT) from None

    def _violation(self, text: str, status: int = _PROTOCOL_ERROR) -> RemoteProtocolError:
        self._refusal = status
        return RemoteProtocolError(f"websocket: {text}")

    # Sending

    def frame(self, data: Buffer) -> tuple[bytes, Buffer]:
        """Header and payload of one binary frame around ``data``."""
        return self._frame(_BINARY, data)

    def close(self, status: int = NORMAL) -> bytes:
        """A close frame; nothing for the second one. No frame may follow it."""
        if self._closed:
            return b""
        self._closed = True
        self._pongs.clear()
        return b"".join(self._frame(_CLOSE, status.to_bytes(2, "big")))

    def data_to_send(self) -> bytes:
        """Answers to what was received: pongs, and the close frame for a peer that broke the rules."""
        if not self._pongs and not self._refusal:
            return b""
        pongs, self._pongs = self._pongs, []
        answer = b"" if self._closed else b"".join(b"".join(self._frame(_PONG, content)) for content in pongs)
        return answer + self.close(self._refusal) if self._refusal else answer

    def _frame(self, opcode: int, data: Buffer) -> tuple[bytes, Buffer]:
        size, masked = len(data), _MASKED if self._client else 0
        if size < 126:
            header = bytes((_FIN | opcode, masked | size))
        elif size < 65536:
            header = struct.pack(">BBH", _FIN | opcode, masked | 126, size)
        else:
            header = struct.pack(">BBQ", _FIN | opcode, masked | 127, size)
        if not masked:
            return header, data
        mask = self._next_mask()
        return header + mask, _masking()(data, mask)

    def _next_mask(self) -> bytes:
        """The mask of the next frame: 4 random bytes, so that no user chooses the wire's bytes (RFC 6455 §10.3)."""
        if not self._masks:
            noise = os.urandom(4 * _MASKS_AT_ONCE)
            self._masks = [noise[at : at + 4] for at in range(0, len(noise), 4)]
        return self._masks.pop()
