"""A ``forwarded-tcpip`` channel as a stream (RFC 4254 §5, §7.2).

Flow control works in both directions: the window that the client gave limits what is sent, and the window that it has
here grows with what its receiver took, within the account of the connection (:mod:`aiofrp.stream.stall`). Each chunk is
one call; there is no task and no future. Packets, turns and the table of channels are the connection's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Protocol

from aiofrp.errors import Closed, RemoteProtocolError
from aiofrp.faults import FAULTS
from aiofrp.server.ssh.protocol import fields as ssh
from aiofrp.server.ssh.protocol.fields import string, uint32
from aiofrp.stream.base import Buffer, nothing
from aiofrp.stream.layer import ENDED
from aiofrp.stream.windowed import QUEUE_LOW, WindowedCarrier, WindowedStream

#: Bytes a client may send on a new channel, and bytes to which its window grows while its receiver takes them.
FIRST_WINDOW, MAX_WINDOW = 256 * 1024, 2 * 1024 * 1024
#: Bytes of data in one packet that a client may send, and that we send at most.
MAX_PACKET = 64 * 1024
_OPEN = bytes((ssh.CHANNEL_OPEN,)) + string("forwarded-tcpip")
_EOF, _CLOSE = bytes((ssh.CHANNEL_EOF,)), bytes((ssh.CHANNEL_CLOSE,))
_OFFER = uint32(FIRST_WINDOW) + uint32(MAX_PACKET)


@lru_cache
def _target(where: tuple[str, int]) -> bytes:
    """Host and port of a ``-R``, encoded."""
    return string(where[0]) + uint32(where[1])


class ChannelCarrier(WindowedCarrier, Protocol):
    """The methods of a connection that its channels use."""

    bytes_out: int  #: data that was written to channels

    def send(self, *parts: Buffer) -> None:
        """Send one message, also while :meth:`may_write` is false."""

    def info(self, key: str) -> Any:
        """A fact about the connection."""


class ForwardedChannel(WindowedStream[ChannelCarrier]):
    """One channel. It may be written to before :meth:`open`; everything waits for the client's confirmation. The
    connection sets :attr:`number` when it opens it."""

    __slots__ = (
        "_answered",
        "_close_seen",
        "_close_sent",
        "_closing",
        "_data_head",
        "_eof_queued",
        "_eof_seen",
        "_eof_sent",
        "_packet",
        "_peer",
        "number",
    )

    FIRST_WINDOW = FIRST_WINDOW
    LARGEST_WINDOW = MAX_WINDOW

    def __init__(self, carrier: ChannelCarrier, answered: Callable[[], None] = nothing) -> None:
        """``answered`` is called once when the client confirms or refuses the channel, unless its connection ends
        before."""
        super().__init__(carrier, 0, opened=False)
        self._answered = answered
        self.number = -1  #: of the channel on our side, once it is opened
        self._peer = b""  # the channel's number on the client's side, encoded
        self._data_head = b""
        self._packet = 0
        self._eof_queued = self._eof_sent = self._eof_seen = False
        self._closing = self._close_sent = self._close_seen = False

    def __repr__(self) -> str:
        return (
            f"<ForwardedChannel {self.number} dead={self.dead} eof={self._eof_sent}/{self._eof_seen} "
            f"close={self._close_sent}/{self._close_seen} window={self._send_window} queued={self._queued}>"
        )

    # Opening

    def open(self, where: tuple[str, int], origin: tuple[str, int]) -> None:
        """Ask the client for a connection. ``where``: host and port as its ``-R`` gave them; ``origin``: the user."""
        number, port = self.number.to_bytes(4, "big"), origin[1].to_bytes(4, "big")
        self._carrier.send(b"".join((_OPEN, number, _OFFER, _target(where), string(origin[0]), port)))

    def opened(self, peer: int, window: int, packet: int) -> None:
        """The client confirmed: its number of the channel, its window and its longest packet, in bytes."""
        if self._is_open or self.dead:
            raise RemoteProtocolError(f"SSH: channel {self.number} is confirmed twice")
        if not packet:
            raise RemoteProtocolError(f"SSH: channel {self.number} may have no packets")
        self._is_open = True
        self._answered()
        self._peer = uint32(peer)
        self._data_head = bytes((ssh.CHANNEL_DATA,)) + self._peer
        self._packet = min(packet, MAX_PACKET)
        self._send_window = window
        if (self._queued or self._eof_queued) and not (
            self._carrier.may_write() and not self.send_turn(MAX_PACKET)
        ):
            self._carrier.queue(self)

    def refused(self, reason: str) -> None:
        """The client refused the channel: it could not reach its service."""
        if self._is_open:
            raise RemoteProtocolError(f"SSH: channel {self.number} is refused after its confirmation")
        self._answered()
        self._close_sent = self._close_seen = True
        self._die(Closed(f"the SSH client refused the connection: {reason}"))

    # Stream: sending

    def write(self, data: Buffer, /) -> None:
        size = len(data)
        self._carrier.bytes_out += size
        if self._queued or not self._direct():
            if size and not (self._eof_queued or self.dead or self._close_seen):
                self._enqueue(data, size)
        elif 0 < size <= self._send_window and size <= self._packet:
            self._send_window -= size
            self._carrier.send(self._data_head, uint32(size), data)
        else:
            self._write_large(data, size)

    def write_eof(self) -> None:
        if not self._eof_queued:
            self._eof_queued = True
            if not self._queued:
                self._send_eof()

    def close(self) -> None:
        if self.dead:
            self._end_locally()
        elif not self._closing:
            self._closing = True
            self._discard_held()
            if not self._eof_queued:
                self.write_eof()
            if self._eof_sent or self._close_seen:
                self._send_close()
            self._end_locally()

    def abort(self) -> None:
        """Drop what is queued and send CLOSE. SSH has no reset, so the client sees an orderly end."""
        self._closing = self._eof_queued = True
        self._drop_queue()
        self._discard_held()
        self._send_close()
        self._end_locally()

    def info(self, key: str, /) -> Any:
        below = self._carrier.info(key)
        return ("ssh", *(below or ())) if key == "layers" else below

    # For the connection: receiving

    def receive(self, payload: Buffer) -> None:
        """The data of one message."""
        size = len(payload)
        self._receive_window -= size
        if self._receive_window < 0:
            raise RemoteProtocolError(f"SSH: channel {self.number} got {size} bytes beyond its window")
        if self._eof_seen or not size or self._closing:
            return
        if self._gate:
            self._hold(payload)
            return
        try:
            self._receiver.data_received(payload)
        except FAULTS as exc:
            self.receiver_failed(exc)
        else:
            self._consumed(size)

    def eof_seen(self) -> None:
        """The client ended its direction."""
        if not self._eof_seen and not self.dead:
            self._eof_seen = True
            self._give_back_window()
            self._deliver_eof()
            self._check_finished()

    def close_seen(self) -> None:
        """The client closed the channel. Go's clients send nothing else before, so it is an orderly end."""
        if self._close_seen:
            raise RemoteProtocolError(f"SSH: channel {self.number} is closed twice")
        self._close_seen = True
        lost = self._queued
        if lost:
            self._drop_queue()
        if not self._eof_seen:
            self.eof_seen()
        self._send_close()
        self._die(Closed("the SSH client closed the channel") if lost else None)

    def add_window(self, credit: int) -> None:
        """The client takes ``credit`` bytes more."""
        self._send_window += credit
        if self._send_window > ssh.MOST:
            raise RemoteProtocolError(f"SSH: the window of channel {self.number} overflows")
        if self._queued and self._is_open:
            self._carrier.queue(self)

    def connection_ended(self, exc: Exception | None) -> None:
        """The connection has ended: an error for the stream, unless both directions have ended."""
        finished = self._closing or (self._eof_seen and self._eof_sent)
        self._die(None if finished else exc or Closed("the SSH connection was closed"))

    # For the connection: sending

    def send_turn(self, quantum: int) -> bool:
        while self._queue and self._send_window and quantum > 0 and self._carrier.may_write():
            chunk = self._next_chunk(min(self._send_window, self._packet))
            size = len(chunk)
            quantum -= size
            self._carrier.send(self._data_head, uint32(size), chunk)
        if self._queued <= QUEUE_LOW:
            self._resume_writer()
        if self._queued:
            return self._send_window > 0
        if self._eof_queued and not self._eof_sent:
            self._send_eof()
        return False

    def refuse_request(self) -> None:
        """Answer a request on this channel: there are none."""
        if self._is_open and not self._close_sent:
            self._carrier.send(bytes((ssh.CHANNEL_FAILURE,)), self._peer)

    # Private: sending

    def _direct(self) -> bool:
        return self._is_open and self._carrier.may_write() and not (self._eof_queued or self._close_seen)

    def _write_large(self, data: Buffer, size: int) -> None:
        """Send packets of ``data`` while window and connection allow; queue the rest."""
        view, at = memoryview(data), 0
        while at < size and self._send_window and self._carrier.may_write():
            stop = min(size, at + self._packet, at + self._send_window)
            self._send_window -= stop - at
            self._carrier.send(self._data_head, uint32(stop - at), view[at:stop])
            at = stop
        if at < size:
            self._enqueue(view[at:], size - at)

    def _send_eof(self) -> None:
        if self._is_open and not (self._eof_sent or self._close_sent):
            self._eof_sent = True
            self._carrier.send(_EOF + self._peer)
            if self._closing:
                self._send_close()
            elif self._eof_seen:
                asyncio.get_running_loop().call_soon(self._check_finished)

    def _send_close(self) -> None:
        """Send CLOSE once; a channel that the client does not know yet waits for its confirmation."""
        if self._is_open and not (self._close_sent or self.dead):
            self._close_sent = True
            if self._window:
                self._give_back_window()  # no credit may follow a CLOSE
            self._carrier.send(_CLOSE + self._peer)
        if self._close_sent and self._close_seen:
            self._forget()

    # Private: the end

    def _check_finished(self) -> None:
        """Both directions have ended: close. The stream ends now, the channel with the client's CLOSE."""
        if self._eof_seen and self._eof_sent and not (self._close_sent or self.dead):
            self._send_close()
            self._deliver_lost(None)

    def _die(self, exc: Exception | None) -> None:
        self._drop_queue()
        if not self.dead:
            self._forget()
        if exc is not None:
            self._discard_held()
        self._deliver_lost(exc)

    def _forget(self) -> None:
        if not self.dead:
            self.dead = True
            if self._window:
                self._give_back_window()
            self._carrier.forget(self)
            self._waiting = None

    def _send_credit(self, credit: int) -> None:
        self._carrier.send(bytes((ssh.CHANNEL_WINDOW_ADJUST,)), self._peer, uint32(credit))

    def _stalled(self, exc: Closed) -> None:
        """Close the channel: what it holds or queues is not taken, and the connection holds too much."""
        if not self._gate & ENDED:
            self._cut_off(exc)
        self.abort()
