"""A plain UDP socket read in batches, for udp proxies, their local services and sudp visitors."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from aiofrp.stream.udp.losses import Losses
from aiofrp.stream.udp.readable import Watch

#: Datagrams read in one wake-up, so that others get their turn.
_BATCH = 64
#: Where wake-ups bring one datagram each, a second read that finds nothing costs as much as the first: only one wake-up
#: in so many asks for more. The kernel wakes up again for what was not read.
_MORE_EVERY = 8
#: Bytes of the longest datagram there is.
_MOST = 65_535
#: Bytes of the kernel's buffers that are asked for, each way: bursts wait there.
_SOCKET_BUFFER = 1024 * 1024
#: Why datagrams are lost that a connected port refuses: an ICMP error came back.
REFUSED = "no program listens on the local UDP port"


class DatagramSocket:
    """A bound or connected UDP socket, which it owns.

    ``received`` gets ``(data, address)`` pairs of one wake-up; ``size`` bytes are read of each datagram, longer ones
    are cut.
    """

    __slots__ = ("_losses", "_received", "_single", "_size", "_socket", "_watch")

    def __init__(
        self,
        sock: socket.socket,
        size: int,
        received: Callable[[list[tuple[bytes, Any]]], None],
        losses: Losses,
    ) -> None:
        self._socket = sock
        self._losses = losses
        self._size = max(0, min(size, _MOST))
        self._received = received
        self._single = 0  # wake-ups that may read one datagram alone before one asks for more
        self._watch = Watch(sock, self._readable)

    @property
    def descriptor(self) -> int:
        """The file descriptor of the socket; -1 once it is closed."""
        return self._socket.fileno()

    def widen(self) -> None:
        """Ask the kernel for large buffers."""
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            self._socket.setsockopt(socket.SOL_SOCKET, option, _SOCKET_BUFFER)

    def send(self, data: bytes, address: Any = None) -> None:
        """Send one datagram; what the kernel does not take is lost."""
        try:
            if address is None:
                self._socket.send(data)
            else:
                self._socket.sendto(data, address)
        except (BlockingIOError, InterruptedError):
            self._losses.lost("not_sent", "the system's buffer is full")
        except OSError as exc:
            if self._socket.fileno() >= 0:
                self._failed(exc)

    def _failed(self, exc: OSError) -> None:
        self._watch.renew()
        if isinstance(exc, ConnectionRefusedError):
            self._losses.lost("refused", REFUSED)
        else:
            self._losses.lost("not_sent", f"the system does not send them: {exc.strerror}")

    def close(self) -> None:
        """Close the socket; idempotent."""
        if self._socket.fileno() >= 0:
            self._watch.end()
            self._socket.close()

    def _readable(self) -> None:
        recvfrom, size = self._socket.recvfrom, self._size
        datagrams: list[tuple[bytes, Any]] = []
        for_more = not self._single
        try:
            for _ in range(_BATCH if for_more else 1):
                datagrams.append(recvfrom(size + 1))  # the byte more shows which are longer
        except (BlockingIOError, InterruptedError):
            pass
        except OSError as exc:  # an ICMP error about an earlier datagram
            self._failed(exc)
        if for_more:
            self._single = _MORE_EVERY - 1 if len(datagrams) == 1 else 0
        else:
            self._single -= 1
        if datagrams:
            for index, (data, address) in enumerate(datagrams):
                if len(data) > size:
                    datagrams[index] = data[:size], address
                    self._losses.lost(
                        "cut", f"they are longer than udpPacketSize, {size} bytes", what="ends of datagrams"
                    )
            self._received(datagrams)
