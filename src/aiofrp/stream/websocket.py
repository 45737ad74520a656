"""A websocket over any stream, which is a byte stream itself (docs/protocol/wire.md §1.3).

The first write of a loop turn is sent at once, because most layers above already gather their writes; the rest of the
turn is sent as one frame. Half-close is a close frame: the other direction continues until its own one. A carrier that
ends without a close frame is an error, never an orderly end.
"""

from __future__ import annotations

import asyncio
from typing import Any

from aiofrp.errors import Closed, RemoteProtocolError
from aiofrp.stream.base import Buffer, Pause, Stream
from aiofrp.stream.layer import LayerStream
from aiofrp.wire.websocket import WebSocketCodec

#: Bytes gathered in one loop turn before they are sent as a frame.
_FLUSH_AT = 64 * 1024
#: Up to this size header and payload leave in one write; above, two writes cost less than the copy.
_JOIN_BELOW = 32 * 1024


class WebSocketStream(LayerStream):
    """An open websocket over ``lower``, after the handshake."""

    __slots__ = (
        "_closing",
        "_eof_seen",
        "_eof_sent",
        "_gathering",
        "_lower",
        "_lower_full",
        "_out",
        "_out_size",
        "_websocket",
    )

    def __init__(self, lower: Stream, *, client: bool, early: Buffer = b"") -> None:
        """``client``: whether this side dialled. ``early``: bytes already read from ``lower``."""
        super().__init__()
        self._lower = lower
        self._lower_full = False
        self._websocket = WebSocketCodec(client=client)
        self._closing = False
        self._eof_seen = False
        self._eof_sent = False
        self._out: list[Buffer] = []  # payload of this loop turn, limited by _FLUSH_AT
        self._out_size = 0
        self._gathering = False  # this turn's first write is out
        lower.attach(self)
        if early:
            self.data_received(early)

    # Receiver of the carrier

    def data_received(self, data: Buffer, /) -> None:
        if self._lost or self._eof_seen:
            return
        try:
            payload = self._websocket.receive_data(data)
        except RemoteProtocolError as exc:
            if before := self._websocket.before:
                self._deliver(before)
            self._answer()
            self._fail(exc)
            return
        if not self._lower_full:
            self._answer()
        if payload:
            self._deliver(payload)
        if self._websocket.peer_close is not None and not self._lost:
            self._peer_closed()

    def eof_received(self) -> None:
        if self._eof_seen or self._lost:
            self._lower.close()
        else:
            self._fail(_cut_short())

    def connection_lost(self, exc: Exception | None, /) -> None:
        self._out.clear()
        if exc is None and not self._eof_seen:
            exc = _cut_short()
        self._deliver_lost(exc)

    def pause_writing(self) -> None:
        self._lower_full = True
        self._pause_writer()

    def resume_writing(self) -> None:
        self._lower_full = False
        self._answer()
        self._resume_writer()

    # Stream

    def write(self, data: Buffer, /) -> None:
        if self._eof_sent or self._closing or self._lost or not data:
            return
        if not self._gathering:
            self._gathering = True
            asyncio.get_running_loop().call_soon(self._end_turn)
            self._send(data)
            return
        self._out.append(data)
        self._out_size += len(data)
        if self._out_size >= _FLUSH_AT:
            self._flush()

    def write_eof(self) -> None:
        if not self._eof_sent and not self._closing and not self._lost:
            self._flush()
            self._eof_sent = True
            self._lower.write(self._websocket.close())
            if self._eof_seen:
                self._lower.close()

    def close(self) -> None:
        if not self._closing:
            self.write_eof()
            self._closing = True
            self._lower.close()
        self._end_locally()

    def abort(self) -> None:
        self._closing = True
        self._out.clear()
        self._end_locally()
        self._lower.abort()

    def info(self, key: str, /) -> Any:
        below = self._lower.info(key)
        return ("websocket", *below) if key == "layers" else below

    # Private: receiving

    def _peer_closed(self) -> None:
        close = self._websocket.peer_close
        assert close is not None
        if not close.orderly:
            self._fail(
                Closed(f"the peer closed the websocket with status {close.status} {close.reason}".rstrip())
            )
            return
        self._eof_seen = True
        self._deliver_eof()
        if self._eof_sent:
            self._lower.close()

    def _gate_closed(self) -> None:
        self._lower.pause_reading(Pause.PEER)

    def _gate_opened(self) -> None:
        self._lower.resume_reading(Pause.PEER)

    # Private: sending

    def _end_turn(self) -> None:
        self._gathering = False
        if self._out:
            self._flush()

    def _flush(self) -> None:
        if self._out and not self._lost:
            out, self._out, self._out_size = self._out, [], 0
            self._send(out[0] if len(out) == 1 else b"".join(out))

    def _send(self, data: Buffer) -> None:
        header, payload = self._websocket.frame(data)
        if len(payload) < _JOIN_BELOW:
            self._lower.write(header + payload)
        else:
            self._lower.write(header)
            self._lower.write(payload)

    def _answer(self) -> None:
        """Send answers of the protocol itself: pongs, and the close frame after an error."""
        if answer := self._websocket.data_to_send():
            self._lower.write(answer)

    def _fail(self, exc: Exception) -> None:
        self._closing = True
        self._deliver_lost(exc)
        self._lower.close()


def _cut_short() -> Closed:
    return Closed("the connection ended without a websocket close frame")


__all__ = ["WebSocketStream"]
