"""The SSH tunnel gateway of one frps: its port, its keys, and who may connect."""

from __future__ import annotations

import time
from collections.abc import Callable

from aiofrp import logs
from aiofrp.errors import FrpError
from aiofrp.server.session.admission import Arrival
from aiofrp.server.ssh.algorithms import refusal
from aiofrp.server.ssh.gateway import SshTransport, make_options
from aiofrp.server.ssh.keys import AuthorizedKeys, host_keys
from aiofrp.server.ssh.limits import LoginFailure, Penalties, PendingLogins, source_of
from aiofrp.server.ssh.protocol.connection import SshConnection
from aiofrp.server.ssh.tunnel import Identity, TunnelUser
from aiofrp.server.tables import Tables
from aiofrp.server.vhost.ports import ListenError
from aiofrp.stream.adapter import as_transport
from aiofrp.stream.tcp import TcpListener, TcpStream, set_keepalive
from aiofrp.transport.net import ListenFailed, listen
from aiofrp.wire.addresses import address_of, address_text

_log = logs.get(__name__)
#: For lines that anyone who connects can cause.
_refused = _log.limited(logs.ANYONE)


class Gateway:
    """The SSH tunnel gateway of one frps: :meth:`start` once, then :meth:`close`, then :meth:`stop`."""

    def __init__(self, tables: Tables, opened: Callable[[Arrival], None]) -> None:
        """``opened`` takes logical connections with their first message. Raises
        :class:`~aiofrp.errors.ConfigError` for keys that cannot be used."""
        config = tables.config.ssh_tunnel_gateway
        self.keys = AuthorizedKeys(config.authorized_keys_file) if config.authorized_keys_file else None
        self._tables = tables
        self._opened = opened
        self._options = make_options(self, host_keys(config))
        self._pending = PendingLogins(Penalties(time.monotonic))
        self._transports: set[SshTransport] = set()  # limited by open files
        self._listener: TcpListener | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Host and port in use."""
        assert self._listener is not None, "the gateway is not started"
        return self._listener.address

    async def start(self) -> None:
        """Listen. Raises :class:`~aiofrp.errors.FrpError`."""
        config = self._tables.config
        port = config.ssh_tunnel_gateway.bind_port
        try:
            self._listener = await listen(config.bind_addr, port, self.accept)
        except ListenFailed as exc:
            raise ListenError(f"create ssh gateway error: {exc}") from exc
        _log.info("frps sshTunnelGateway listen on port %d", self._listener.port)
        if self.keys is None:
            protected = config.auth.token.reveal() or config.auth.method == "oidc"
            _log.warning(
                "sshTunnelGateway has no authorizedKeysFile: SSH clients need no key, %s",
                "only the token" if protected else "and there is no token either",
            )

    def close(self) -> None:
        """Take no new connections."""
        if self._listener is not None:
            self._listener.close()

    def stop(self) -> None:
        """End all connections."""
        for transport in list(self._transports):
            transport.end("frps stops")

    def accept(self, stream: TcpStream) -> None:
        """Serve a new connection, or refuse it for a while where its address failed too often."""
        peer = stream.info("peername")
        wait = self._pending.penalties.wait_of(source_of(address_of(peer)[0]))
        if wait:
            _refused.info(
                "[%s] SSH client is refused for %.0f s: too many failed logins", address_text(peer), wait
            )
            stream.write(refusal(f"too many failed logins from your address, try again in {wait:.0f} s"))
            stream.close()
            return
        set_keepalive(stream, self._tables.config.transport.tcp_keepalive)
        transport = SshTransport(self._options, stream)
        self._transports.add(transport)
        transport.pending = self._pending.enter(source_of(address_of(peer)[0]), transport.end)
        as_transport(stream, transport)

    def logged_in(self, transport: SshTransport, identity: Identity) -> None:
        """An SSH login is done; the client has no right yet but what ``identity`` gives it."""
        assert transport.pending is not None
        transport.session = connection = SshConnection(transport)
        TunnelUser(self._tables, self._opened, connection, identity, transport.pending).start()

    def lost(self, transport: SshTransport, exc: Exception | None) -> None:
        """A connection has ended, for ``exc`` or orderly."""
        self._transports.discard(transport)
        pending, session = transport.pending, transport.session
        if session is not None:
            session.ended(exc)
        elif pending is not None:
            if transport.tries:
                pending.failed(LoginFailure.CREDENTIAL)
            elif transport.get_extra_info("client_version"):
                pending.failed(LoginFailure.NOTHING)
        if pending is not None:
            pending.leave()
        if exc is not None and not isinstance(exc, FrpError):
            _refused.debug("[%s] SSH connection ended: %s", address_text(transport.info("peername")), exc)
