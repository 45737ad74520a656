"""Dialling a QUIC connection: a UDP socket of its own, and the handshake."""

from __future__ import annotations

import socket
from collections.abc import Callable

from aiofrp.stream.quic.connected import ConnectedSocket, HandshakeWait
from aiofrp.stream.quic.core.connection import QuicCore
from aiofrp.stream.quic.core.library import client_configuration
from aiofrp.stream.quic.core.limits import Judge, QuicIdentity, QuicLimits
from aiofrp.stream.quic.session import QuicSession
from aiofrp.stream.quic.stream import QuicStream


async def dial(
    sock: socket.socket,
    *,
    server_name: str,
    identity: QuicIdentity,
    limits: QuicLimits,
    timeout: float,
    judge: Judge | None = None,
    met: bool = False,
    on_stream: Callable[[QuicStream], None] | None = None,
    on_lost: Callable[[Exception | None], None] | None = None,
) -> QuicSession:
    """A connection over ``sock``, a connected, non-blocking UDP socket, once its handshake is done.

    The socket is the connection's from now on; ``server_name`` is asked for in the handshake, empty for none. ``met``:
    see :class:`~aiofrp.stream.quic.connected.ConnectedSocket`. ``on_stream`` is called with each stream that the peer
    opens; without it they are reset. Raises :class:`~aiofrp.errors.TransportError` or
    :class:`~aiofrp.errors.RemoteProtocolError`, and :class:`~aiofrp.errors.TimedOut` after ``timeout`` seconds.
    """
    attempt = HandshakeWait(on_lost)
    endpoint = ConnectedSocket(sock, met=met)
    configuration = client_configuration(identity, limits, server_name)
    endpoint.session = session = QuicSession(
        lambda handler: QuicCore(configuration, handler, limits, judge=judge),
        endpoint,
        peer=endpoint.peer,
        sockname=endpoint.sockname,
        limits=limits,
        on_ready=attempt.ready,
        on_stream=on_stream,
        on_lost=attempt.lost,
    )
    session.connect()
    return await attempt.handshake(endpoint, timeout)
