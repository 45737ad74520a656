"""KCP sessions on 127.0.0.1 for tests: a listener with its sessions, dialled sessions, a peer made by hand."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from aiofrp.errors import RemoteProtocolError
from aiofrp.stream.kcp.dial import dial
from aiofrp.stream.kcp.listener import KcpLimits, KcpListener
from aiofrp.stream.kcp.stream import KcpStream
from aiofrp.wire.kcp.core import KcpCore
from aiofrp.wire.kcp.fec import segments_of
from aiofrp.wire.kcp.segment import OVERHEAD, WINS, unpack_from
from tests.support.ends import End


def udp(port: int = 0, host: str = "127.0.0.1") -> socket.socket:
    """A bound socket."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.bind((host, port))
    return sock


class Rig:
    """A listener and everything made with it."""

    def __init__(self, **limits: Any) -> None:
        self.accepted: list[KcpStream] = []
        self.ends: list[End] = []
        self.others: list[Any] = []
        self.listener = KcpListener(udp(), self._accepted, KcpLimits(**limits))

    def _accepted(self, stream: KcpStream) -> None:
        self.accepted.append(stream)
        self.ends.append(End(stream).attach())

    def dial(self, port: int = 0, *, to: tuple[str, int] | None = None) -> End:
        """The user of a new session with the listener, from local ``port``."""
        sock = udp(port)
        sock.connect(to or self.listener.address)
        end = End(dial(sock))
        self.others.append(end.stream)
        return end.attach()

    def peer(self, conv: int = 7, port: int = 0) -> RawPeer:
        """A peer made by hand."""
        made = RawPeer(self.listener.address, conv, port)
        self.others.append(made)
        return made

    def dispose(self) -> None:
        for one in [*self.others, *self.accepted]:
            one.abort()
        self.listener.close()


class RawPeer:
    """A core on a socket that knows no ends, as the reference's; ``deaf`` ones do not even answer."""

    def __init__(self, to: tuple[str, int], conv: int, port: int = 0) -> None:
        self.sock = udp(port)
        self.sock.connect(to)
        self.core = KcpCore(conv, self._now())
        self.received = bytearray()
        self.commands: list[int] = []
        self.deaf = False
        asyncio.get_running_loop().add_reader(self.sock.fileno(), self.read)

    def send(self, data: bytes) -> None:
        self.core.send(data)
        self._flush()

    def raw(self, datagram: bytes) -> None:
        self.sock.send(datagram)

    def read(self) -> None:
        try:
            packet = segments_of(self.sock.recv(2048))
        except OSError:
            return
        known = 0
        for command, end in _segments(packet):
            self.commands.append(command)
            if command > WINS:
                break  # the reference ignores the rest
            known = end
        if not self.deaf:
            with suppress(RemoteProtocolError):  # of another conversation
                self.core.receive_data(packet[:known], self._now())
            self.received += self.core.take()
            self._flush()

    def abort(self) -> None:
        if self.sock.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self.sock.fileno())
            self.sock.close()

    def _flush(self) -> None:
        for packet in self.core.data_to_send(self._now()):
            self.sock.send(packet)

    def _now(self) -> int:
        return int(asyncio.get_running_loop().time() * 1000)


def _segments(packet: bytes | memoryview) -> Iterator[tuple[int, int]]:
    """Command and end of each segment."""
    at = 0
    while len(packet) - at >= OVERHEAD:
        _, command, _, _, _, _, _, length = unpack_from(packet, at)
        at += OVERHEAD + length
        yield command, at
