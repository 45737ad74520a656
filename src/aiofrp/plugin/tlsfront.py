"""The TLS front of plugins: it ends the TLS of users before a plugin serves them (docs/protocol/client.md §4)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ssl import SSLContext
from typing import Protocol

from aiofrp.aio import check_at
from aiofrp.host.contexts import ClientContext
from aiofrp.stream.base import NullReceiver, Stream
from aiofrp.stream.layer import hand_out
from aiofrp.stream.tls.stream import TlsFailed, TlsStream
from aiofrp.transport.tls.contexts import TlsFiles, user_context
from aiofrp.transport.tls.fresh import SERVER_CHECKS_EVERY, FreshTls

#: Seconds a user has for the handshake.
HANDSHAKE_TIMEOUT = 10.0
#: Handshakes under way of one proxy, each of some 40 KiB; the oldest is aborted for a new one.
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

        self._log = context.log
        self._connections = context.connections
        self._tls = FreshTls(_Files(options.crt_path, options.key_path), make, SERVER_CHECKS_EVERY)
        self._waiting: dict[_UserHandshake, None] = {}  # in order of arrival; limited by MAX_HANDSHAKES
        self._timer: asyncio.TimerHandle | None = None

    def accept(self, stream: Stream, ready: Callable[[TlsStream], None]) -> None:
        """Begin the handshake on ``stream``, to which nobody is attached. ``ready`` is called with the TLS stream once
        it is done, nobody attached. ``info("ssl_object")`` of it is a
        :class:`~aiofrp.transport.tls.contexts.UserTls`, which knows the name the user asked for and the protocol."""
        if len(self._waiting) >= MAX_HANDSHAKES:
            next(iter(self._waiting)).give_up(f"there are more than {MAX_HANDSHAKES} at once")
        due = asyncio.get_running_loop().time() + HANDSHAKE_TIMEOUT
        handshake = _UserHandshake(self, stream, self._tls.context(), ready, due)
        self._waiting[handshake] = None
        self._connections.opened(handshake)
        if self._timer is None:
            self._timer = check_at(due, self._check)

    # For the handshakes

    def leave(self, handshake: _UserHandshake) -> None:
        """A handshake is done or has failed."""
        self._waiting.pop(handshake, None)
        self._connections.closed(handshake)

    def failed(self, reason: object) -> None:
        """Log why a handshake failed."""
        self._log.seldom.warning("tls handshake error: %s", reason)

    # Private

    def _check(self, now: float) -> None:
        """Abort the handshakes that are late, the oldest first."""
        self._timer = None
        for handshake in list(self._waiting):
            if handshake.due > now:
                self._timer = check_at(handshake.due, self._check)
                return
            handshake.give_up(f"it was not done within {HANDSHAKE_TIMEOUT:g} s")


@dataclass(frozen=True, slots=True)
class _Files:
    cert_file: str
    key_file: str
    trusted_ca_file: str = ""


class _UserHandshake(NullReceiver):
    """A user until the handshake is done: the receiver of its TLS stream."""

    __slots__ = ("_front", "_ready", "_tls", "due")

    #: A splice has counters; a handshake has none, and is given no time when frpc stops.
    bytes_in = bytes_out = 0

    def __init__(
        self,
        front: TlsFront,
        stream: Stream,
        context: SSLContext,
        ready: Callable[[TlsStream], None],
        due: float,
    ) -> None:
        self.due = due  #: loop time
        self._front = front
        self._ready = ready
        self._tls = TlsStream(stream, context, server_side=True, on_ready=self._done)
        self._tls.attach(self)

    def give_up(self, reason: str) -> None:
        """Abort the connection and log ``reason``."""
        self._front.failed(reason)
        self.abort()

    def abort(self) -> None:
        """Abort the connection."""
        self._front.leave(self)
        self._tls.abort()

    def connection_lost(self, exc: Exception | None, /) -> None:
        """The handshake failed, or the connection is gone."""
        self._front.leave(self)
        if exc is not None:
            self._front.failed(exc.reason if isinstance(exc, TlsFailed) else exc)

    def _done(self, tls: TlsStream) -> None:
        self._front.leave(self)
        tls.detach()
        hand_out(tls, self._ready)
