"""How frpc and frps reach each other: one class per transport, which connects for frpc and listens for frps.

A *carrier* is a connection that TLS, yamux or one logical connection follows on; a *logical connection* carries frp's
messages and the data behind them. Neither program names a transport: what differs is a fact of its class.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, Protocol, runtime_checkable

from msgspec import Struct

from aiofrp import registry
from aiofrp.config.models.shared import QuicOptions
from aiofrp.errors import FrpError
from aiofrp.stream.base import Stream
from aiofrp.stream.tls.stream import TlsContext
from aiofrp.transport.tls.contexts import TlsFiles


class DialOptions(Struct, frozen=True):
    """Everything a transport needs to reach frps."""

    host: str
    port: int
    timeout: float  #: seconds for all layers of one dial together; inf where the caller limits them
    keepalive: float  #: seconds between TCP keep-alive probes, negative for none
    local_ip: str  #: source address, empty for any
    proxy_url: str  #: the proxy on the way, empty for none
    tls: Callable[[], TlsContext] | None  #: asked at every dial; ``None`` speaks plain
    tls_name: str  #: of the server, for SNI and the name check
    tls_lead_byte: bool  #: send frp's 0x17 before the handshake
    #: For transports with TLS of their own; ``None`` shows and demands no certificate.
    tls_files: TlsFiles | None
    mux: bool  #: share one carrier
    mux_keepalive: float  #: seconds between yamux pings
    quic: QuicOptions  #: of QUIC connections


class ListenOptions(Struct, frozen=True):
    """Everything a transport needs to listen for frpc."""

    host: str
    port: int
    keepalive: float  #: seconds between TCP keep-alive probes, negative for none
    tls_files: TlsFiles  #: for transports with TLS of their own
    quic: QuicOptions  #: of QUIC connections


class Carriers(Struct, frozen=True):
    """Takes what arrives at a listener; each stream goes to exactly one of these, with nobody attached."""

    shared: Callable[[Stream], None]  #: of a port that other protocols share: its first bytes decide
    carrier: Callable[[Stream], None]  #: TLS, yamux or one logical connection follows
    logical: Callable[
        [Stream], None
    ]  #: is a logical connection, secured already; its info ``carrier`` is shared


class Listener(Protocol):
    """A port that is open."""

    @property
    def address(self) -> tuple[str, int]:
        """Host and port in use."""

    def close(self) -> None:
        """Take nothing new. Connections go on."""

    async def drain(self, seconds: float) -> None:
        """Close; give what the listener itself keeps ``seconds`` to deliver its last packets, then end it."""


class Session(ABC):
    """A way to open logical connections, for the life of one login."""

    #: Called once when the session's carrier is lost; unused by sessions without one.
    on_lost: Callable[[Exception | None], None] | None = None
    #: Called with each stream that the peer opens on the session's carrier; without it they are reset.
    on_stream: Callable[[Stream], None] | None = None

    @abstractmethod
    def open(self, ready: Callable[[Stream], None], failed: Callable[[FrpError], None]) -> None:
        """Open a logical connection: ``ready`` is called with it, at once where no dialling is needed."""

    def opened_by_peer(self, stream: Stream) -> None:
        """The peer has opened ``stream`` on the session's carrier."""
        if self.on_stream is None:
            stream.abort()
        else:
            self.on_stream(stream)

    @property
    def answered(self) -> bool:
        """Whether the peer has shown that it speaks the protocol of the session, where that can be shown."""
        return False

    @abstractmethod
    async def close(self) -> None:
        """End the session; what was written is flushed, logical connections with a carrier of their own go on."""

    async def abort(self) -> None:
        """Close without retransmitting: a restarted server would take late packets for a new session."""
        await self.close()


@runtime_checkable
class OpeningCarrier(Protocol):
    """A carrier on which either side opens streams: a yamux session or a QUIC connection."""

    def open_with(
        self, first: bytes, acknowledged: Callable[[], None], ready: Callable[[Stream], None]
    ) -> None:
        """Open a stream, send ``first`` on it and call ``ready`` with it. ``acknowledged`` is called once when the peer
        has taken it, unless the carrier ends before. Raises :class:`~aiofrp.errors.Closed` when no stream can be
        opened."""


class Transport:
    """One row of :data:`aiofrp.registry.TRANSPORTS`.

    frps loads every row when it starts, so the file of a transport imports what is slow to load only in its methods.
    """

    #: The attribute of :class:`~aiofrp.config.models.server.ServerConfig` that has the port; empty for a transport
    #: that lives on ``bindPort``, where its :attr:`first_bytes` are recognised.
    bind_port: ClassVar[str] = ""
    #: Whether a port of 0 turns the listener off; otherwise 0 takes any free port.
    zero_is_off: ClassVar[bool] = True
    #: frps' log line once the port is open; ``{where}`` is host and port.
    listen_log: ClassVar[str] = ""
    #: What frps prints when the port cannot be opened; ``{error}`` is the reason.
    listen_error: ClassVar[str] = ""
    #: With which bytes its connections on ``bindPort`` begin, in the clear (:data:`~aiofrp.wire.sniff.SNIFF_SIZE`
    #: bytes) and inside TLS (where the first of them must differ from those of frp's messages and of yamux).
    first_bytes: ClassVar[bytes] = b""
    #: Whether TLS is used whatever ``transport.tls.enable`` says.
    always_tls: ClassVar[bool] = False
    #: Whether all logical connections of a session share one carrier, whatever ``transport.tcpMux`` says.
    one_carrier: ClassVar[bool] = False
    #: Whether it runs over datagrams: a closed session then needs time until its last packets are acknowledged.
    over_datagrams: ClassVar[bool] = False

    async def connect(self, options: DialOptions) -> Session:
        """Make a session. Raises :class:`~aiofrp.errors.FrpError` saying the likely cause."""
        raise NotImplementedError

    async def listen(self, options: ListenOptions, carriers: Carriers) -> Listener:
        """Open the port; only for a transport with a :attr:`bind_port`.

        Raises :class:`~aiofrp.transport.net.ListenFailed`, or :class:`~aiofrp.errors.ConfigError` for TLS files that
        cannot be used.
        """
        raise NotImplementedError

    def unwrap(
        self, stream: Stream, early: bytes, done: Callable[[Stream], None], gone: Callable[[], None]
    ) -> None:
        """Take over a connection that was recognised; only for a transport with :attr:`first_bytes`.

        ``early``: the bytes read already. Exactly one is called, once: ``done`` with the carrier inside, which nobody
        is attached to, or ``gone`` when the connection is lost before.
        """
        raise NotImplementedError


def transport_of(name: str) -> type[Transport]:
    """The class for ``transport.protocol = name``. Raises :class:`KeyError` for a name without a row."""
    return registry.load(registry.TRANSPORTS[name], Transport)


def all_transports() -> list[Transport]:
    """One of each, in the order of the registry."""
    return [transport_of(name)() for name in registry.TRANSPORTS]
