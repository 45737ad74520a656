"""frps: makes its parts, starts and stops them, and passes a new configuration on. Decides nothing itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiofrp import logs
from aiofrp.config.models.server import ServerConfig
from aiofrp.errors import FrpError
from aiofrp.server.api.statistics import PRUNE_EVERY, REMEMBERED, Statistics
from aiofrp.server.explain import listen_hint
from aiofrp.server.hooks import Hooks, in_turn
from aiofrp.server.publish.flow import Flow
from aiofrp.server.publish.proxies import Proxies
from aiofrp.server.reload import Change, change
from aiofrp.server.session.accept import Acceptor
from aiofrp.server.session.arrivals import Arrivals
from aiofrp.server.session.ports import LoginPorts
from aiofrp.server.tables import tables_of, token_verifier
from aiofrp.server.vhost.ports import VhostPorts
from aiofrp.stream.base import Stream
from aiofrp.stream.mux.limits import MuxLimits
from aiofrp.transport.base import Carriers
from aiofrp.transport.tls.fresh import server_tls

if TYPE_CHECKING:
    from aiofrp.server.api.v1 import ServerApi
    from aiofrp.server.oidc.provider import Provider
    from aiofrp.server.plugins.chain import HttpPlugins
    from aiofrp.server.ssh.service import Gateway

_log = logs.get(__name__)

#: Seconds running connections may go on after :meth:`Server.stop` is asked for.
GRACE = 4.0
#: Seconds that hooks get to note the end of the last proxies.
NOTICE_GRACE = 3.0


class Server:
    """One frps: :meth:`start` once, then :meth:`apply` as often as wanted, then :meth:`stop` once.

    Several may live in one process.
    """

    def __init__(self, config: ServerConfig, *, hooks: Hooks | None = None) -> None:
        """Open nothing yet. ``hooks`` are asked after the plugins of the configuration, and about what those leave.
        Raises :class:`~aiofrp.errors.ConfigError`."""
        self._login_ports = LoginPorts(config)
        self._vhost_ports = VhostPorts(config)
        self._provider: Provider | None = None
        make_verifier = token_verifier
        if config.auth.method == "oidc":
            from aiofrp.server.oidc.provider import Provider

            self._provider = Provider(config.auth.oidc)
            make_verifier = self._provider.verifier
        self.tables = tables_of(config, self._vhost_ports.tables, make_verifier)
        #: Counted only where the counts can be asked for (docs/protocol/server.md §10).
        self.statistics = Statistics() if config.web_server.port > 0 else None
        if self.statistics is not None:
            self.tables.observers.append(self.statistics)
        self._plugins: HttpPlugins | None = None
        if config.http_plugins:
            from aiofrp.server.plugins.chain import HttpPlugins

            self._plugins = HttpPlugins(config.http_plugins, self.tables.scope)
        self.tables.hooks = in_turn(*filter(None, (self._plugins, hooks)))
        self._flow = Flow()
        self.proxies = Proxies(self.tables, None if self.statistics is None else self._flow)
        self._arrivals = Arrivals(self.tables, self.proxies)
        self._acceptor: Acceptor | None = None
        self._api: ServerApi | None = None
        self._ssh: Gateway | None = None

    def __repr__(self) -> str:
        return f"<Server sessions={len(self.tables.sessions)} proxies={len(self.proxies)}>"

    @property
    def config(self) -> ServerConfig:
        """The configuration it runs with; :meth:`apply` replaces it."""
        return self.tables.config

    @property
    def address(self) -> tuple[str, int]:
        """Where frps listens: host and port."""
        return self._login_ports.address

    async def start(self) -> None:
        """Learn where the OIDC provider's keys are, if there is one, then bind every listener.

        Raises :class:`~aiofrp.errors.FrpError`; nothing stays bound then, nor when the call is cancelled.
        """
        try:
            await self._start(self.config)
        except FrpError as exc:
            exc.hint = exc.hint or listen_hint(exc, self.config)
            raise

    async def _start(self, config: ServerConfig) -> None:
        if self._provider is not None:
            await self._provider.discover()
        mux = None
        if config.transport.tcp_mux:
            mux = MuxLimits(keepalive_interval=config.transport.tcp_mux_keepalive_interval)
        tls = server_tls(config.transport.tls)
        self._acceptor = Acceptor(
            self._arrivals.opened,
            tls=tls.context,
            force_tls=config.transport.tls.force,
            mux=mux,
        )
        try:
            await self._open_api()
            await self._listen(self._acceptor)
        except BaseException:
            self._close_listeners()
            await self._close_api()
            raise
        _log.info("frps started successfully")
        asyncio.get_running_loop().call_soon(tls.context)  # before the first client asks for it
        if self._api is not None and self.statistics is not None:
            self.tables.scope.spawn(_forget_old(self.statistics), "statistics")
            self._api.watch(self.tables.scope)
            _log.info("dashboard listen on %s", self._api.address)

    @property
    def open_connections(self) -> int:
        """How many connections of users are open."""
        return self.proxies.open_connections

    async def stop(self, grace: float = GRACE) -> None:
        """Stop accepting, let running connections finish for ``grace`` seconds, then end everything."""
        self._close_listeners()
        await self._close_api()
        sessions = self.tables.sessions.all()
        for session in sessions:
            await session.stop_proxies()
        await self.proxies.drain(grace)
        for session in sessions:
            await session.close()
        if self._ssh is not None:
            self._ssh.stop()
        if left := await self.tables.notices.drain(NOTICE_GRACE):
            _log.warning("frps stops before hooks are told that %d proxies are closed", left)
        self._vhost_ports.abort()
        if self._acceptor is not None:
            self._acceptor.not_logged_in.abort()
            for mux in list(self._acceptor.sessions):
                mux.close()
        await self.tables.scope.close()
        if self._plugins is not None:
            self._plugins.close()
        await self._login_ports.drain()
        if self._api is not None:
            await self._api.save()

    def apply(self, config: ServerConfig) -> Change:
        """Take over what of ``config`` can change at run time; returns what did and what needs a restart.

        Certificates are read again even if their names are the same. Clients logged in keep their token.
        Raises :class:`~aiofrp.errors.ConfigError` for unusable certificates; nothing is changed then.
        """
        outcome = change(self.config, config)
        tls = outcome.config.transport.tls
        if self._acceptor is not None and (tls.cert_file or tls.key_file or tls.trusted_ca_file):
            self._acceptor.use_tls(server_tls(tls).context)
        self.tables.use(outcome.config)
        return outcome

    # Listeners, in the order of the reference (docs/protocol/server.md §1.1)

    async def _listen(self, acceptor: Acceptor) -> None:
        await self._vhost_ports.listen_tcpmux()
        await self._login_ports.listen(
            Carriers(shared=self._accepted, carrier=acceptor.carrier, logical=acceptor.logical)
        )
        if self.config.ssh_tunnel_gateway.bind_port > 0:
            from aiofrp.server.ssh.service import Gateway

            self._ssh = await asyncio.to_thread(Gateway, self.tables, self._arrivals.opened)
            await self._ssh.start()
        await self._vhost_ports.listen_http()

    async def _open_api(self) -> None:
        if self.statistics is None:
            return
        from aiofrp.server.api.v1 import ServerApi

        metrics = None
        if self.config.enable_prometheus:
            from aiofrp.server.api.metrics import Metrics

            metrics = Metrics()
            self.tables.observers.append(metrics)
        api = ServerApi(self.tables, self.statistics, self.proxies, self._flow, metrics)
        await api.start()
        self._api = api

    async def _close_api(self) -> None:
        if self._api is not None:
            await self._api.close()

    def _close_listeners(self) -> None:
        self._login_ports.close()
        self._vhost_ports.close()
        if self._ssh is not None:
            self._ssh.close()

    # Connections

    def _accepted(self, stream: Stream) -> None:
        assert self._acceptor is not None
        self._acceptor.shared_port(stream, self._vhost_ports.on_bind_port)


async def _forget_old(statistics: Statistics) -> None:
    while True:
        await asyncio.sleep(PRUNE_EVERY)
        count, total = statistics.prune(REMEMBERED)
        _log.debug("clear useless proxy statistics data count %d/%d", count, total)


__all__ = ["GRACE", "Server"]
