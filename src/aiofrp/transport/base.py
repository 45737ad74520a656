"""How frpc reaches frps: a transport dials, a session opens logical connections.

The client never asks which transport or whether connections share a carrier.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from aiofrp.config.models.shared import QuicOptions
from aiofrp.errors import FrpError
from aiofrp.stream.base import Stream
from aiofrp.stream.tls.stream import TlsContext
from aiofrp.transport.tls import TlsFiles


@dataclass(frozen=True, slots=True)
class DialOptions:
    """Everything a transport needs to reach frps."""

    host: str
    port: int
    timeout: float  #: seconds for all layers of one dial together
    keepalive: float  #: seconds between TCP keep-alive probes, negative for none
    local_ip: str  #: source address, empty for any
    proxy_url: str  #: the proxy on the way, empty for none
    tls: Callable[[], TlsContext] | None  #: asked at every dial; ``None`` speaks plain
    tls_name: str  #: of the server, for SNI and the name check
    tls_lead_byte: bool  #: send frp's 0x17 before the handshake
    tls_files: (
        TlsFiles | None
    )  #: for transports with TLS of their own; ``None`` shows and demands no certificate
    mux: bool  #: share one carrier
    mux_keepalive: float  #: seconds between yamux pings
    quic: QuicOptions  #: of QUIC connections


class Session(ABC):
    """A way to open logical connections, for the life of one login."""

    #: Called once when the session's carrier is lost; unused by sessions without one.
    on_lost: Callable[[Exception | None], None] | None = None

    @abstractmethod
    def open(self, ready: Callable[[Stream], None], failed: Callable[[FrpError], None]) -> None:
        """Open a logical connection: ``ready`` is called with it, at once where no dialling is needed."""

    @abstractmethod
    async def close(self) -> None:
        """End the session; what was written is flushed, logical connections with a carrier of their own go on."""

    async def abort(self) -> None:
        """End the session with a server that is silent: nothing is sent again and again until it may hear it, for by
        then it may have forgotten the session and take that for the begin of another. Else like :meth:`close`."""
        await self.close()


class Transport:
    """One row of the registry's table of transports."""

    async def connect(self, options: DialOptions) -> Session:
        """Make a session. Raises :class:`~aiofrp.errors.FrpError` saying the likely cause."""
        raise NotImplementedError
