"""QUIC (docs/protocol/wire.md §5). TLS is part of it, and each logical connection is a stream: no yamux, no frp lead
byte."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import TYPE_CHECKING

from aiofrp.config.models.shared import QuicOptions
from aiofrp.errors import FrpError
from aiofrp.stream.base import Stream
from aiofrp.transport.base import Carriers, DialOptions, Listener, ListenOptions, Session, Transport
from aiofrp.transport.net import bind_udp, connect_udp
from aiofrp.transport.tls import fresh as freshtls
from aiofrp.transport.tls.contexts import TlsFiles, read_identity, verifying_context
from aiofrp.transport.tls.selfsigned import self_signed

if TYPE_CHECKING:
    from aiofrp.stream.quic.core.library import Configuration
    from aiofrp.stream.quic.core.limits import Judge, QuicIdentity, QuicLimits
    from aiofrp.stream.quic.session import QuicSession


class Quic(Transport):
    """``transport.protocol = "quic"``, and ``quicBindPort`` of frps. The TLS files are read again when they change."""

    bind_port = "quic_bind_port"
    listen_log = "frps quic listen on {where}"
    listen_error = "listen on quic udp address {where} error: {error}"
    over_datagrams = True
    one_carrier = True

    async def connect(self, options: DialOptions) -> Session:
        """See :meth:`aiofrp.transport.base.Transport.connect`."""
        from aiofrp.stream.quic.dial import dial

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
            on_stream=session.opened_by_peer,
            on_lost=session.carrier_lost,
        )
        return session

    async def listen(self, options: ListenOptions, carriers: Carriers) -> Listener:
        """See :meth:`aiofrp.transport.base.Transport.listen`."""
        from aiofrp.stream.quic.core.limits import QuicListenLimits
        from aiofrp.stream.quic.listener import QuicListener

        limits = quic_limits(options.quic)
        fresh = freshtls.FreshTls(
            options.tls_files, lambda files: server_tls(files, limits), freshtls.SERVER_CHECKS_EVERY
        )
        return QuicListener(
            bind_udp(options.host, options.port),
            fresh.context,
            carriers.logical,
            limits=QuicListenLimits(connection=limits),
        )


class QuicClientSession(Session):
    """Every logical connection is a stream of one QUIC connection."""

    carrier: QuicSession

    def open(self, ready: Callable[[Stream], None], failed: Callable[[FrpError], None]) -> None:
        self.carrier.open_when_allowed(ready, failed)

    @property
    def answered(self) -> bool:
        return True  # in the handshake

    async def close(self) -> None:
        self.carrier.close()

    def carrier_lost(self, exc: Exception | None) -> None:
        """The connection is over."""
        if self.on_lost is not None:
            self.on_lost(exc)


def quic_limits(options: QuicOptions) -> QuicLimits:
    """The configured limits of one connection."""
    from aiofrp.stream.quic.core.limits import QuicLimits

    return QuicLimits(
        keepalive=options.keepalive_period,
        idle_timeout=options.max_idle_timeout,
        max_streams=options.max_incoming_streams,
    )


def server_tls(files: TlsFiles, limits: QuicLimits) -> tuple[Configuration, Judge | None]:
    """What frps ends QUIC's TLS with: its certificate, or a fresh self-signed one, and the judge of clients'
    certificates if ``trusted_ca_file`` demands any. Raises :class:`~aiofrp.errors.ConfigError`."""
    from aiofrp.stream.quic.core.library import server_configuration
    from aiofrp.stream.quic.core.limits import QuicIdentity

    identity = QuicIdentity(*read_identity(files))
    if not identity.certificate:
        identity = QuicIdentity(*self_signed())
    return server_configuration(identity, limits), _judge(files, "", server_side=True)


def _client_tls(options: DialOptions) -> tuple[QuicIdentity, Judge | None]:
    from aiofrp.stream.quic.core.limits import QuicIdentity

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
