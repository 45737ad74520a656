"""What one SSH client gets: it says which service it offers (``-R``) and what it wants (its command), and is served
until it leaves (docs/protocol/server.md §15)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from aiofrp import logs
from aiofrp.aio import Scope
from aiofrp.config.models.proxy import ProxyConfig
from aiofrp.errors import AuthError, FrpError
from aiofrp.server.session.admission import Arrival
from aiofrp.server.session.auth import Vouched
from aiofrp.server.ssh.command import HelpWanted, TunnelCommand, numbered, read_command, usage
from aiofrp.server.ssh.limits import LoginFailure, PendingLogin
from aiofrp.server.ssh.live import Counts, addresses, success
from aiofrp.server.ssh.protocol.connection import SshConnection
from aiofrp.server.ssh.protocol.terminal import Terminal
from aiofrp.server.ssh.session import SshTunnelClient, Where
from aiofrp.server.tables import Tables
from aiofrp.wire.addresses import address_of, address_text
from aiofrp.wire.qrcode import qr_code

#: Seconds after the SSH login until a command must come, and after the command until a ``-R`` must.
COMMAND_AFTER, FORWARD_AFTER = 10.0, 3.0
#: Seconds a client has to take the exit status and to leave.
LEAVE_AFTER = 2.0
#: The port that a client uses for ``-R 0``; nobody else uses it.
_FIRST_PORT = 1

_log = logs.get(__name__)
#: For lines that anyone who connects can cause.
_refused = _log.limited(logs.ANYONE)

NO_COMMAND = (
    "no command was given: end the command line with one, such as tcp --remote_port 6000, and leave out -N"
)
NO_FORWARD = "no -R was given: say which service to publish, such as ssh -R :80:127.0.0.1:8080"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who logged in over SSH: the user of the key, and the key's fingerprint; both empty when no key was needed."""

    user: str = ""
    fingerprint: str = ""


@dataclass(slots=True, eq=False)
class _Forward:
    """One ``-R`` of the client."""

    where: Where  #: as the client names it, with the port it was given instead of 0
    asked: Where
    name: str = ""  #: of its proxy, once it runs
    remote: str = ""  #: where its users go


@dataclass(slots=True)
class TunnelUser:
    """The tunnel of one SSH client, from its SSH login to its end; see
    :class:`aiofrp.server.ssh.protocol.connection.ConnectionUser`."""

    tables: Tables
    opened: Callable[[Arrival], None]  #: takes the logical connections of the client within frps
    connection: SshConnection
    identity: Identity
    pending: PendingLogin
    _forwards: list[_Forward] = field(default_factory=list)  #: limited by MAX_FORWARDS
    _terminal: Terminal | None = None  #: of the command
    _command: TunnelCommand | None = None
    _client: SshTunnelClient | None = None
    _running: bool = False
    _ending: bool = False
    _counted: int = 0  #: forwards so far
    _counts: Counts | None = None
    _timer: asyncio.TimerHandle | None = None
    _scope: Scope = field(default_factory=lambda: Scope("ssh tunnel"))

    def start(self) -> None:
        """The SSH login is done: wait for a command."""
        self.connection.serve(self)
        self._wait(COMMAND_AFTER, self._no_command)

    # What the client asks for

    def forward_asked(self, where: Where) -> int | None:
        """See :meth:`aiofrp.server.ssh.protocol.connection.ConnectionUser.forward_asked`."""
        if self._ending or self._find(where) is not None:
            return None
        given = where if where[1] else (where[0], self._free_port(where[0]))
        forward = _Forward(given, where)
        self._forwards.append(forward)
        if self._running:
            self._scope.spawn(self._publish_later(forward), "publish")
        elif self._command is not None and self._client is None:
            self._begin()
        return given[1]

    def forward_cancelled(self, where: Where) -> bool:
        """See :meth:`aiofrp.server.ssh.protocol.connection.ConnectionUser.forward_cancelled`."""
        forward = self._find(where)
        if forward is None:
            return False
        self._forwards.remove(forward)
        if self._client is not None and forward.name:
            self._client.withdraw(forward.name)
        return True

    def command(self, terminal: Terminal, text: str) -> None:
        """See :class:`aiofrp.server.ssh.protocol.terminal.TerminalUser`."""
        if self._terminal is not None:
            terminal.show("this connection has its command already; open another one for another command")
            terminal.exit(1)
            return
        self._terminal = terminal
        if not text:
            self._finish(usage(), 1)
            return
        try:
            self._command = read_command(text)
        except HelpWanted as exc:
            self._finish(str(exc), 0)
        except FrpError as exc:
            _refused.info("[%s] command of an SSH client is refused: %s", self._peer, exc)
            self._finish(str(exc), 1)
        else:
            if self._forwards:
                self._begin()
            else:
                self._wait(FORWARD_AFTER, lambda: self._finish(NO_FORWARD, 1))

    def interrupted(self, terminal: Terminal) -> None:
        """See :class:`aiofrp.server.ssh.protocol.terminal.TerminalUser`."""
        if terminal is self._terminal:
            self._finish("", 130)

    def terminal_closed(self, terminal: Terminal) -> None:
        """See :class:`aiofrp.server.ssh.protocol.terminal.TerminalUser`. The tunnel goes on: some clients close the
        session once they have sent the command."""
        if self._counts is not None and terminal is self._terminal:
            self._counts.stop()

    def alive(self) -> None:
        """See :class:`aiofrp.server.ssh.protocol.connection.ConnectionUser`."""
        if self._client is not None:
            self._client.alive()

    def ended(self, exc: Exception | None) -> None:
        """See :class:`aiofrp.server.ssh.protocol.connection.ConnectionUser`."""
        self._ending = True
        self.pending.leave()
        self._stop()
        if self._client is not None:
            self._client.close()
        self.tables.scope.spawn(self._scope.close(), "end of an ssh tunnel")

    # Private: serving

    def _begin(self) -> None:
        self._cancel_timer()
        command = self._command
        assert command is not None
        self._client = SshTunnelClient(self.opened, self.connection, self._lost, self.tables.config)
        self._scope.spawn(self._serve(command, self._client), "serve")

    async def _serve(self, command: TunnelCommand, client: SshTunnelClient) -> None:
        try:
            await self._log_in(command, client)
            alone = len(self._forwards) == 1
            proxies = [await self._publish(forward, alone) for forward in self._forwards]
        except FrpError as exc:
            if isinstance(exc, AuthError):
                self.pending.failed(LoginFailure.CREDENTIAL)
            self._finish(str(exc), 1)
            return
        self._running = True
        self._show(proxies)

    async def _log_in(self, command: TunnelCommand, client: SshTunnelClient) -> None:
        identity = self.identity
        vouched = Vouched(f"ssh {identity.fingerprint}") if identity.fingerprint else None
        await client.login(
            user=identity.user or command.user,
            token=command.token,
            client_id=command.client_id,
            vouched=vouched,
        )
        self.pending.leave()

    async def _publish(self, forward: _Forward, alone: bool) -> tuple[ProxyConfig, str]:
        """Start the proxy of one ``-R``; returns it with its remote address. Raises :class:`FrpError`."""
        assert self._command is not None
        assert self._client is not None
        index, self._counted = self._counted, self._counted + 1
        proxy = numbered(self._command, index, forward.asked, alone=alone)
        forward.remote = await self._client.publish(proxy, forward.where)
        forward.name = proxy.name
        if forward not in self._forwards:  # cancelled meanwhile
            self._client.withdraw(proxy.name)
        return proxy, forward.remote

    async def _publish_later(self, forward: _Forward) -> None:
        """A ``-R`` that the client added while its tunnel runs."""
        try:
            proxy, remote = await self._publish(forward, alone=False)
        except FrpError as exc:
            if self._terminal is not None:
                self._terminal.show(f"the service at -R {forward.asked[1]} is not published: {exc}")
        else:
            self._show([(proxy, remote)])

    def _show(self, proxies: list[tuple[ProxyConfig, str]]) -> None:
        terminal, command = self._terminal, self._command
        if terminal is None or command is None:
            return
        terminal.show(success(self.identity.user or command.user, proxies))
        host = address_of(self.connection.info("sockname"))[0]
        for proxy, remote in proxies:
            for where in addresses(proxy, remote, host):
                if terminal.raw:
                    terminal.show(f"Visit: {where}")
                if command.qr:
                    terminal.show(qr_code(where))
        if any(not forward.asked[1] for forward in self._forwards):
            terminal.show("The port of -R has no meaning here: users go to the RemoteAddress above.")
        if terminal.raw and self._counts is None:
            self._counts = Counts(terminal, self._numbers)
            self._counts.start()

    def _numbers(self) -> tuple[int, int, int, int]:
        client = self._client
        assert client is not None
        connection = self.connection
        return connection.open_channels, client.users, connection.bytes_in, connection.bytes_out

    def _lost(self, error: FrpError) -> None:
        """frps ended the login: an administrator did, or it stops."""
        self._finish(str(error), 1)

    # Private: the end

    def _no_command(self) -> None:
        self.connection.disconnect(NO_COMMAND)

    def _finish(self, text: str, status: int) -> None:
        """Show ``text``, send the exit status, and close the connection when the client had time to take both."""
        if self._ending:
            return
        self._ending = True
        self._stop()
        if self._client is not None:
            self._client.close()
        terminal = self._terminal
        if terminal is None or terminal.closed:
            self.connection.disconnect(text)
            return
        if self._running:
            terminal.show("")
        if text:
            terminal.show(text)
        terminal.exit(status)
        self._wait(LEAVE_AFTER, lambda: self.connection.disconnect(text or "the tunnel has ended"))

    def _stop(self) -> None:
        self._cancel_timer()
        if self._counts is not None:
            self._counts.stop()

    def _wait(self, seconds: float, then: Callable[[], None]) -> None:
        self._cancel_timer()
        self._timer = asyncio.get_running_loop().call_later(seconds, then)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # Private: forwards

    @property
    def _peer(self) -> str:
        return address_text(self.connection.info("peername"))

    def _find(self, where: Where) -> _Forward | None:
        return next((forward for forward in self._forwards if forward.where == where), None)

    def _free_port(self, host: str) -> int:
        taken = {forward.where for forward in self._forwards}
        port = _FIRST_PORT
        while (host, port) in taken:
            port += 1
        return port
