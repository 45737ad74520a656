"""QUIC connections on 127.0.0.1 for tests: a listener with what clients opened, and clients."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import Any

from aiofrp.stream.quic.core.library import server_configuration
from aiofrp.stream.quic.core.limits import Judge, QuicIdentity, QuicLimits, QuicListenLimits
from aiofrp.stream.quic.dial import dial
from aiofrp.stream.quic.listener import QuicListener
from aiofrp.stream.quic.session import QuicSession
from aiofrp.stream.quic.stream import QuicStream
from tests.support.certs import NAME, authority
from tests.support.ends import PATIENCE, End

LIMITS = QuicLimits()


def udp(port: int = 0) -> socket.socket:
    """A bound socket."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.bind(("127.0.0.1", port))
    return sock


def connected(address: tuple[str, int]) -> socket.socket:
    """A socket connected to ``address``."""
    sock = udp()
    sock.connect(address)
    return sock


def identity(name: str = "tests") -> QuicIdentity:
    """The certificate that the authority ``name`` signed."""
    made = authority(name)
    return QuicIdentity(made.certificate, made.key)


class Rig:
    """A listener and everything made with it."""

    def __init__(
        self,
        judge: Judge | None = None,
        connection: QuicLimits = LIMITS,
        *,
        grants: bool = True,
        **limits: Any,
    ) -> None:
        """``grants``: the first stream counts as a login."""
        self._grants = grants
        self.streams: list[QuicStream] = []
        self.ends: list[End] = []
        self.sessions: list[QuicSession] = []
        self.losses: list[Exception | None] = []
        self._configuration = server_configuration(identity(), connection)
        self.listener = QuicListener(
            udp(),
            lambda: (self._configuration, judge),
            self._opened,
            limits=replace(QuicListenLimits(connection=connection), **limits),
        )

    def _opened(self, stream: QuicStream) -> None:
        if self._grants:
            stream.info("carrier").granted()
        self.streams.append(stream)
        self.ends.append(End(stream).attach())

    async def dial(
        self,
        *,
        shows: QuicIdentity | None = None,
        limits: QuicLimits = LIMITS,
        judge: Judge | None = None,
        timeout: float = PATIENCE,
    ) -> QuicSession:
        """A client's connection."""
        session = await dial(
            connected(self.listener.address),
            server_name=NAME,
            identity=shows or QuicIdentity(),
            limits=limits,
            timeout=timeout,
            judge=judge,
            on_lost=self.losses.append,
        )
        self.sessions.append(session)
        return session

    def open(self, session: QuicSession, first: bytes = b"") -> End:
        """The user of a new stream, which says ``first``."""
        end = End(session.open())
        self.ends.append(end)
        end.attach()
        if first:
            end.write(first)
        return end

    @property
    def server(self) -> QuicSession:
        """The listener's only connection."""
        (session,) = self.listener._sessions
        return session

    def dispose(self) -> None:
        for session in self.sessions:
            session.abort()
        self.listener.abort()
