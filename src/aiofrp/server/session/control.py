"""One logged-in client on frps: its control connection, proxies and work connections (docs/protocol/server.md §2)."""

from __future__ import annotations

import asyncio

from aiofrp import faults, logs
from aiofrp.aio import Scope, check_at
from aiofrp.errors import FrpError, ProtocolError
from aiofrp.host.lease import Lease
from aiofrp.host.messages import Messages
from aiofrp.logs import short_id
from aiofrp.server.explain import refused, visit_text
from aiofrp.server.hooks import ClientInfo, Op, guarded
from aiofrp.server.publish.proxies import MAX_PROXIES, Proxies
from aiofrp.server.publish.rendezvous import Member
from aiofrp.server.session.admission import Arrival
from aiofrp.server.session.auth import InstantVerifier, SessionVerifier
from aiofrp.server.session.inbox import Inbox
from aiofrp.server.session.opener import opener_of
from aiofrp.server.session.probe import Probe
from aiofrp.server.session.sessions import ControlSession, replaced
from aiofrp.server.session.workpool import MAX_WAITING, WorkConnection, WorkPool, refusal
from aiofrp.server.tables import Tables
from aiofrp.stream.base import Buffer, Stream
from aiofrp.version import FRP_VERSION
from aiofrp.wire.addresses import address_of
from aiofrp.wire.frp.codec import Codec
from aiofrp.wire.frp.messages import (
    CloseProxy,
    Login,
    LoginResp,
    Message,
    NewProxy,
    NewProxyResp,
    NewWorkConn,
    Ping,
    Pong,
    ReqWorkConn,
)

#: Requests for work connections that wait until the client takes them; more are not needed, for the pool asks again.
_MOST_REQUESTS = MAX_WAITING + 100
#: Seconds a hook may take to note that a proxy is closed.
_NOTIFY_TIMEOUT = 60.0
_log = logs.get(__name__)


class ServerControl:
    """One control session. One task handles its messages, in the order they came (docs/protocol/server.md §2.5)."""

    def __init__(
        self,
        tables: Tables,
        published: Proxies,
        login: Login,
        run_id: str,
        codec: Codec,
        carrier: object | None,
        verifier: SessionVerifier,
    ) -> None:
        """``carrier``: the yamux session or QUIC connection the login came over, if it can be shared. ``verifier``: of
        the messages after the login."""
        self.login, self.run_id = login, run_id
        self.codec, self.carrier = codec, carrier
        self.log = _log.bind(short_id(run_id))
        self.message_log = self.log.limited(logs.CLIENT)  # for lines that the client's messages cause
        self.user_log = self.log.limited(logs.USERS)  # for the line about each user
        self.running = False
        self.proxies_used = self.routes_used = 0
        self.key = tables.key  # of the token this client logged in with
        self._verifier = verifier
        self._tables, self._published = tables, published
        self.messages = Messages(self.send)
        self._expect_messages()
        self._work_proven = False  # a work connection came with the token; later ones must, too
        self._scope = Scope(f"control {short_id(run_id)}")
        self._lease: Lease | None = None  # of the run id and the client id
        self._stream: Stream | None = None
        self._inbox = Inbox(codec.decoder())
        self._notices = 0  # that hooks did not get yet; limited by MAX_PROXIES
        self._proxies: dict[str, str] = {}  # wire name → type; the halves live in the server's table
        self._requests = 0  # ReqWorkConn to send when the control connection takes them; _MOST_REQUESTS
        self._now = asyncio.get_running_loop().time
        self._last_ping = self._now()
        self._heartbeat: asyncio.TimerHandle | None = None
        self._closing = False
        self._closed = asyncio.Event()
        self._probe = Probe(carrier, self._request_work_connection)
        self.pool = self._make_pool()

    def __repr__(self) -> str:
        return f"<ServerControl {short_id(self.run_id)} running={self.running} proxies={list(self._proxies)}>"

    @property
    def user(self) -> str:
        """The user of the login, or empty."""
        return self.login.user

    @property
    def subject(self) -> str:
        """Whose credential the login had; empty for the token."""
        return self._verifier.subject

    @property
    def client_id(self) -> str:
        """The client id of the login, or empty."""
        return self.login.client_id

    @property
    def info(self) -> ClientInfo:
        """What hooks get about the session."""
        return ClientInfo(self.login.user, self.login.metas, self.run_id)

    def _make_pool(self) -> WorkPool:
        login, config = self.login, self._tables.config
        opener = None
        if Op.NEW_WORK_CONN not in self._tables.hooks.asked:
            timeout = config.user_conn_timeout
            opener = opener_of(login, self.carrier, self.codec, self._verifier, timeout, self.user_log)
        size = min(login.pool_count, config.transport.max_pool_count)
        return WorkPool(size, self._request_work_connection, config.user_conn_timeout, opener)

    # Life, in this order: enter, start, close

    async def enter(self) -> None:
        """Claim the run id and the client id until :meth:`close`; raises what
        :meth:`aiofrp.server.session.sessions.Sessions.claim` raises."""
        lease = await self._tables.sessions.claim(self)
        if self._closing:  # frps stops
            lease.end()
            raise replaced()
        self._lease = lease

    def start(self, stream: Stream, plain: Stream) -> None:
        """Answer the login on ``plain`` and go on over ``stream``, its encrypted form."""
        plain.write(self.codec.encode(LoginResp(version=FRP_VERSION, run_id=self.run_id)))
        self._stream = stream
        self.running = True
        self._last_ping = self._now()
        self._inbox.read(stream)
        stream.attach(self)
        self.pool.fill()
        self._scope.spawn(self._handle_messages(), "messages")
        self._check_heartbeat(self._last_ping)
        self._entered(plain)

    async def answers(self) -> bool:
        """Whether the client gives a sign of life: ``False`` when the session ends, ``True`` before it has begun."""
        if not self.running:
            return not self._closing
        return await self._probe.answers() and not self._closing

    async def replaced_by(self, newer: ControlSession) -> None:
        """Close everything for a newer login of the same client; goes on when the caller is cancelled."""
        self.log.info("replaced by client [%s]", short_id(newer.run_id))
        closing = self._tables.scope.spawn(self.close(), f"close {short_id(self.run_id)}")
        if closing is not None:
            await asyncio.shield(closing)

    async def close(self) -> None:
        """End the session: returns when proxies are stopped and names and ports free."""
        if self._closing:
            await self._closed.wait()
            return
        self._closing, self.running = True, False
        if self._heartbeat is not None:
            self._heartbeat.cancel()
        if self._stream is not None:
            self._stream.close()
        self.pool.close()
        try:
            await self._scope.close()
            await self.stop_proxies()
        finally:
            if self._lease is not None:
                self._lease.end()
            self._closed.set()
        if self._stream is not None:
            self._left()
            self.log.info("client exit success")

    async def stop_proxies(self) -> None:
        """Accept no more users for any proxy of this client."""
        for name in list(self._proxies):
            await self._stop_proxy(name)
            await asyncio.sleep(0)  # others take their turn after each proxy

    # Receiver of the control connection

    def data_received(self, data: Buffer, /) -> None:
        """Keep the messages for :meth:`_handle_messages`; end the session at one that cannot be decoded."""
        self._probe.answered()
        try:
            self._inbox.data_received(data)
        except ProtocolError as exc:
            self.log.warning("control connection is closed: %s", exc)
            self._end()

    def eof_received(self) -> None:
        """The client has finished: end the session."""
        self._end()

    def connection_lost(self, exc: Exception | None, /) -> None:
        """The control connection is lost: end the session."""
        self._end()

    def pause_writing(self) -> None:
        """The client does not take our answers: it gets no more before it does."""
        self._inbox.set_writable(False)

    def resume_writing(self) -> None:
        """The client takes answers again: go on reading and send the requests gathered meanwhile."""
        self._inbox.set_writable(True)
        if self._requests:
            self._send_requests()

    # Sending

    def send(self, message: Message) -> None:
        """Send one message on the control connection; dropped before :meth:`start` and after :meth:`close`."""
        if self._stream is not None and not self._closing:
            self._stream.write(self.codec.encode(message))

    def add_work_connection(self, arrival: Arrival, message: NewWorkConn) -> None:
        """Verify, then pool a work connection of this session.

        It came over the carrier of the login or, where carriers are not shared, over one of its own. The token is
        verified wherever it is shown; a client that has shown it once must always show it.
        """
        self._probe.answered()
        verifier = self._verifier
        if Op.NEW_WORK_CONN in self._tables.hooks.asked or not isinstance(verifier, InstantVerifier):
            task = self._scope.spawn(self._judge_work_connection(arrival, message), "work connection")
            if task is None:
                arrival.refuse()
            else:  # also if it is cancelled before it begins
                task.add_done_callback(lambda task: arrival.refuse() if task.cancelled() else None)
            return
        try:
            verifier.check_work_connection(message, required=self._work_proven)
        except FrpError as exc:
            self._refuse_work_connection(arrival, exc)
        else:
            self._grant_work_connection(arrival, message)

    async def _judge_work_connection(self, arrival: Arrival, message: NewWorkConn) -> None:
        hooks = self._tables.hooks
        try:
            if Op.NEW_WORK_CONN in hooks.asked:
                message = await guarded(hooks.new_work_conn(message, self.info))
            await guarded(self._verifier.work_connection(message, required=self._work_proven))
        except FrpError as exc:
            self._refuse_work_connection(arrival, exc)
        else:
            self._grant_work_connection(arrival, message)

    def _refuse_work_connection(self, arrival: Arrival, error: FrpError) -> None:
        self.message_log.warning("work connection is refused: %s", error)
        arrival.refuse(refusal(arrival.codec, self._tables.explain(error, "invalid NewWorkConn")))

    def _grant_work_connection(self, arrival: Arrival, message: NewWorkConn) -> None:
        self._work_proven = self._work_proven or bool(message.privilege_key)
        arrival.grant()
        self.pool.add(WorkConnection(arrival.stream, arrival.codec))

    # Private: requests are gathered so that a burst costs one encryption and one write

    def _request_work_connection(self) -> None:
        self._requests = min(self._requests + 1, _MOST_REQUESTS)
        if self._requests == 1:
            asyncio.get_running_loop().call_soon(self._send_requests)

    def _send_requests(self) -> None:
        if not self._inbox.writable:
            return  # resume_writing sends them
        count, self._requests = self._requests, 0
        if self._stream is not None and not self._closing:
            self._stream.write(self.codec.encode(ReqWorkConn()) * count)

    # Private: messages

    async def _handle_messages(self) -> None:
        try:
            while True:
                await self._handle_guarded(await self._inbox.next())
                await asyncio.sleep(0)  # others take their turn after each message
        finally:
            self._end()  # a session that handles no messages must not seem online

    async def _handle_guarded(self, message: Message) -> None:
        """Handle one message. A fault of frps itself refuses that message; the client's other proxies go on."""
        try:
            handle = self.messages.find(message)
            if handle is None:
                self.message_log.debug("message %s is not expected here", type(message).__name__)
            elif (waiting := handle(message)) is not None:
                await waiting
        except Exception as exc:  # noqa: BLE001 - the guard of the messages
            faults.report(f"a client's {type(message).__name__} was not handled", exc)
            if isinstance(message, NewProxy):
                self.send(NewProxyResp(proxy_name=message.proxy_name, error="internal error of the server"))

    def _expect_messages(self) -> None:
        self.messages.expect(NewProxy, self._new_proxy)
        self.messages.expect(CloseProxy, lambda message: self._close_proxy(message.proxy_name))
        self.messages.expect(Ping, self._ping)

    async def _ping(self, message: Ping) -> None:
        hooks = self._tables.hooks
        try:
            if Op.PING in hooks.asked:
                message = await guarded(hooks.ping(message, self.info))
            await guarded(self._verifier.ping(message))
        except FrpError as exc:
            self.message_log.warning("received invalid ping: %s", exc)
            self.send(Pong(error=self._tables.explain(exc, "invalid ping")))
            return
        self._last_ping = self._now()
        self.message_log.debug("receive heartbeat")
        self.send(Pong())

    async def _new_proxy(self, message: NewProxy) -> None:
        hooks = self._tables.hooks
        name, kind = message.proxy_name, message.proxy_type or "tcp"
        try:
            if Op.NEW_PROXY in hooks.asked:
                message = await guarded(hooks.new_proxy(message, self.info))
                name, kind = message.proxy_name, message.proxy_type or "tcp"
            remote_addr = await self._published.start(self, message)
        except FrpError as exc:
            self.message_log.warning("new proxy [%s] type [%s] error: %s", name, kind, refused(exc, message))
            text = self._tables.explain(exc, f"new proxy [{name}] error")
            self.send(NewProxyResp(proxy_name=name, error=text))
            return
        self._proxies[name] = kind
        where = visit_text(message, remote_addr, self._stream)
        self.message_log.info("new proxy [%s] type [%s] success%s", name, kind, where)
        self.send(NewProxyResp(proxy_name=name, remote_addr=remote_addr))

    async def _close_proxy(self, name: str) -> None:
        await self._stop_proxy(name)
        self.message_log.info("close proxy [%s] success", name)

    async def _stop_proxy(self, name: str) -> None:
        if self._proxies.pop(name, None) is None:  # the client may close it while frps stops
            return
        await self._published.stop(self, name)
        if Op.CLOSE_PROXY in self._tables.hooks.asked:
            self._notify_closed(CloseProxy(proxy_name=name))

    def _notify_closed(self, message: CloseProxy) -> None:
        """Let the hooks know in the background."""
        hooks, info = self._tables.hooks, self.info

        async def notice() -> None:
            self._notices -= 1
            try:
                await guarded(hooks.close_proxy(message, info), _NOTIFY_TIMEOUT)
            except FrpError as exc:
                self.message_log.warning("%s", exc)

        if self._notices < MAX_PROXIES and self._tables.notices.add(notice):
            self._notices += 1
        else:
            name = message.proxy_name
            self.message_log.warning("hooks are not told that proxy [%s] is closed: too many wait", name)

    # Private: clients and statistics

    def _entered(self, plain: Stream) -> None:
        address, _ = address_of(plain.info("peername"))
        self._tables.clients.entered(self.login, self.run_id, self.codec.name, address)
        self._tables.rendezvous.serve(Member(self.messages, self.login.user, address, self.message_log))
        for observer in self._tables.observers:
            observer.client_opened()

    def _left(self) -> None:
        self._tables.clients.left(self.login, self.run_id)
        for observer in self._tables.observers:
            observer.client_closed()

    # Private: the end

    def _check_heartbeat(self, now: float) -> None:
        timeout = self._tables.config.transport.heartbeat_timeout
        if timeout <= 0 or self._closing:
            return
        due = self._last_ping + timeout
        if now >= due:
            self.log.warning("heartbeat timeout")
            self._end()
        else:
            self._heartbeat = check_at(due, self._check_heartbeat)

    def _end(self) -> None:
        if not self._closing:
            self._tables.scope.spawn(self.close(), f"close {short_id(self.run_id)}")
