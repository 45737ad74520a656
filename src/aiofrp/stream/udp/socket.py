"""A UDP socket that moves datagrams in batches.

On Linux the kernel cuts one large piece into datagrams and joins what arrives together (UDP_SEGMENT, UDP_GRO): a system
call per datagram would cost several times the rest of the work. Elsewhere, and where a path refuses, datagrams go
one by one. Nothing waits: what the kernel does not take is lost, which is what protocols over UDP are for.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import struct
import sys
from collections.abc import Callable
from typing import Any, TypeAlias

from aiofrp import faults
from aiofrp.stream.udp.readable import Watch

#: Bytes asked for in the kernel's buffers, each way (docs/protocol/wire.md §4).
SOCKET_BUFFER = 4 * 1024 * 1024
#: Bytes of the largest datagram that is received (docs/protocol/wire.md §4).
MAX_DATAGRAM = 1500
#: Reads of one wake-up, so that others get their turn.
_READS = 16
#: Bytes and datagrams of one piece the kernel cuts up (UDP_MAX_SEGMENTS in include/linux/udp.h).
_PIECE, _PIECE_COUNT = 65_000, 64
_SOL_UDP, _UDP_SEGMENT, _UDP_GRO = 17, 103, 104
_CMSG_SPACE = 64
#: What the kernel says where a path or device cannot cut.
_CANNOT_CUT = {errno.EINVAL, errno.EIO, errno.EMSGSIZE, errno.ENOPROTOOPT, errno.EOPNOTSUPP}

Address: TypeAlias = Any
"""A socket address: (host, port) or (host, port, flow, scope); ``None`` on a connected socket."""

Piece: TypeAlias = tuple[bytes, int, Address]
"""What one read gave: bytes, the length of each datagram in them (the last may be shorter), the sender."""


def address_shown(address: Address) -> str:
    """An address of a socket as ``host:port``."""
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class UdpSocket:
    """A bound or connected, non-blocking UDP socket, which it owns.

    ``received`` is called with what one wake-up read; ``refused`` when the peer of a connected socket is not there.
    """

    __slots__ = ("_cuts", "_joins", "_loop", "_received", "_refused", "_socket", "_watch")

    def __init__(
        self,
        sock: socket.socket,
        received: Callable[[list[Piece]], None],
        refused: Callable[[OSError], None],
    ) -> None:
        self._socket = sock
        self._received = received
        self._refused = refused
        self._loop = asyncio.get_running_loop()
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            with contextlib.suppress(OSError):  # as much as the system allows
                sock.setsockopt(socket.SOL_SOCKET, option, SOCKET_BUFFER)
        self._cuts = sys.platform == "linux"
        self._joins = self._cuts and _set_option(sock, _UDP_GRO)
        self._watch = Watch(sock, self.poll)

    @property
    def name(self) -> Address:
        """The local address."""
        return self._socket.getsockname()

    def close(self) -> None:
        """Close the socket; idempotent."""
        if self._socket.fileno() >= 0:
            self._watch.end()
            self._socket.close()

    def poll(self) -> None:
        """Read what is there; called by the loop, and by owners before they conclude anything from silence."""
        pieces: list[Piece] = []
        try:
            for _ in range(_READS):
                pieces.append(self._read())
        except (BlockingIOError, InterruptedError):
            pass
        except ConnectionRefusedError as exc:
            self._watch.renew()
            self._refused(exc)
        except OSError:  # an ICMP error about an earlier datagram, or the socket is closed
            self._watch.renew()
        if pieces:  # also for a session that only wanted to know: a fault of another one is none of its
            faults.call("datagrams could not be processed", self._received, pieces)

    def _read(self) -> Piece:
        if not self._joins:
            data, address = self._socket.recvfrom(MAX_DATAGRAM)
            return data, len(data) or 1, address
        data, control, _, address = self._socket.recvmsg(65_535, _CMSG_SPACE)
        if control and control[0][1] == _UDP_GRO:
            return data, int.from_bytes(control[0][2][:2], sys.byteorder), address
        return data, len(data) or 1, address

    def send(self, datagrams: list[bytes], address: Address = None) -> None:
        """Send ``datagrams`` in order, to ``address`` or the connected peer."""
        try:
            if len(datagrams) == 1 or not self._cuts:
                self._send_each(datagrams, address)
            else:
                self._send_pieces(datagrams, address)
        except (BlockingIOError, InterruptedError):
            pass
        except ConnectionRefusedError as exc:
            self._watch.renew()
            self._loop.call_soon(self._refused, exc)
        except OSError:  # no route now, a full device: as good as lost on the way
            self._watch.renew()

    def _send_each(self, datagrams: list[bytes], address: Address) -> None:
        if address is None:
            for datagram in datagrams:
                self._socket.send(datagram)
        else:
            for datagram in datagrams:
                self._socket.sendto(datagram, address)

    def _send_pieces(self, datagrams: list[bytes], address: Address) -> None:
        """Hand runs of equal length, each perhaps with one shorter at its end, to the kernel at once."""
        sizes = list(map(len, datagrams))
        at, count = 0, len(datagrams)
        while at < count:
            size = sizes[at]
            end = at + _run(sizes[at : at + min(_PIECE_COUNT, _PIECE // size)])
            if end - at == 1:
                self._send_each(datagrams[at:end], address)
            elif not self._send_cut(datagrams[at:end], size, address):
                self._send_each(datagrams[at:], address)
                return
            at = end

    def _send_cut(self, datagrams: list[bytes], size: int, address: Address) -> bool:
        """Send a run as one piece; False when this path cannot."""
        control = [(_SOL_UDP, _UDP_SEGMENT, struct.pack("H", size))]
        try:
            if address is None:
                self._socket.sendmsg(datagrams, control)
            else:
                self._socket.sendmsg(datagrams, control, 0, address)
        except OSError as exc:
            if exc.errno not in _CANNOT_CUT:
                raise
            self._cuts = False
        return self._cuts


def _run(sizes: list[int]) -> int:
    """How many of the first ``sizes`` are equal, and one more if it is smaller."""
    size, count = sizes[0], len(sizes)
    equal = sizes.count(size)  # nearly always all, or all but the last: no loop over them then
    if equal < count - 1 or (equal == count - 1 and sizes[-1] == size):
        equal = 1
        while sizes[equal] == size:
            equal += 1
    return equal + (equal < count and sizes[equal] < size)


def _set_option(sock: socket.socket, option: int) -> bool:
    try:
        sock.setsockopt(_SOL_UDP, option, 1)
    except OSError:
        return False
    return True
