"""frps: its listeners and tables, and how a logical connection finds its session."""

from __future__ import annotations

import asyncio
import secrets
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from aiofrp import logs
from aiofrp.aio import Scope
from aiofrp.config.load.unbuilt import refuse_server
from aiofrp.config.models.server import ServerConfig
from aiofrp.errors import FrpError, ProxyError
from aiofrp.host.contexts import Vhost
from aiofrp.host.groups import Groups
from aiofrp.host.relay import layered
from aiofrp.logs import Log, short_id
from aiofrp.server.api.clients import Clients
from aiofrp.server.api.statistics import LOOK_EVERY, REMEMBERED, Observer, Statistics
from aiofrp.server.publish.doors import Visitors
from aiofrp.server.publish.ports import PortTable
from aiofrp.server.publish.proxies import Proxies
from aiofrp.server.reload import Change, change
from aiofrp.server.session.accept import Acceptor
from aiofrp.server.session.admission import Arrival
from aiofrp.server.session.auth import TokenVerifier, Verifier
from aiofrp.server.session.control import ServerControl, check_login_numbers
from aiofrp.server.session.ports import LoginPorts
from aiofrp.server.session.sessions import Sessions, no_session
from aiofrp.server.session.workpool import refusal
from aiofrp.server.vhost.ports import VhostPorts
from aiofrp.stream.base import Stream
from aiofrp.stream.mux.session import MuxLimits
from aiofrp.stream.transform import TransformStream
from aiofrp.transport.base import Carriers
from aiofrp.transport.net import ListenFailed, address_text, bind_tcp, bind_udp
from aiofrp.transport.tls.fresh import server_tls
from aiofrp.version import FRP_VERSION
from aiofrp.wire.frp.auth import derive_key
from aiofrp.wire.frp.messages import Login, LoginResp, NewVisitorConn, NewVisitorConnResp, NewWorkConn

if TYPE_CHECKING:
    from aiofrp.server.api.v1 import ServerApi

_log = logs.get(__name__)
#: For lines that anybody can cause.
_refused = _log.limited(logs.STRANGERS)

#: Characters of each text of a login in the log.
_MOST_SHOWN = 64
#: Seconds running connections may go on after :meth:`Server.stop` is asked for.
GRACE = 5.0


class Server:
    """One frps. ``start`` binds everything, ``stop`` ends it; several may live in one process."""

    def __init__(self, config: ServerConfig) -> None:
        """Raises :class:`~aiofrp.errors.ConfigError` for what this release cannot do."""
        refuse_server(config)
        self.config = config
        self._use_token()
        self.sessions: Sessions[ServerControl] = Sessions()
        self.clients = Clients()
        #: Counted only where the counts can be asked for (docs/protocol/server.md §10).
        self.statistics = Statistics() if config.web_server.port > 0 else None
        self.observers: list[Observer] = [] if self.statistics is None else [self.statistics]
        self.visitors = Visitors()
        self.proxies = Proxies(self)
        self.scope = Scope("frps")
        addr = config.proxy_bind_addr
        allowed = [ports.pair for ports in config.allow_ports]
        self.tcp_ports = PortTable(allowed, lambda port: _can_bind(bind_tcp, addr, port))
        self.udp_ports = PortTable(
            allowed,
            lambda port: _can_bind(bind_udp, addr, port),
            prefix=lambda port: f"acquire port {port} error: ",
        )
        self._login_ports = LoginPorts(config)
        self._vhost_ports = VhostPorts(config)
        self.vhosts: dict[str, Vhost] = self._vhost_ports.tables
        self.groups: defaultdict[str, Groups[Any]] = defaultdict(Groups)  # by proxy type
        self._acceptor: Acceptor | None = None
        self._api: ServerApi | None = None

    def __repr__(self) -> str:
        return f"<Server sessions={len(self.sessions)} proxies={len(self.proxies)}>"

    @property
    def address(self) -> tuple[str, int]:
        """Where frps listens: host and port."""
        return self._login_ports.address

    async def start(self) -> None:
        """Bind every listener. Raises :class:`~aiofrp.errors.FrpError`; nothing stays bound then."""
        config = self.config
        mux = None
        if config.transport.tcp_mux:
            mux = MuxLimits(keepalive_interval=config.transport.tcp_mux_keepalive_interval)
        self._acceptor = Acceptor(
            self._opened,
            tls=server_tls(config.transport.tls).context,
            force_tls=config.transport.tls.force,
            mux=mux,
        )
        try:
            await self._open_api()
            await self._listen(self._acceptor)
        except FrpError:
            self._close_listeners()
            await self._close_api()
            raise
        _log.info("frps started successfully")
        if self._api is not None and self.statistics is not None:
            self.scope.spawn(_forget_old(self.statistics), "statistics")
            _log.info("dashboard listen on %s", self._api.address)

    async def stop(self, grace: float = GRACE) -> None:
        """Stop accepting, let running connections finish for ``grace`` seconds, then end everything."""
        self._close_listeners()
        await self._close_api()
        sessions = self.sessions.all()
        for session in sessions:
            await session.stop_proxies()
        await self.proxies.drain(grace)
        for session in sessions:
            await session.close()
        self._vhost_ports.abort()
        if self._acceptor is not None:
            self._acceptor.not_logged_in.abort()
            for mux in list(self._acceptor.sessions):
                mux.close()
        await self.scope.close()
        await self._login_ports.drain()

    def apply(self, config: ServerConfig) -> Change:
        """Take over what of ``config`` can change at run time; returns what did and what needs a restart.

        Certificates are read again even if their names are the same. Clients logged in keep their token.
        Raises :class:`~aiofrp.errors.ConfigError` for unusable certificates; nothing is changed then.
        """
        outcome = change(self.config, config)
        tls = outcome.config.transport.tls
        if self._acceptor is not None and (tls.cert_file or tls.key_file or tls.trusted_ca_file):
            self._acceptor.use_tls(server_tls(tls).context)
        self.config = outcome.config
        self._use_token()
        for table in (self.tcp_ports, self.udp_ports):
            table.allow(ports.pair for ports in self.config.allow_ports)
        return outcome

    def _use_token(self) -> None:
        """Judge logins from now on by the configured token."""
        token = self.config.auth.token.reveal()
        self.key = derive_key(token)
        auth = self.config.auth
        self.auth: Verifier = TokenVerifier(token, auth.additional_scopes, auth.authentication_timeout)

    def explain(self, error: FrpError, summary: str) -> str:
        """What the client is told: the error, or only ``summary`` without ``detailedErrorsToClient``."""
        return str(error) if self.config.detailed_errors_to_client else summary

    # Listeners, in the order of the reference (docs/protocol/server.md §1.1)

    async def _listen(self, acceptor: Acceptor) -> None:
        await self._vhost_ports.listen_tcpmux()
        await self._login_ports.listen(
            Carriers(shared=self._accepted, carrier=acceptor.carrier, logical=acceptor.logical)
        )
        await self._vhost_ports.listen_http()

    async def _open_api(self) -> None:
        if self.statistics is None:
            return
        from aiofrp.server.api.v1 import ServerApi

        metrics = None
        if self.config.enable_prometheus:
            from aiofrp.server.api.metrics import Metrics

            metrics = Metrics()
            self.observers.append(metrics)
        api = ServerApi(self, self.statistics, metrics)
        await api.start()
        self._api = api

    async def _close_api(self) -> None:
        if self._api is not None:
            await self._api.close()

    def _close_listeners(self) -> None:
        self._login_ports.close()
        self._vhost_ports.close()

    # Connections

    def _accepted(self, stream: Stream) -> None:
        assert self._acceptor is not None
        self._acceptor.shared_port(stream, self._vhost_ports.accept, self._vhost_ports.on_bind_port)

    def _opened(self, arrival: Arrival) -> None:
        match arrival.message:
            case NewWorkConn() as message:
                self._work_connection(arrival, message)
            case Login() as message:
                self.scope.spawn(self._login(arrival, message), f"login {short_id(message.run_id)}")
            case NewVisitorConn() as message:
                self._visitor_connection(arrival, message)
            case _:
                peer = address_text(arrival.stream.info("peername"))
                _refused.warning("error message type for the new connection [%s]", peer)
                arrival.refuse()

    async def _login(self, arrival: Arrival, login: Login) -> None:
        codec, stream = arrival.codec, arrival.stream
        run_id = login.run_id or secrets.token_hex(8)
        try:
            layer = codec.control_layer(self.config.auth.token.reveal(), server=True)
            check_login_numbers(login)
            self.auth.check_login(login)
        except FrpError as exc:
            _tell_login(_refused, run_id, arrival, login)
            self._refuse_login(arrival, exc)
            return
        _tell_login(_log, run_id, arrival, login)
        try:
            self.clients.check_run_id(login)
            control = ServerControl(self, login, run_id, codec, arrival.carrier)
            await self.sessions.admit(control)
        except FrpError as exc:
            self._refuse_login(arrival, exc)
            return
        arrival.grant()
        control.start(TransformStream(stream, [layer]), stream)

    def _refuse_login(self, arrival: Arrival, exc: FrpError) -> None:
        _refused.warning("register control error: %s", exc)
        error = self.explain(exc, "register control error")
        arrival.refuse(arrival.codec.encode(LoginResp(version=FRP_VERSION, error=error)))

    def _work_connection(self, arrival: Arrival, message: NewWorkConn) -> None:
        try:
            control = self._session_of(message.run_id, arrival)
        except ProxyError as exc:
            _refused.warning("%s", exc)
            arrival.refuse(refusal(arrival.codec, self.explain(exc, "invalid NewWorkConn")))
            return
        control.add_work_connection(arrival, message)

    def _visitor_connection(self, arrival: Arrival, message: NewVisitorConn) -> None:
        name, codec = message.proxy_name, arrival.codec
        try:
            door = self.visitors.find(message, self._user_of(message.run_id, arrival))
        except FrpError as exc:
            _refused.warning("register visitor conn error: %s", exc)
            error = self.explain(exc, "register visitor conn error")
            arrival.refuse(codec.encode(NewVisitorConnResp(proxy_name=name, error=error)))
            return
        arrival.grant()
        arrival.stream.write(codec.encode(NewVisitorConnResp(proxy_name=name)))
        door.accept(layered(arrival.stream, message, derive_key(door.secret_key)), codec)

    def _user_of(self, run_id: str, arrival: Arrival) -> str:
        """The user of a client; an empty run id is nobody's. Raises :class:`~aiofrp.errors.ProxyError`."""
        return self._session_of(run_id, arrival).user if run_id else ""

    def _session_of(self, run_id: str, arrival: Arrival) -> ServerControl:
        """The session ``arrival`` belongs to. Raises :class:`~aiofrp.errors.ProxyError`.

        A carrier that is shared proves whose connection it is: the one that the login came over. Over any other a run
        id is worth nothing, and the answer does not tell whether it exists.
        """
        control = self.sessions.find(run_id)
        if control.carrier is not arrival.carrier:
            control.message_log.warning(
                "a connection from [%s] with the run id of this client is refused: it does not come over the "
                "connection of its login",
                address_text(arrival.stream.info("peername")),
            )
            raise no_session(run_id)
        return control


def _tell_login(log: Log, run_id: str, arrival: Arrival, login: Login) -> None:
    log.bind(short_id(run_id)).info(
        "client login info: ip [%s] version [%s] hostname [%s] os [%s] arch [%s]",
        address_text(arrival.stream.info("peername")),
        *(text[:_MOST_SHOWN] for text in (login.version, login.hostname, login.os, login.arch)),
    )


async def _forget_old(statistics: Statistics) -> None:
    while True:
        await asyncio.sleep(LOOK_EVERY)
        count, total = statistics.prune(REMEMBERED)
        _log.debug("clear useless proxy statistics data count %d/%d", count, total)


def _can_bind(bind: object, host: str, port: int) -> bool:
    try:
        bind(host, port).close()  # type: ignore[operator]
    except ListenFailed:
        return False
    return True


__all__ = ["GRACE", "Server"]
