"""The endpoint of one QUIC connection that has a UDP socket of its own, connected to the peer."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from aiofrp.errors import Closed, TimedOut
from aiofrp.stream.quic.session import QuicSession
from aiofrp.stream.udp.socket import Address, Piece, UdpSocket


class ConnectedSocket:
    """A connected, non-blocking UDP socket, which it owns.

    What came to it before it was connected, from others than its peer, is dropped.

    ``begin`` is called with the peer's datagrams while there is no session, and may make one. ``met``: datagrams of the
    peer came before, so an ICMP error before the next one is not the end: the peer may be changing its socket.
    """

    __slots__ = ("_begin", "_patient", "_udp", "peer", "session", "sockname")

    def __init__(
        self,
        sock: socket.socket,
        begin: Callable[[bytes], QuicSession | None] | None = None,
        *,
        met: bool = False,
    ) -> None:
        self.session: QuicSession | None = None
        self._patient = met
        self.peer: Address = sock.getpeername()  #: the peer's address
        self.sockname: Address = sock.getsockname()  #: the local address
        self._begin = begin
        self._udp = UdpSocket(sock, self._received, self._refused)

    def close(self) -> None:
        """Close the socket; the session needs no datagrams any more."""
        self._udp.close()
        self.session = self._begin = None

    # Endpoint of the session

    def send(self, datagrams: list[bytes], address: Address, /) -> None:
        self._udp.send(datagrams)

    def poll(self) -> None:
        self._udp.poll()

    def connection_id(self, session: QuicSession, cid: bytes, valid: bool, /) -> None:
        """Connection IDs are not needed: the socket has one connection."""

    def gone(self, session: QuicSession, /) -> None:
        self.close()

    # Private

    def _received(self, pieces: list[Piece]) -> None:
        host, port = self.peer[:2]
        try:
            for data, size, address in pieces:
                if address[1] == port and address[0] == host:
                    self._patient = False
                    if self.session is None and self._begin is not None:
                        self.session = self._begin(data[:size])
                    if self.session is not None:
                        self.session.receive(data, size, self.session.peername)
        finally:
            if self.session is not None:
                self.session.received()

    def _refused(self, exc: OSError) -> None:
        if self.session is not None and not self._patient:
            self.session.refused()


class HandshakeWait:
    """One attempt to connect: it ends with the handshake; the end of a connection that was made goes to ``on_lost``."""

    __slots__ = ("_done", "_on_lost")

    def __init__(self, on_lost: Callable[[Exception | None], None] | None) -> None:
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._on_lost = on_lost

    def ready(self) -> None:
        """The handshake is complete."""
        if not self._done.done():
            self._done.set_result(None)

    def lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        if not self._done.done():
            self._done.set_exception(exc or Closed("the QUIC connection was closed"))
        elif self._on_lost is not None and not (self._done.cancelled() or self._done.exception()):
            self._on_lost(exc)

    async def handshake(self, endpoint: ConnectedSocket, timeout: float) -> QuicSession:
        """The session of ``endpoint`` once its handshake is done. Otherwise the session and the socket end; raises
        :class:`~aiofrp.errors.TimedOut` after ``timeout`` seconds."""
        try:
            async with asyncio.timeout(timeout):
                await self._done
        except TimeoutError:
            _give_up(endpoint)
            raise TimedOut(f"no answer to the QUIC handshake within {timeout:g} s") from None
        except BaseException:
            _give_up(endpoint)
            raise
        session = endpoint.session
        assert session is not None
        return session


def _give_up(endpoint: ConnectedSocket) -> None:
    if endpoint.session is not None:
        endpoint.session.abort()
    endpoint.close()
