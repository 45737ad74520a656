"""One login of frpc: its control connection and the work connections it is asked for
(docs/protocol/client.md §1)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiofrp.aio import Scope, check_at
from aiofrp.client.auth import Credentials, InstantCredentials
from aiofrp.client.proxies import ClientProxies
from aiofrp.errors import Closed, FrpError, ProtocolError, RemoteProtocolError, TimedOut
from aiofrp.host.messages import Messages
from aiofrp.logs import Log, short_id
from aiofrp.stream.base import Buffer, Stream
from aiofrp.transport.base import Session
from aiofrp.wire.frp.codec import Codec
from aiofrp.wire.frp.messages import Message, NewProxyResp, NewWorkConn, Pong, ReqWorkConn, StartWorkConn

#: Work connections being opened or idle at most; a server that asks for more is misbehaving.
MAX_IDLE_WORK = 8192
#: Seconds a server may take nothing of a full control connection; what waits until then is bounded by configuration.
SEND_STALL = 60.0


class ClientControl:
    """The control session after a login; ``lost`` is done when it ends, with the reason."""

    def __init__(
        self,
        session: Session,
        codec: Codec,
        run_id: str,
        credentials: Credentials,
        proxies: ClientProxies,
        log: Log,
        *,
        heartbeat_interval: float,
        heartbeat_timeout: float,
    ) -> None:
        self.run_id = run_id
        self.codec = codec
        self.log = log
        self.proxies = proxies
        self.idle_work: set[_WorkConnection] = set()  # limited by MAX_IDLE_WORK
        self.lost: asyncio.Future[FrpError] = asyncio.get_running_loop().create_future()
        self._session = session
        self._credentials = credentials
        self._decoder = codec.decoder()
        self._stream: Stream | None = None
        self._interval = heartbeat_interval
        self._timeout = heartbeat_timeout
        self._heartbeat_timer: asyncio.TimerHandle | None = None
        self._pong_timer: asyncio.TimerHandle | None = None
        self._full_timer: asyncio.TimerHandle | None = None  # while the server takes nothing
        self._last_pong = asyncio.get_running_loop().time()
        self._opening = 0
        self._scope = Scope(f"control {short_id(run_id)}")
        self.messages = Messages(self.send)
        self.messages.expect(ReqWorkConn, self._open_work_connection)
        self.messages.expect(NewProxyResp, proxies.answered)
        self.messages.expect(Pong, self._pong)

    def start(self, stream: Stream) -> None:
        """Go on over ``stream``, the control connection after the login."""
        self._stream = stream
        self._session.on_lost = self._session_lost
        self._session.on_stream = self._work_connection_opened
        stream.attach(self)
        self.proxies.session_started(self.messages, self.log)
        if self._interval > 0:
            self._heartbeat()
            if self._timeout > 0:
                self._check_pong(self._last_pong)

    async def close(self) -> None:
        """End the session. What was written is sent first, unless the server is silent."""
        self._end(Closed("the session was closed"))
        await self._scope.close()
        silent = isinstance(self.lost.result(), TimedOut)
        streams = [work.stream for work in self.idle_work]
        if self._stream is not None:
            streams.append(self._stream)
        for stream in streams:
            if silent:
                stream.abort()
            else:
                stream.close()
        await (self._session.abort() if silent else self._session.close())

    def send(self, message: Message) -> None:
        """Send one message on the control connection."""
        if self._stream is not None:
            self._stream.write(self.codec.encode(message))

    def open(self, ready: Callable[[Stream], None], failed: Callable[[FrpError], None]) -> None:
        """Open another logical connection to the server: see :meth:`aiofrp.transport.base.Session.open`."""
        self._session.open(ready, failed)

    # Receiver of the control connection

    def data_received(self, data: Buffer, /) -> None:
        try:
            for message in self._decoder.receive_data(data):
                self._handle(message)
        except ProtocolError as exc:
            self._end(exc)

    def eof_received(self) -> None:
        self._end(Closed("the server closed the control connection"))

    def connection_lost(self, exc: Exception | None, /) -> None:
        self._end(exc if isinstance(exc, FrpError) else Closed("the control connection was lost"))

    def pause_writing(self) -> None:
        if self._full_timer is None and not self.lost.done():
            self._full_timer = asyncio.get_running_loop().call_later(SEND_STALL, self._send_stalled)

    def resume_writing(self) -> None:
        if self._full_timer is not None:
            self._full_timer.cancel()
            self._full_timer = None

    # Private

    def _send_stalled(self) -> None:
        self._end(TimedOut(f"the server took nothing of the control connection for {SEND_STALL:g} s"))

    def _handle(self, message: Message) -> None:
        handle = self.messages.find(message)
        if handle is None:
            self.log.seldom.debug("message %s is not expected here", type(message).__name__)
        else:
            handle(message)

    def _open_work_connection(self, message: ReqWorkConn) -> None:
        if self._opening + len(self.idle_work) >= MAX_IDLE_WORK:
            raise RemoteProtocolError(f"the server asks for more than {MAX_IDLE_WORK} idle work connections")
        self._opening += 1
        self._session.open(self._work_opened, self._work_failed)

    def _work_connection_opened(self, stream: Stream) -> None:
        """The server has opened a work connection; its first message is StartWorkConn."""
        if self.lost.done() or len(self.idle_work) >= MAX_IDLE_WORK:
            stream.abort()
        else:
            _WorkConnection(self, stream)

    def _work_opened(self, stream: Stream) -> None:
        if isinstance(self._credentials, InstantCredentials):
            self._offer_work_connection(stream, self._credentials.make_work_connection(self.run_id))
        else:
            task = self._scope.spawn(self._prove_work_connection(stream), "work connection")
            if task is None:
                self._work_failed(Closed("the session was closed"))
                stream.abort()
            else:  # also if it is cancelled before it begins
                task.add_done_callback(lambda task: stream.abort() if task.cancelled() else None)

    async def _prove_work_connection(self, stream: Stream) -> None:
        try:
            message = await self._credentials.work_connection(self.run_id)
        except FrpError as exc:
            stream.abort()
            self._work_failed(exc)
        else:
            self._offer_work_connection(stream, message)

    def _offer_work_connection(self, stream: Stream, message: NewWorkConn) -> None:
        self._opening -= 1
        if self.lost.done():
            stream.abort()
            return
        stream.write(self.codec.preamble + self.codec.encode(message))
        _WorkConnection(self, stream)

    def _work_failed(self, error: FrpError) -> None:
        self._opening -= 1
        if not self.lost.done():
            self.log.seldom.warning("new work connection failed: %s", error)

    def _heartbeat(self) -> None:
        self.log.debug("send heartbeat to server")
        if isinstance(self._credentials, InstantCredentials):
            self.send(self._credentials.make_ping())
        else:
            self._scope.spawn(self._prove_ping(), "ping")
        self._heartbeat_timer = asyncio.get_running_loop().call_later(self._interval, self._heartbeat)

    async def _prove_ping(self) -> None:
        try:
            self.send(await self._credentials.ping())
        except FrpError as exc:
            self.log.warning("error during ping authentication: %s, skip sending ping message", exc)

    def _check_pong(self, now: float) -> None:
        due = self._last_pong + self._timeout
        if now >= due:
            self.log.warning("heartbeat timeout")
            self._end(TimedOut("heartbeat timeout"))
        else:
            self._pong_timer = check_at(due, self._check_pong)

    def _pong(self, message: Pong) -> None:
        if message.error:
            self.log.error("pong message contains error: %s", message.error)
            self._end(RemoteProtocolError(f"pong message contains error: {message.error}"))
            return
        self._last_pong = asyncio.get_running_loop().time()
        self.log.seldom.debug("receive heartbeat from server")

    def _session_lost(self, exc: Exception | None) -> None:
        self._end(exc if isinstance(exc, FrpError) else Closed("the connection to the server was lost"))

    def _end(self, error: FrpError) -> None:
        for timer in (self._heartbeat_timer, self._pong_timer, self._full_timer):
            if timer is not None:
                timer.cancel()
        if not self.lost.done():
            self.lost.set_result(error)


class _WorkConnection:
    """An idle work connection; the receiver of its stream until StartWorkConn."""

    __slots__ = ("_control", "_decoder", "stream")

    def __init__(self, control: ClientControl, stream: Stream) -> None:
        self._control = control
        self._decoder = control.codec.decoder()
        self.stream = stream
        control.idle_work.add(self)
        stream.attach(self)

    def data_received(self, data: Buffer, /) -> None:
        try:
            message = self._decoder.receive_one(data)
        except ProtocolError as exc:
            self._control.log.seldom.warning("work connection is closed: %s", exc)
            self.stream.abort()
            return
        if message is None:
            return
        self._leave()
        if not isinstance(message, StartWorkConn) or message.error:
            reason = getattr(message, "error", "") or f"unexpected {type(message).__name__}"
            self._control.log.seldom.error("StartWorkConn contains error: %s", reason)
            self.stream.close()
            return
        self.stream.detach()
        self.stream.unread(self._decoder.leftover())
        self._control.proxies.on_work_connection(self.stream, message)

    def eof_received(self) -> None:
        self.stream.close()

    def connection_lost(self, exc: Exception | None, /) -> None:
        self._leave()

    def pause_writing(self) -> None:
        pass

    def resume_writing(self) -> None:
        pass

    def _leave(self) -> None:
        self._control.idle_work.discard(self)
