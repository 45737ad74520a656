"""Accepting one QUIC connection on a socket of its own, from the one peer that the socket is connected to."""

from __future__ import annotations

import socket
from collections.abc import Callable

from aiofrp.stream.quic.connected import ConnectedSocket, HandshakeWait
from aiofrp.stream.quic.core.connection import QuicCore
from aiofrp.stream.quic.core.library import Configuration
from aiofrp.stream.quic.core.limits import QuicLimits
from aiofrp.stream.quic.session import QuicSession
from aiofrp.stream.quic.stream import QuicStream
from aiofrp.wire.quic.header import MIN_INITIAL, VERSION_1, parse_long


async def accept(
    sock: socket.socket,
    configuration: Configuration,
    *,
    limits: QuicLimits,
    timeout: float,
    on_stream: Callable[[QuicStream], None],
    on_lost: Callable[[Exception | None], None] | None = None,
) -> QuicSession:
    """The connection that the peer of ``sock``, a connected, non-blocking UDP socket, begins, after its handshake.

    The socket is the connection's from now on, and no second connection begins on it. ``on_stream`` is called with each
    stream that the peer opens. Raises as :func:`aiofrp.stream.quic.dial.dial`.
    """
    attempt = HandshakeWait(on_lost)

    def begin(datagram: bytes) -> QuicSession | None:
        header = parse_long(datagram)
        if header is None or not header.initial or header.version != VERSION_1 or len(datagram) < MIN_INITIAL:
            return None
        original, peer_cid = header.destination, header.source
        return QuicSession(
            lambda handler: QuicCore(
                configuration, handler, limits, original_cid=original, peer_cid=peer_cid
            ),
            endpoint,
            peer=endpoint.peer,
            sockname=endpoint.sockname,
            limits=limits,
            on_ready=attempt.ready,
            on_stream=on_stream,
            on_lost=attempt.lost,
        )

    endpoint = ConnectedSocket(sock, begin, met=True)
    return await attempt.handshake(endpoint, timeout)
