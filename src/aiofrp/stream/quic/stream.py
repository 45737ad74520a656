"""One stream of a QUIC connection
(docs/protocol/wire.md §5); the connection is a :class:`~aiofrp.stream.quic.session.QuicSession`."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from aiofrp.errors import Closed
from aiofrp.stream.base import Buffer
from aiofrp.stream.layer import ENDED, LayerStream
from aiofrp.stream.stall import Account, Holding
from aiofrp.stream.udp.socket import Address

#: Bytes of one stream that no packet has carried yet at which its writer is paused, and resumed.
HIGH_WATER, LOW_WATER = 512 * 1024, 128 * 1024


class StreamOwner(Protocol):
    """The methods of a connection that its streams use."""

    receivers: Account  #: bytes held for receivers that do not take them

    @property
    def peername(self) -> Address:
        """The peer's address."""

    @property
    def sockname(self) -> Address:
        """The local address."""

    def send(self, stream: QuicStream, data: Buffer, end: bool = False) -> bool:
        """Queue bytes of ``stream``; returns False when the stream takes none any more."""

    def unsent(self, stream: QuicStream) -> int:
        """Bytes of ``stream`` that no packet has carried yet."""

    def wait(self, stream: QuicStream) -> None:
        """Resume the writer of ``stream`` when :data:`LOW_WATER` is reached."""

    def end_stream(self, stream: QuicStream, *, reset: bool, stop: bool = True) -> None:
        """Send RESET_STREAM for ``stream`` if ``reset``, and STOP_SENDING if ``stop``."""

    def forget(self, stream: QuicStream) -> None:
        """``stream`` has ended in both directions."""

    def held_changed(self, stream: QuicStream, size: int) -> None:
        """``size`` bytes more of ``stream`` are held for its receiver, or less when negative."""


class QuicStream(LayerStream):
    """One stream of a connection."""

    __slots__ = (
        "_closed",
        "_eof_seen",
        "_eof_sent",
        "_holding",
        "_session",
        "_stopped",
        "_unsent",
        "dead",
        "id",
        "received",
    )

    def __init__(self, session: StreamOwner, stream_id: int) -> None:
        super().__init__()
        self.id = stream_id
        self.dead = False
        self.received = 0  #: bytes in all
        self._session = session
        self._holding: Holding | None = None  # for a receiver that takes nothing, made when first needed
        self._unsent = 0  # at most so much no packet has carried yet
        self._eof_seen = self._eof_sent = False
        self._stopped = False  # the peer does not read any more
        self._closed = False

    def __repr__(self) -> str:
        return f"<QuicStream {self.id} dead={self.dead} eof={self._eof_sent}/{self._eof_seen}>"

    @property
    def held(self) -> int:
        """Bytes held for a receiver that does not take them."""
        return self._holding.size if self._holding is not None else 0

    # Stream

    def write(self, data: Buffer, /) -> None:
        if self.dead or self._eof_sent or self._stopped or not data:
            return
        session = self._session
        if not session.send(self, data):
            self._stopped = True
            return
        self._unsent += len(data)
        if self._unsent > HIGH_WATER:
            self._unsent = session.unsent(self)
            if self._unsent > HIGH_WATER:
                session.wait(self)
                self._pause_writer()

    def write_eof(self) -> None:
        if not self.dead and not self._eof_sent:
            self._eof_sent = True
            if not self._stopped:
                self._session.send(self, b"", end=True)
            if self._eof_seen:
                asyncio.get_running_loop().call_soon(self._finish_both)

    def close(self) -> None:
        """End both directions with the frames of the reference: STOP_SENDING and FIN (docs/protocol/wire.md §5)."""
        if not self._closed:
            self._closed = True
            self._discard_held()
            self.write_eof()
            if not self.dead and not self._eof_seen:
                self._session.end_stream(self, reset=False)
            self._forget()
        self._end_locally()

    def abort(self) -> None:
        self._closed = True
        if not self.dead:
            self._session.end_stream(self, reset=True)
            self._forget()
        self._end_locally()

    def info(self, key: str, /) -> Any:
        if key == "layers":
            return ("quic",)
        if key == "carrier":
            return self._session
        return {"peername": self._session.peername, "sockname": self._session.sockname}.get(key)

    # For the session

    def receive(self, data: bytes, end: bool) -> None:
        """``data`` was received, in order; ``end``: with FIN."""
        if data and not self._eof_seen:
            self.received += len(data)
            self._deliver(data)
        if end and not self._eof_seen and not self.dead:
            self._eof_seen = True
            self._deliver_eof()
            if self._eof_sent:
                self._finish_both()

    def reset_received(self) -> None:
        """The peer sent RESET_STREAM."""
        self.drop(Closed("the peer reset the stream"), stop=False)

    def stop_received(self) -> None:
        """The peer sent STOP_SENDING: bytes written from now on are dropped."""
        self._stopped = True
        self.resume()

    def session_lost(self, exc: Exception | None) -> None:
        """The connection has ended: an error for the stream, unless both directions have ended."""
        if not self.dead:
            self.dead = True
            self._deliver_lost(exc or Closed("the QUIC connection was closed"))

    def resume(self) -> None:
        """The unsent bytes are at or below :data:`LOW_WATER`: resume the writer."""
        self._unsent = 0
        self._resume_writer()

    def drop(self, exc: Exception, *, stop: bool = True) -> None:
        """End the stream with an error, here and at the peer; ``stop``: the peer may still be sending."""
        if not self.dead:
            self._session.end_stream(self, reset=True, stop=stop)
            self._forget()
            self._discard_held()
            self._deliver_lost(exc)

    # Private

    def _finish_both(self) -> None:
        if not self.dead:
            self._forget()
            self._deliver_lost(None)

    def _forget(self) -> None:
        self.dead = True
        self._session.forget(self)
        if not self.held:
            self._holding = None

    def _held_changed(self, size: int) -> None:
        holding = self._holding
        if holding is None:
            self._holding = holding = Holding(self._session.receivers, self._stalled)
        holding.changed(size)
        self._session.held_changed(self, size)
        if self.dead and not holding.size:
            self._holding = None

    def _stalled(self, exc: Closed) -> None:
        """Nobody takes what is held, and the connection needs the memory."""
        if not self.dead:
            self.drop(exc)
        elif not self._gate & ENDED:
            self._cut_off(exc)
