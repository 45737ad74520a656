"""The TLS front of plugins: it ends the TLS of users before a plugin serves them (docs/protocol/client.md §4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ssl import SSLContext
from typing import Protocol

from aiofrp.host.contexts import ClientContext
from aiofrp.plugin.common.openings import Openings, OpeningUser
from aiofrp.stream.base import Stream
from aiofrp.stream.layer import hand_out
from aiofrp.stream.tls.stream import TlsStream
from aiofrp.transport.tls.contexts import TlsFiles, user_context
from aiofrp.transport.tls.fresh import SERVER_CHECKS_EVERY, FreshTls

#: Seconds a user has for the handshake.
HANDSHAKE_TIMEOUT = 10.0
#: Handshakes under way of one proxy, each of some 40 KiB.
MAX_HANDSHAKES = 1024


class CertificateOptions(Protocol):
    """The options about TLS that such plugins have."""

    @property
    def crt_path(self) -> str:
        """Path of the PEM certificate chain; without this or the key the certificate is self-signed."""

    @property
    def key_path(self) -> str:
        """Path of the PEM key."""


class TlsFront:
    """Ends the TLS of the users of one proxy; a user whose handshake fails is closed, with a line in the log.

    Connections under way belong to ``context.connections``, so there is nothing to close.
    """

    def __init__(
        self, context: ClientContext, options: CertificateOptions, protocols: Sequence[str] = ()
    ) -> None:
        """``protocols``: offered by ALPN, the best first. Raises :class:`~aiofrp.errors.ConfigError` for a certificate
        that cannot be read; one that changes later is read again, and kept as it was if that fails."""

        def make(files: TlsFiles) -> SSLContext:
            return user_context(files, protocols)

        self._openings = Openings(context, "tls handshake error", HANDSHAKE_TIMEOUT, MAX_HANDSHAKES)
        self._tls = FreshTls(_Files(options.crt_path, options.key_path), make, SERVER_CHECKS_EVERY)

    def accept(self, stream: Stream, ready: Callable[[TlsStream], None]) -> None:
        """Begin the handshake on ``stream``, to which nobody is attached. ``ready`` is called with the TLS stream once
        it is done, nobody attached. ``info("ssl_object")`` of it is a
        :class:`~aiofrp.transport.tls.contexts.UserTls`, which knows the name the user asked for and the protocol."""
        _UserHandshake(self._openings, stream, self._tls.context(), ready)


@dataclass(frozen=True, slots=True)
class _Files:
    cert_file: str
    key_file: str
    trusted_ca_file: str = ""


class _UserHandshake(OpeningUser):
    """A user until the handshake is done: the receiver of its TLS stream."""

    __slots__ = ("_ready", "_tls")

    def __init__(
        self, openings: Openings, stream: Stream, context: SSLContext, ready: Callable[[TlsStream], None]
    ) -> None:
        self._ready = ready
        self._tls = TlsStream(stream, context, server_side=True, on_ready=self._done)
        super().__init__(openings)
        self._tls.attach(self)

    def abort_stream(self) -> None:
        self._tls.abort()

    def connection_lost(self, exc: Exception | None, /) -> None:
        """The handshake failed, or the connection is gone."""
        self._openings.leave(self)
        if exc is not None:
            self._openings.failed(exc)

    def _done(self, tls: TlsStream) -> None:
        self._openings.leave(self)
        tls.detach()
        hand_out(tls, self._ready)
