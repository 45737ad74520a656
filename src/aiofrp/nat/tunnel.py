"""The tunnel through a hole: many streams over the one socket that the hole was punched from (docs/protocol/nat.md §6).

The visitor opens the streams. With QUIC it is the client of the connection, with KCP that of yamux above it. Neither
side proves who it is. Against somebody on the way only ``transport.useEncryption`` protects, under the secret key of
the proxy; KCP itself encrypts nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias

from aiofrp.config.models.shared import QuicOptions
from aiofrp.errors import Closed, ConnectFailed, FrpError
from aiofrp.nat.punch.driver import Hole
from aiofrp.stream.base import Stream
from aiofrp.stream.mux.limits import MuxLimits
from aiofrp.stream.mux.session import MuxSession
from aiofrp.stream.quic.core.limits import QuicIdentity
from aiofrp.stream.stall import Account, StallLimits
from aiofrp.transport.quic import quic_limits
from aiofrp.transport.tls.selfsigned import self_signed

if TYPE_CHECKING:
    from aiofrp.stream.quic.session import QuicSession

#: Seconds for the handshake of QUIC.
HANDSHAKE_TIMEOUT = 10.0
#: The number of the one KCP conversation on a socket.
CONVERSATION: Final = 1
_MUX = MuxLimits(keepalive_interval=10.0)

Opened: TypeAlias = Callable[[Stream], None]
"""Gets a stream of a tunnel, nobody attached."""
Lost: TypeAlias = Callable[[Exception | None], None]
"""Called once at the end of a tunnel, with the reason or ``None``."""


class DirectTunnel(ABC):
    """Streams to a peer behind a hole."""

    @abstractmethod
    def open(self, ready: Opened, failed: Callable[[FrpError], None]) -> None:
        """Open a stream, now or when the peer allows one more. Exactly one of the two is called, once."""

    @abstractmethod
    def close(self) -> None:
        """End the tunnel and all its streams."""


class QuicTunnel(DirectTunnel):
    """A QUIC connection."""

    def __init__(self, session: QuicSession) -> None:
        self._session = session

    def open(self, ready: Opened, failed: Callable[[FrpError], None]) -> None:
        self._session.open_when_allowed(ready, failed)

    def close(self) -> None:
        self._session.close()


class KcpTunnel(DirectTunnel):
    """yamux over a KCP conversation that both sides know the number of."""

    def __init__(self, hole: Hole, *, client: bool, on_stream: Opened | None, on_lost: Lost) -> None:
        from aiofrp.stream.kcp.dial import dial as dial_kcp
        from aiofrp.wire.kcp.pace import WIDE_WINDOW

        carrier = dial_kcp(
            hole.socket,
            conv=CONVERSATION,
            met=True,
            send_window=WIDE_WINDOW,
            receive_window=WIDE_WINDOW,
            receivers=Account(StallLimits()),
        )
        self._session = MuxSession(carrier, client=client, on_stream=on_stream, on_lost=on_lost, limits=_MUX)

    def open(self, ready: Opened, failed: Callable[[FrpError], None]) -> None:
        try:
            stream = self._session.open()
        except Closed as exc:
            failed(exc)
        else:
            ready(stream)

    def close(self) -> None:
        self._session.close()


async def dial_tunnel(hole: Hole, protocol: str, options: QuicOptions, on_lost: Lost) -> DirectTunnel:
    """The visitor's side of the tunnel through ``hole``, whose socket is the tunnel's from now on.

    ``protocol``: ``quic`` or ``kcp``. Raises :class:`~aiofrp.errors.FrpError`."""
    _connect(hole)
    if protocol == "kcp":
        return KcpTunnel(hole, client=True, on_stream=None, on_lost=on_lost)
    from aiofrp.stream.quic.dial import dial

    session = await dial(
        hole.socket,
        server_name="",
        identity=QuicIdentity(),
        limits=quic_limits(options),
        timeout=HANDSHAKE_TIMEOUT,
        met=True,
        on_lost=on_lost,
    )
    return QuicTunnel(session)


async def accept_tunnel(
    hole: Hole, protocol: str, options: QuicOptions, on_stream: Opened, on_lost: Lost
) -> DirectTunnel:
    """The side of the proxy: ``on_stream`` gets each stream that the visitor opens. The rest as :func:`dial_tunnel`;
    any ``protocol`` but ``kcp`` is QUIC."""
    _connect(hole)
    if protocol == "kcp":
        return KcpTunnel(hole, client=False, on_stream=on_stream, on_lost=on_lost)
    from aiofrp.stream.quic.accept import accept
    from aiofrp.stream.quic.core.library import server_configuration

    limits = quic_limits(options)
    session = await accept(
        hole.socket,
        server_configuration(_identity(), limits),
        limits=limits,
        timeout=HANDSHAKE_TIMEOUT,
        on_stream=on_stream,
        on_lost=on_lost,
    )
    return QuicTunnel(session)


def _connect(hole: Hole) -> None:
    """Let the kernel drop what does not come from the peer. Closes the socket and raises
    :class:`~aiofrp.errors.ConnectFailed` when there is no way to the peer any more."""
    try:
        hole.socket.connect(hole.peer)
    except OSError as exc:
        hole.socket.close()
        reason = (exc.strerror or str(exc)).lower()
        raise ConnectFailed(f"dial udp {hole.peer[0]}:{hole.peer[1]}: {reason}") from exc


@lru_cache(maxsize=1)
def _identity() -> QuicIdentity:
    """A certificate that only this run of the program has."""
    return QuicIdentity(*self_signed())
