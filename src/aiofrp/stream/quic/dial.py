"""Dialling a QUIC connection: a UDP socket of its own, and the handshake."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from aiofrp.errors import Closed, TimedOut
from aiofrp.stream.quic.core.connection import QuicCore
from aiofrp.stream.quic.core.library import client_configuration
from aiofrp.stream.quic.core.limits import Judge, QuicIdentity, QuicLimits
from aiofrp.stream.quic.session import QuicSession
from aiofrp.stream.udp.socket import Address, Piece, UdpSocket


class _QuicSocket:
    """The endpoint of one dialled connection: a connected socket."""

    __slots__ = ("_udp", "session")

    def __init__(self, sock: socket.socket) -> None:
        self._udp = UdpSocket(sock, self._received, self._refused)
        self.session: QuicSession | None = None

    def send(self, datagrams: list[bytes], address: Address, /) -> None:
        self._udp.send(datagrams)

    def poll(self) -> None:
        self._udp.poll()

    def connection_id(self, session: QuicSession, cid: bytes, valid: bool, /) -> None:
        """Connection IDs are not needed: the socket has one connection."""

    def gone(self, session: QuicSession, /) -> None:
        self._udp.close()
        self.session = None

    def _received(self, pieces: list[Piece]) -> None:
        session = self.session
        if session is not None:
            for data, size, _ in pieces:
                session.receive(data, size, session.peername)
            session.received()

    def _refused(self, exc: OSError) -> None:
        if self.session is not None:
            self.session.refused()


class _Attempt:
    """One attempt to connect: ``done`` ends with the handshake; the end of the connection goes to ``on_lost``."""

    __slots__ = ("_on_lost", "done")

    def __init__(self, on_lost: Callable[[Exception | None], None] | None) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._on_lost = on_lost

    def ready(self) -> None:
        """The handshake is complete."""
        if not self.done.done():
            self.done.set_result(None)

    def lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        if not self.done.done():
            self.done.set_exception(exc or Closed("the QUIC connection was closed"))
        elif self._on_lost is not None:
            self._on_lost(exc)


async def dial(
    sock: socket.socket,
    *,
    server_name: str,
    identity: QuicIdentity,
    limits: QuicLimits,
    timeout: float,
    judge: Judge | None = None,
    on_lost: Callable[[Exception | None], None] | None = None,
) -> QuicSession:
    """A connection over ``sock``, a connected, non-blocking UDP socket, once its handshake is done.

    The socket is the connection's from now on; ``server_name`` is asked for in the handshake, empty for none. Raises
    :class:`~aiofrp.errors.TransportError` or :class:`~aiofrp.errors.RemoteProtocolError`, and
    :class:`~aiofrp.errors.TimedOut` after ``timeout`` seconds.
    """
    attempt = _Attempt(on_lost)
    endpoint = _QuicSocket(sock)
    configuration = client_configuration(identity, limits, server_name)
    session = QuicSession(
        lambda handler: QuicCore(configuration, handler, limits, judge=judge),
        endpoint,
        peer=sock.getpeername(),
        sockname=sock.getsockname(),
        limits=limits,
        on_ready=attempt.ready,
        on_lost=attempt.lost,
    )
    endpoint.session = session
    session.connect()
    try:
        async with asyncio.timeout(timeout):
            await attempt.done
    except TimeoutError:
        session.abort()
        raise TimedOut(f"no answer to the QUIC handshake within {timeout:g} s") from None
    except BaseException:
        session.abort()
        raise
    return session
