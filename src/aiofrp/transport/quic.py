"""QUIC (docs/protocol/wire.md §5): the client's transport and the server's listener.

TLS is part of it, and each logical connection is a stream: no yamux, no TLS look, no lead byte.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from qh3.quic.configuration import QuicConfiguration

from aiofrp.config.models.shared import QuicOptions
from aiofrp.errors import FrpError
from aiofrp.stream.base import Stream
from aiofrp.stream.quic.core import Judge, QuicIdentity, QuicLimits, server_configuration
from aiofrp.stream.quic.dial import dial
from aiofrp.stream.quic.listener import QuicListener, QuicListenLimits
from aiofrp.stream.quic.session import QuicSession
from aiofrp.stream.quic.stream import QuicStream
from aiofrp.transport import freshtls
from aiofrp.transport.base import DialOptions, Session, Transport
from aiofrp.transport.kcp import connect_udp
from aiofrp.transport.net import bind_udp
from aiofrp.transport.tls import TlsFiles, read_identity, self_signed, verifying_context


class Quic(Transport):
    """``transport.protocol = "quic"``."""

    async def connect(self, options: DialOptions) -> Session:
        """See :meth:`aiofrp.transport.base.Transport.connect`."""
        identity, judge = _client_tls(options)
        sock = await connect_udp(options.host, options.port)
        name = options.tls_name
        session = QuicClientSession()
        session.carrier = await dial(
            sock,
            server_name="" if _is_ip(name) else name,
            identity=identity,
            limits=quic_limits(options.quic),
            timeout=options.timeout,
            judge=judge,
            on_lost=session.carrier_lost,
        )
        return session


class QuicClientSession(Session):
    """Every logical connection is a stream of one QUIC connection."""

    carrier: QuicSession

    def open(self, ready: Callable[[Stream], None], failed: Callable[[FrpError], None]) -> None:
        self.carrier.open_when_allowed(ready, failed)

    async def close(self) -> None:
        self.carrier.close()

    def carrier_lost(self, exc: Exception | None) -> None:
        """The connection is over."""
        if self.on_lost is not None:
            self.on_lost(exc)


def quic_limits(options: QuicOptions) -> QuicLimits:
    """The configured limits of one connection."""
    return QuicLimits(
        keepalive=options.keepalive_period,
        idle_timeout=options.max_idle_timeout,
        max_streams=options.max_incoming_streams,
    )


def listen_quic(
    host: str, port: int, files: TlsFiles, options: QuicOptions, on_stream: Callable[[QuicStream], None]
) -> QuicListener:
    """Listen for QUIC on UDP ``host:port``; the TLS files are read again when they change.

    Raises :class:`~aiofrp.transport.net.ListenFailed` or :class:`~aiofrp.errors.ConfigError`.
    """
    limits = quic_limits(options)
    fresh = freshtls.FreshTls(files, lambda current: server_tls(current, limits), freshtls.SERVER_LOOKS_EVERY)
    return QuicListener(
        bind_udp(host, port), fresh.context, on_stream, limits=QuicListenLimits(connection=limits)
    )


def server_tls(files: TlsFiles, limits: QuicLimits) -> tuple[QuicConfiguration, Judge | None]:
    """What frps ends QUIC's TLS with: its certificate, or a fresh self-signed one, and the judge of clients'
    certificates if ``trusted_ca_file`` demands any. Raises :class:`~aiofrp.errors.ConfigError`."""
    identity = QuicIdentity(*read_identity(files))
    if not identity.certificate:
        identity = QuicIdentity(*self_signed())
    return server_configuration(identity, limits), _judge(files, "", server_side=True)


def _client_tls(options: DialOptions) -> tuple[QuicIdentity, Judge | None]:
    if options.tls_files is None:
        return QuicIdentity(), None
    identity = QuicIdentity(*read_identity(options.tls_files))
    return identity, _judge(options.tls_files, options.tls_name, server_side=False)


def _judge(files: TlsFiles, name: str, *, server_side: bool) -> Judge | None:
    if not files.trusted_ca_file:
        return None
    context = verifying_context(files, server_side=server_side)
    return lambda chain: context.judge_chain(chain, name)


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
