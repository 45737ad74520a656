"""Dialling a KCP session: a UDP socket of its own."""

from __future__ import annotations

import secrets
import socket

from aiofrp.stream.kcp.stream import KcpStream
from aiofrp.stream.stall import Account
from aiofrp.stream.udp.socket import Address, Piece, UdpSocket
from aiofrp.wire.kcp.pace import MAX_WINDOW


class _KcpSocket:
    """The endpoint of one dialled session: a connected socket."""

    __slots__ = ("_udp", "stream")

    def __init__(self, sock: socket.socket) -> None:
        self._udp = UdpSocket(sock, self._received, self._refused)
        self.stream: KcpStream | None = None

    def send(self, datagrams: list[bytes], address: Address, /) -> None:
        self._udp.send(datagrams)

    def poll(self) -> None:
        self._udp.poll()

    def close(self, stream: KcpStream) -> None:
        self._udp.close()
        self.stream = None

    def _received(self, pieces: list[Piece]) -> None:
        stream = self.stream
        if stream is not None:
            for data, size, _ in pieces:
                stream.receive(data, size)
            stream.received()

    def _refused(self, exc: OSError) -> None:
        if self.stream is not None:
            self.stream.refused()


def dial(
    sock: socket.socket,
    *,
    send_window: int = MAX_WINDOW,
    receive_window: int = MAX_WINDOW,
    receivers: Account | None = None,
) -> KcpStream:
    """A new session over ``sock``, a connected, non-blocking UDP socket, which is the stream's from now on.
    ``receivers``: see :class:`KcpStream`.

    Nothing is sent before something is written, so nobody knows yet whether there is a peer.
    """
    endpoint = _KcpSocket(sock)
    endpoint.stream = stream = KcpStream(
        endpoint,
        secrets.randbits(32),
        peer=sock.getpeername(),
        send_to=None,
        sockname=sock.getsockname(),
        gone=endpoint.close,
        send_window=send_window,
        receive_window=receive_window,
        receivers=receivers,
    )
    return stream
