"""frpc: log in, stay logged in, come back (docs/protocol/client.md §1)."""

from __future__ import annotations

import asyncio
import platform
import socket
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from aiofrp import logs
from aiofrp.aio import Scope
from aiofrp.client.auth import Credentials, TokenCredentials
from aiofrp.client.backoff import Backoff
from aiofrp.client.control import ClientControl
from aiofrp.client.dialing import dial_options, go_arch, shares_carrier
from aiofrp.client.live import LiveConfig
from aiofrp.client.loginstate import LoginState
from aiofrp.client.proxies import ClientProxies, Surroundings
from aiofrp.client.sources.file import ConfigSource
from aiofrp.client.sources.store import StoreChange
from aiofrp.client.visitors import ClientVisitors
from aiofrp.config.models.client import ClientConfig
from aiofrp.errors import SEEN, AuthError, Closed, FrpError, LoginFailed, RemoteProtocolError, TimedOut
from aiofrp.hints.later import Repeats
from aiofrp.host.contexts import MakeClient
from aiofrp.stream.base import Stream
from aiofrp.stream.reader import Reader
from aiofrp.stream.transform import TransformStream
from aiofrp.transport.base import Session, transport_of
from aiofrp.transport.net import listen_tcp
from aiofrp.transport.resolve import use_dns_server
from aiofrp.version import FRP_VERSION
from aiofrp.wire.addresses import join_host_port
from aiofrp.wire.frp.auth import derive_key
from aiofrp.wire.frp.codec import V1, Codec
from aiofrp.wire.frp.codec2 import V2
from aiofrp.wire.frp.hello import Bootstrap
from aiofrp.wire.frp.messages import Login, LoginResp, Message
from aiofrp.wire.frp.opening import LoginExchange, LoginV1, LoginV2
from aiofrp.wire.frp.udppacket import MAX_MESSAGE
from aiofrp.wire.transforms.base import Transform

if TYPE_CHECKING:
    from aiofrp.client.api.admin import AdminApi
    from aiofrp.vnet.network import Network

#: Seconds frps has to answer a login (docs/protocol/client.md §1.2).
LOGIN_TIMEOUT = 10.0
#: Seconds running connections may go on after :meth:`Client.stop`.
CONNECTION_GRACE = 4.0
#: Seconds that what was written last has to leave when frpc stops.
GRACE = 0.2
#: The same where the transport has no message for its end (docs/protocol/wire.md §4).
DATAGRAM_GRACE = 0.5

_log = logs.get(__name__)


class Client:
    """One frpc. ``run`` logs in and serves until ``stop``; one process may have several."""

    def __init__(
        self,
        config: ClientConfig,
        source: ConfigSource | None = None,
        halves: Mapping[str, MakeClient] | None = None,
    ) -> None:
        """``source`` is where :meth:`reload` and the admin API find the configuration again; ``halves`` serve
        users of the proxies they are named after in this process.

        Raises :class:`~aiofrp.errors.ConfigError` for unusable TLS files.
        """
        self.run_id = self.server_version = ""
        self.login = LoginState()
        token = config.auth.token.reveal()
        self._key = derive_key(token)
        self._codec: Codec = V2 if config.transport.wire_protocol == "v2" else V1
        self._scope = Scope("frpc")
        self._credentials = self._credentials_of(config)
        self._network = _network_of(config)
        around = Surroundings.of(config, self._key, self._codec, self._network, halves or {})
        self.proxies = ClientProxies(config.proxies, around)
        self.visitors = ClientVisitors(config.visitors, around)
        self._live = LiveConfig(config, source, self.proxies, self.visitors, self._scope)
        self._options = dial_options(config)
        self._transport = transport_of(config.transport.protocol)()
        self._control: ClientControl | None = None
        self._backoff = Backoff()
        self._stopping = asyncio.Event()
        self._attempt: asyncio.Timeout | None = None  # of the login that is tried now; stop() lets it pass
        self._wake = asyncio.Event()  # stopping, or the session was lost
        self._admin: AdminApi | None = None
        self._hints = Repeats()
        self._grace = CONNECTION_GRACE
        self._log = _log

    def __repr__(self) -> str:
        state = "online" if self._control is not None else "offline"
        return f"<Client {state} run_id={self.run_id} {self.proxies!r}>"

    @property
    def config(self) -> ClientConfig:
        """What it runs by now."""
        return self._live.config

    @property
    def source(self) -> ConfigSource | None:
        """Where :meth:`reload` and the admin API find the configuration again."""
        return self._live.source

    async def run(self) -> None:
        """Log in, serve, reconnect, until :meth:`stop`.

        Raises :class:`LoginFailed` when the first login fails and ``loginFailExit`` is on, and
        :class:`~aiofrp.errors.FrpError` when there is no virtual network or the admin API cannot listen.
        """
        if self.config.dns_server:
            use_dns_server(self.config.dns_server)
        try:
            if self._network is not None:
                await self._network.open()
            await self._open_admin()
            while not self._stopping.is_set():
                await self._one_session()
        finally:
            await self._shut_down()

    def stop(self, grace: float = CONNECTION_GRACE) -> None:
        """Ask :meth:`run` to withdraw the proxies and return; running connections may go on for ``grace`` seconds.
        A login that waits for the server is given up at once."""
        self._grace = grace
        self._stopping.set()
        self._wake.set()
        if self._attempt is not None:
            self._attempt.reschedule(0)
            self._attempt = None

    @property
    def open_connections(self) -> int:
        """How many connections of users of its proxies and visitors are open."""
        return self.proxies.open_connections + len(self.visitors.connections)

    async def reload(self, *, strict: bool | None = None) -> None:
        """Load the configuration again and go over to its proxies; whatever else changed waits for a restart.

        ``strict``: whether unknown keys are errors, by default as at the start. Raises
        :class:`~aiofrp.errors.ConfigError`, and nothing is changed then.
        """
        await self._live.reload(strict=strict)

    async def change_store(self, change: StoreChange) -> None:
        """Change the store; see :meth:`aiofrp.client.live.LiveConfig.change_store`."""
        await self._live.change_store(change)

    async def _open_admin(self) -> None:
        """Serve the admin API, if it is configured, also while the login is tried."""
        server = self.config.web_server
        if server.port > 0:
            try:
                sock = listen_tcp(server.addr, server.port)
                # The web server takes a twentieth of a second to load; who connects meanwhile waits in the backlog.
                from aiofrp.client.api.admin import AdminApi

                admin = AdminApi(self)
                await admin.start(sock)
            except FrpError as exc:
                from aiofrp.client.hints.facts import listen_hint

                exc.hint = listen_hint(exc, self.config)
                raise
            self._admin = admin
            self._log.info("admin server listen on %s", admin.address)

    def _credentials_of(self, config: ClientConfig) -> Credentials:
        auth = config.auth
        if auth.method == "oidc":
            from aiofrp.client.oidc.credentials import oidc_credentials

            return oidc_credentials(auth, self._codec.max_frame, self._scope)
        return TokenCredentials(
            auth.token.reveal(), auth.additional_scopes, prove_work=not shares_carrier(config)
        )

    # Private: sessions

    async def _one_session(self) -> None:
        """One attempt, the session it gave, and the pause after it."""
        try:
            control = await self._attempted_login()
        except FrpError as exc:
            await self._not_connected(exc)
        else:
            if control is None:
                return
            self._hints.forget("server")
            began = time.monotonic()
            self.login.connected()
            await self.visitors.session_started(control.open, control.messages, self.run_id, self._log)
            reason = await self._until_lost(control)
            if reason is None:
                return  # asked to stop: the session serves its running connections to their end
            self._log.warning("session ended: %s", reason)
            self.login.failed(reason)
            await self._leave(control)
            self._backoff.succeeded(time.monotonic() - began)
        if not self._stopping.is_set():
            await self._pause(self._backoff.next_delay(time.monotonic()))

    async def _not_connected(self, error: FrpError) -> None:
        """Log why there is no session. Raises :class:`LoginFailed` where that is the end."""
        from aiofrp.client.hints.facts import connect_hint  # here, as it takes long to load

        error.hint = hint = error.hint or await connect_hint(error, self.config)
        self.login.failed(error)
        if not self.run_id and self.config.login_fail_exit:
            failed = LoginFailed(
                f"login to the server failed: {error.text}. "
                "With loginFailExit enabled, no additional retries will be attempted"
            )
            failed.hint = hint
            raise failed from error
        error.hint = hint if self._hints.due("server", hint) else None
        self._log.warning("connect to server error: %s", error)

    async def _until_lost(self, control: ClientControl) -> FrpError | None:
        """The reason a session ended; ``None`` when :meth:`stop` was asked for first."""
        control.lost.add_done_callback(lambda _: self._wake.set())
        await self._wake.wait()
        self._wake.clear()
        return control.lost.result() if control.lost.done() else None

    async def _leave(self, control: ClientControl) -> None:
        self._control = None
        await self.visitors.session_lost()
        await self.proxies.session_lost()
        await control.close()

    async def _pause(self, delay: float) -> None:
        try:
            async with asyncio.timeout(delay):
                await self._stopping.wait()
        except TimeoutError:
            return

    async def _shut_down(self) -> None:
        self.login.stopped()
        if self._admin is not None:
            await self._admin.close()
        if self._control is not None:
            control, self._control = self._control, None
            await asyncio.gather(self.proxies.close(self._grace), self.visitors.close(self._grace))
            await asyncio.sleep(DATAGRAM_GRACE if self._transport.over_datagrams else GRACE)
            await control.close()
        else:
            await asyncio.gather(self.proxies.close(0), self.visitors.close(0))
        if self._network is not None:
            await self._network.close()
        await self._scope.close()

    # Private: login

    async def _attempted_login(self) -> ClientControl | None:
        """A login; ``None`` when :meth:`stop` was called before its end."""
        try:
            async with asyncio.timeout(None) as self._attempt:
                return await self._log_in()
        except TimeoutError:
            if not self._stopping.is_set():
                raise
            return None
        finally:
            self._attempt = None

    async def _log_in(self) -> ClientControl:
        self._log.info("try to connect to server...")
        try:
            login = await self._login_message()  # first, as its credential may take longer than frps waits
        except FrpError as exc:
            raise self._with_hint(exc, answered=False) from None
        session = await self._transport.connect(self._options)
        try:
            stream = await _open(session)
            response, layer = await self._exchange(stream, login)
        except FrpError as exc:
            answered = session.answered
            await session.close()
            raise self._with_hint(exc, answered=answered) from exc.__cause__
        except BaseException:
            await session.close()
            raise
        self.run_id, self.server_version = response.run_id, response.version
        shown = logs.short_id(self.run_id)
        self._log = _log.bind(shown)
        self._log.info("login to server success, get run id [%s]", shown)
        return self._start_control(session, TransformStream(stream, [layer]))

    async def _exchange(self, stream: Stream, login: Login) -> tuple[LoginResp, Transform]:
        """Send ``login``, read its answer; returns it with the encryption agreed on. Nobody is attached to ``stream``
        afterwards."""
        exchange = self._login_exchange()
        stream.write(exchange.first_bytes(login))
        reader = Reader(stream)
        message: Message | None = None
        try:
            async with asyncio.timeout(LOGIN_TIMEOUT):
                while message is None:
                    if not (data := await reader.read()):
                        raise Closed("the server has ended the connection")
                    message = _received(exchange, data)
        except TimeoutError:
            raise TimedOut(f"no answer to the login within {LOGIN_TIMEOUT:g} s") from None
        except Closed as exc:
            if "connection refused" in exc.text:  # of datagrams: the way, not the login
                raise
            where = join_host_port(self._options.host, self._options.port)
            raise Closed(f"{where} closed the connection without an answer to the login") from exc
        if not isinstance(message, LoginResp):
            raise RemoteProtocolError(f"the server answered the login with {type(message).__name__}")
        if message.error:
            raise AuthError(message.error)
        reader.detach()
        stream.unread(exchange.leftover())
        return message, exchange.codec.control_layer(self.config.auth.token.reveal(), server=False)

    def _with_hint(self, error: FrpError, *, answered: bool) -> FrpError:
        from aiofrp.client.hints.facts import login_hint  # here, as it takes long to load

        error.hint = login_hint(error, self.config, answered=answered)
        return error

    def _login_exchange(self) -> LoginExchange:
        if self._codec is V1:
            return LoginV1()
        transport = self.config.transport
        tls = self._options.tls is not None
        return LoginV2(Bootstrap(transport=transport.protocol, tls=tls, tcp_mux=transport.tcp_mux))

    def _start_control(self, session: Session, secured: Stream) -> ClientControl:
        transport = self.config.transport
        control = ClientControl(
            session,
            self._codec,
            self.run_id,
            self._credentials,
            self.proxies,
            self._log,
            heartbeat_interval=transport.heartbeat_interval,
            heartbeat_timeout=transport.heartbeat_timeout,
        )
        self._control = control
        control.start(secured)
        return control

    async def _login_message(self) -> Login:
        config = self.config
        now = int(time.time())
        return Login(
            version=FRP_VERSION,
            hostname=socket.gethostname(),
            os=sys.platform if sys.platform != "win32" else "windows",
            arch=go_arch(platform.machine()),
            user=config.user,
            privilege_key=await self._credentials.login(now),
            timestamp=now,
            run_id=self.run_id,
            client_id=config.client_id,
            metas=dict(config.metadatas),
            pool_count=config.transport.pool_count,
            max_message=MAX_MESSAGE,
            takes_streams=shares_carrier(config),
        )


def _received(exchange: LoginExchange, data: bytes) -> Message | None:
    """The server's answer, if ``data`` completes it. What cannot be one is kept in the error as evidence."""
    try:
        return exchange.receive_data(data)
    except RemoteProtocolError as exc:
        exc.seen = exc.seen or data[:SEEN]
        raise


async def _open(session: Session) -> Stream:
    """The session's next logical connection."""
    opened: asyncio.Future[Stream] = asyncio.get_running_loop().create_future()
    session.open(opened.set_result, opened.set_exception)
    return await opened


def _network_of(config: ClientConfig) -> Network | None:
    """The virtual network, not opened yet; its code is loaded only where there is one."""
    if not config.virtual_net.address:
        return None
    from aiofrp.vnet.network import Network

    return Network(config.virtual_net.address)
