"""A TCP (or Unix) socket as a :class:`~aiofrp.stream.base.Stream`.

A thin :class:`asyncio.Protocol`: while a receiver is attached and nothing is held, ``data_received`` only calls the
receiver's, and ``write`` *is* ``transport.write``. What a receiver raises the loop catches, and ends the connection
with it. The loop is not given the receiver's own method (``set_protocol``): uvloop would stop and restart reading.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
import sys
import traceback
from collections.abc import Callable
from functools import lru_cache
from typing import Any, cast

from aiofrp.aio import check_after
from aiofrp.errors import Closed
from aiofrp.faults import FAULTS
from aiofrp.stream.base import Buffer, Pause, drop
from aiofrp.stream.layer import UNATTACHED, LayerStream, after_fault, hand_out
from aiofrp.stream.lent import borrows, memory_of

if sys.platform == "linux":
    import fcntl
    import termios

#: Bytes that wait for the peer above which ``pause_writing`` is called, and below which ``resume_writing`` is.
HIGH_WATER, LOW_WATER = 256 * 1024, 64 * 1024
#: Seconds a closing stream may go without its peer taking a byte of what is left, before it is dropped; and the bytes
#: the peer has to take in so many of these times, because one byte each time would hold the rest for weeks.
CLOSE_STALL, CLOSE_CHECKS, CLOSE_LEAST = 10.0, 6, 16 * 1024
#: Bytes read at once, and at most, of what is left when a peer reset the connection.
_READ, _MOST_REST = 64 * 1024, 8 * 1024 * 1024
#: Bytes read at once from which the socket is read into lent memory, where the receiver borrows it and the loop fills
#: it at once: on Windows the system does so while other sockets are read.
_LEND_FROM, _LENDS = 64 * 1024, sys.platform != "win32"
#: SO_LINGER on with no time: closing sends RST, so that the peer sees an error and not an end of data.
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
#: The families of sockets that have a keep-alive.
_INTERNET = (socket.AF_INET, socket.AF_INET6)
#: Packages whose code raises the errors of the network.
_LOOPS = {"asyncio", "uvloop", "winloop"}


class TcpStream(LayerStream, asyncio.Protocol):
    """A stream over a socket's transport; the event loop creates it as the socket's protocol."""

    __slots__ = (
        "_closing",
        "_connected",
        "_eof_seen",
        "_eof_sent",
        "_peername",
        "_sock",
        "_sockname",
        "_transport",
        "write",
    )

    reports_faults = (
        True  #: what a receiver raises is logged here, see :func:`aiofrp.faults.handle_loop_error`
    )
    write: Callable[[Buffer], None]

    def __init__(
        self, connected: Callable[[TcpStream], None] | None = None, sock: socket.socket | None = None
    ) -> None:
        """``connected`` is called once with the stream when the socket is ready (the accept callback). ``sock``: the
        socket, where the caller has made it: what the loop makes for each question costs 4 µs."""
        super().__init__()
        self._connected = connected
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._closing = False
        self._eof_seen = False
        self._eof_sent = False
        self._peername: Any = None
        self._sockname: Any = None
        self._sock = sock
        self.write = drop

    # Called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called once by the event loop: the socket is connected; then ``connected`` gets the stream."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(HIGH_WATER, LOW_WATER)
        self.write = self._transport.write
        connected, self._connected = self._connected, None
        if (
            connected is not None
        ):  # asked now: the peer may be gone later; for dialled connections :meth:`info` asks
            self._peername, self._sockname = self._ask("peername"), _shared(self._ask("sockname"))
            hand_out(self, connected)

    def data_received(self, data: Buffer) -> None:
        if self._gate:
            self._hold(data)
            return
        if len(data) >= _LEND_FROM and _LENDS and borrows(self._receiver):
            self.lend()
        self._receiver.data_received(data)

    def lend(self) -> None:
        """Read into lent memory from now on."""
        self._transport.set_protocol(_Lender(self))

    def lent_received(self, data: memoryview) -> None:
        """:meth:`data_received` in memory that is used again."""
        if self._gate:
            self._hold(data)
        else:
            self._receiver.data_received(data if borrows(self._receiver) else bytes(data))

    def eof_received(self) -> bool:
        if not self._eof_seen:
            self._eof_seen = True
            self._deliver_eof()
            if self._eof_sent:
                self._shut()
        return True  # keep the writing direction open

    def connection_lost(self, exc: Exception | None) -> None:
        self.write = drop
        if exc is not None and _is_fault(exc):
            self.report_fault(exc)
            self._reset_on_close()
            exc = after_fault()
        elif exc is not None and self._reading():
            self._receive_rest()
        self._deliver_lost(exc and _closed(exc))

    def pause_writing(self) -> None:
        self._pause_writer()

    def resume_writing(self) -> None:
        self._resume_writer()

    # Stream

    def write_eof(self) -> None:
        if not self._eof_sent and not self._closing and not self._lost:
            self._eof_sent = True
            if self._eof_seen:
                self._shut()  # which ends the data, too
                return
            self.write = drop
            try:
                self._transport.write_eof()
            except (OSError, RuntimeError):  # the socket ended in this very turn; connection_lost follows
                self._transport.abort()

    def close(self) -> None:
        if self._lost:
            self._end_locally()
        else:
            self._discard_held()
            self._shut()

    def abort(self) -> None:
        self.write = drop
        if self._lost:
            self._end_locally()
        else:
            self._discard_held()
            self._reset()

    def info(self, key: str, /) -> Any:
        if key == "layers":
            return ("tcp",)
        if key == "unsent":
            return self._unsent()
        if key == "peername":
            self._peername = self._peername or self._ask(key)
            return self._peername
        if key == "sockname":
            self._sockname = self._sockname or self._ask(key)
            return self._sockname
        return self._ask(key)

    # Private

    def _ask(self, key: str) -> Any:
        """What the loop knows of the socket; ``None`` when the peer, or the socket, is gone already."""
        if self._lost:
            return None
        if key == "socket" and self._sock is not None:
            return self._sock
        try:
            return self._transport.get_extra_info(key)
        except (OSError, ValueError):  # uvloop raises ValueError for a closed socket
            return None

    def _shut(self) -> None:
        """Close the socket after what is buffered is sent; :meth:`_check_stall` gives up on a slow peer."""
        if not self._closing:
            self._closing = True
            self.write = drop
            self._transport.close()
            if self._transport.get_write_buffer_size():
                check_after(CLOSE_STALL, self._check_stall, [self._unsent()])

    def _check_stall(self, _now: float, seen: list[int]) -> None:
        """Reset a peer that takes too little. ``seen``: bytes left at the checks before, limited by CLOSE_CHECKS."""
        if self._lost:
            return
        left = self._unsent()
        slow = len(seen) >= CLOSE_CHECKS and seen[-CLOSE_CHECKS] - left < CLOSE_LEAST
        if left >= seen[-1] or slow:
            self._reset()
        else:
            check_after(CLOSE_STALL, self._check_stall, [*seen[1 - CLOSE_CHECKS :], left])

    def _unsent(self) -> int:
        """Bytes written that the peer has not acknowledged, as far as is known."""
        size = self._transport.get_write_buffer_size()
        if sys.platform == "linux":  # the kernel's count of unacknowledged bytes: tcp(7), SIOCOUTQ
            with contextlib.suppress(OSError, AttributeError):  # gone already, or not that kind of socket
                number = self._ask("socket").fileno()
                size += int.from_bytes(fcntl.ioctl(number, termios.TIOCOUTQ, bytes(4)), sys.byteorder)
        return size

    def _reset(self) -> None:
        self._closing = True
        self._reset_on_close()
        self._transport.abort()

    def _reset_on_close(self) -> None:
        with contextlib.suppress(OSError, ValueError, AttributeError):  # gone already, or no socket that can
            sock = self._ask("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)

    def _receive_rest(self) -> None:
        """Read what is left after a failed write: the peer may have sent an answer before it reset the connection."""
        if self._held and not self._gate & UNATTACHED:
            self._deliver_held(b"".join(self._held))
            self._held = None
        sock = self._ask("socket")
        for _ in range(_MOST_REST // _READ if sock is not None else 0):
            try:
                data = os.read(sock.fileno(), _READ)
            except (OSError, ValueError):  # there is no more, or it can no longer be had
                break
            if not data:
                break
            if self._gate & UNATTACHED:
                self._hold(data)
                continue
            try:  # although reading may be paused, for there is no later
                self._receiver.data_received(data)
            except FAULTS as exc:
                self.receiver_failed(exc)
                break

    def _gate_closed(self) -> None:
        if self._reading():
            self._transport.pause_reading()

    def _gate_opened(self) -> None:
        if self._reading():
            self._transport.resume_reading()

    def _reading(self) -> bool:
        return not (self._lost or self._closing or self._eof_seen)


class _Lender(asyncio.BufferedProtocol):
    """The protocol of a socket in place of its stream, once much comes that the receiver borrows: the loop reads into
    this thread's memory."""

    __slots__ = ("_memory", "_stream")

    reports_faults = True  #: see :class:`TcpStream`

    def __init__(self, stream: TcpStream) -> None:
        self._stream = stream
        self._memory = memory_of("tcp")

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._memory

    def buffer_updated(self, nbytes: int) -> None:
        self._stream.lent_received(self._memory[:nbytes])

    def eof_received(self) -> bool:
        return self._stream.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stream.connection_lost(exc)

    def pause_writing(self) -> None:
        self._stream.pause_writing()

    def resume_writing(self) -> None:
        self._stream.resume_writing()


def _is_fault(exc: Exception) -> bool:
    """Whether the loop lost the connection because code above it raised ``exc``, not the network."""
    if not isinstance(exc, OSError):
        return True
    frames = (frame for frame, _ in traceback.walk_tb(exc.__traceback__))
    return any(str(frame.f_globals.get("__name__")).partition(".")[0] not in _LOOPS for frame in frames)


def _closed(exc: Exception) -> Closed:
    """The loop's error as ours."""
    if isinstance(exc, Closed):
        return exc
    closed = Closed(f"connection lost: {exc}")
    closed.__cause__ = exc
    return closed


@lru_cache(256)
def _shared(name: Any) -> Any:
    """``name``, the local address of a connection: one object for all that have the same."""
    return name


class TcpListener:
    """A listening socket; each connection becomes a stream."""

    def __init__(self, server: asyncio.Server) -> None:
        self._server: Any = server  # uvloop's has its sockets in a list, and not in a tuple as typed

    @property
    def port(self) -> int:
        """The port number in use."""
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def address(self) -> tuple[str, int]:
        """The address in use, host and port."""
        name = self._server.sockets[0].getsockname()
        return str(name[0]), int(name[1])

    def close(self) -> None:
        """Stop accepting; connections already made are not touched."""
        self._server.close()

    async def drain(self, seconds: float) -> None:
        """Stop accepting. It does not wait ``seconds``, because other objects own the connections."""
        self.close()


def set_keepalive(stream: TcpStream, seconds: float) -> None:
    """Probe an idle peer every ``seconds``; negative turns probing off (docs/protocol/wire.md §1.1)."""
    sock = stream.info("socket")
    if sock is None or sock.family not in _INTERNET:
        return
    try:  # the loop's own object makes a socket for each call: 5 µs more
        real = socket.socket(sock.family, sock.type, sock.proto, sock.fileno())
    except (OSError, ValueError):  # the peer was faster and the socket is closed
        return
    try:
        keep_alive(real, seconds)
    finally:
        real.detach()


def keep_alive(sock: socket.socket, seconds: float) -> None:
    """:func:`set_keepalive` for a socket; on Linux the connections that a listening one accepts inherit it."""
    if sock.family not in _INTERNET:
        return
    with contextlib.suppress(OSError, ValueError):  # the peer was faster and the socket is closed
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, int(seconds >= 0))
        if seconds > 0 and hasattr(socket, "TCP_KEEPIDLE"):
            limit = min(int(seconds), 32767)  # the kernel's own maximum
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, limit)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, limit)


__all__ = [
    "CLOSE_STALL",
    "HIGH_WATER",
    "LOW_WATER",
    "Pause",
    "TcpListener",
    "TcpStream",
    "keep_alive",
    "set_keepalive",
]
