"""Dialling a KCP session: a UDP socket of its own."""

from __future__ import annotations

import secrets
import socket

from aiofrp.stream.kcp.stream import KcpStream
from aiofrp.stream.stall import Account
from aiofrp.stream.udp.socket import Address, Piece, UdpSocket
from aiofrp.wire.kcp.pace import MAX_WINDOW


class _KcpSocket:
    """The endpoint of one dialled session: a connected socket.

    What came to it before it was connected, from others than its peer, is dropped."""

    __slots__ = ("_patient", "_peer", "_udp", "stream")

    def __init__(self, sock: socket.socket, met: bool) -> None:
        self._peer = sock.getpeername()[:2]
        self._patient = met
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
        stream, (host, port) = self.stream, self._peer
        if stream is not None:
            for data, size, address in pieces:
                if address[1] == port and address[0] == host:
                    self._patient = False
                    stream.receive(data, size)
            stream.received()

    def _refused(self, exc: OSError) -> None:
        if self.stream is not None and not self._patient:
            self.stream.refused()


def dial(
    sock: socket.socket,
    *,
    conv: int | None = None,
    met: bool = False,
    send_window: int = MAX_WINDOW,
    receive_window: int = MAX_WINDOW,
    receivers: Account | None = None,
) -> KcpStream:
    """A new session over ``sock``, a connected, non-blocking UDP socket, which is the stream's from now on.
    ``conv``: the number of the conversation where both sides know it, a random one otherwise. ``met``: datagrams of the
    peer came before, so an ICMP error before the next one is not the end: the peer may be changing its socket.
    ``receivers``: see :class:`KcpStream`.

    Nothing is sent before something is written, so nobody knows yet whether there is a peer.
    """
    endpoint = _KcpSocket(sock, met)
    endpoint.stream = stream = KcpStream(
        endpoint,
        secrets.randbits(32) if conv is None else conv,
        peer=sock.getpeername(),
        send_to=None,
        sockname=sock.getsockname(),
        gone=endpoint.close,
        send_window=send_window,
        receive_window=receive_window,
        receivers=receivers,
    )
    return stream
