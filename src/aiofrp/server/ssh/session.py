"""The client within frps that an SSH client's proxies belong to: it logs in like any other, without a socket.

Its control connection is a stream in memory. Its work connections are channels of the SSH connection: the first message
that frps writes on one names the proxy, and opens the channel. frps opens them itself, as with any client whose
connections share a carrier (:mod:`aiofrp.server.session.opener`); they are offered to its pool only where each of them
has to be verified.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections.abc import Callable
from typing import Final

from aiofrp.config.models.proxy import ProxyConfig
from aiofrp.config.models.server import ServerConfig
from aiofrp.errors import AuthError, Closed, FrpError, ProxyError, TimedOut
from aiofrp.server.session.admission import Arrival
from aiofrp.server.session.auth import HEARTBEATS, NEW_WORK_CONNS, SessionVerifier
from aiofrp.server.ssh.protocol.channels import ForwardedChannel
from aiofrp.server.ssh.protocol.connection import SshConnection
from aiofrp.stream.base import Buffer, NullReceiver, Stream, nothing
from aiofrp.stream.memory import memory_pair
from aiofrp.version import FRP_VERSION
from aiofrp.wire.frp.auth import token_digest
from aiofrp.wire.frp.codec import CodecV1, encode
from aiofrp.wire.frp.messages import (
    ClientSpec,
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
    StartWorkConn,
)
from aiofrp.wire.transforms.base import Buffer as Bytes
from aiofrp.wire.transforms.base import Transform

#: Ready work connections, where frps does not open them itself; each is an object without a channel until a user comes.
POOL: Final = 5
#: Seconds frps has to answer a login or a NewProxy; hooks may be asked meanwhile.
PATIENCE: Final = 60.0
#: Seconds after which a client that was silent is asked for a sign of life before it gets a user.
FRESH: Final = 1.0
#: The text of the reference about a login that is refused.
_REFUSED: Final = (
    "login to the server failed: {}. With loginFailExit enabled, no additional retries will be attempted"
)

#: Host and port of a ``-R``, as the client gave them.
Where = tuple[str, int]


class _Plain:
    """No encryption: the bytes stay within the process."""

    def encode(self, data: Bytes) -> bytes:
        return bytes(data)

    def decode(self, data: Bytes) -> bytes:
        return bytes(data)


class _Start(bytes):
    """A StartWorkConn that is not encoded: its reader takes :attr:`message`."""

    message: StartWorkConn

    @classmethod
    def of(cls, message: StartWorkConn) -> _Start:
        """What is written in the place of the encoded ``message``."""
        start = cls(b"StartWorkConn")
        start.message = message
        return start


class _InProcess(CodecV1):
    """Wire protocol v1 within the process. A StartWorkConn, of which each user costs one, is not encoded."""

    @staticmethod
    def encode(message: Message) -> bytes:
        return _Start.of(message) if isinstance(message, StartWorkConn) else encode(message)

    def control_layer(self, token: str, *, server: bool) -> Transform:
        """None: what a control connection is encrypted against is not here."""
        return _Plain()


_CODEC: Final = _InProcess()


class OfferedChannel(ForwardedChannel):
    """A work connection in the pool. What frps writes first is StartWorkConn, which opens the channel."""

    __slots__ = ("_client",)

    def __init__(self, client: SshTunnelClient) -> None:
        super().__init__(client.connection)
        self._client = client

    def write(self, data: Buffer, /) -> None:
        if self.number >= 0:
            ForwardedChannel.write(self, data)
        elif not (isinstance(data, _Start) and self._client.start_channel(self, data.message)):
            self.abort()


class SshTunnelClient(NullReceiver):
    """One login. ``lost`` is called once with the reason when frps ends it, not after :meth:`close`."""

    def __init__(
        self,
        opened: Callable[[Arrival], None],
        connection: SshConnection,
        lost: Callable[[FrpError], None],
        config: ServerConfig,
    ) -> None:
        """``opened`` takes logical connections with their first message, as any other's; ``config``: of frps."""
        self.connection = connection
        self.users = 0  #: so many came
        self._opened = opened
        self._lost: Callable[[FrpError], None] | None = lost
        self._heartbeat = config.transport.heartbeat_timeout > 0
        self._oidc = config.auth.method == "oidc"
        self._scopes = frozenset(config.auth.additional_scopes)
        self._decoder = _CODEC.decoder()
        self._proxies: dict[str, Where] = {}  # by wire name; limited by MAX_FORWARDS
        # Answers that are awaited, by wire name, "" of the login; limited as the proxies.
        self._answers: dict[str, asyncio.Future[Message]] = {}
        self._loop = asyncio.get_running_loop()
        self._owed = 0  # work connections, until the client gives a sign of life
        self._prefix = self._run_id = self._token = ""
        self._vouched = False
        facts = {key: connection.info(key) for key in ("peername", "sockname")}
        self._stream, self._server_side = memory_pair(facts=facts)

    # Conversations

    async def login(self, *, user: str, token: str, client_id: str, vouched: SessionVerifier | None) -> None:
        """Log in. Where frps takes tokens of an identity provider, ``token`` is one. ``vouched``: the client's key is
        known, so that no token is needed. Raises :class:`~aiofrp.errors.AuthError` with the reference's text."""
        self._prefix = f"{user}." if user else ""
        self._token, self._vouched = token, vouched is not None
        key, now = self._proof()
        message = Login(
            version=FRP_VERSION,
            hostname=socket.gethostname(),
            os=sys.platform,
            user=user,
            privilege_key=key,
            timestamp=now,
            client_id=client_id,
            client_spec=ClientSpec(type="ssh-tunnel", always_auth_pass=self._vouched),
            pool_count=POOL,
            takes_streams=True,
        )
        self._stream.attach(self)
        self._opened(
            Arrival(
                self._server_side,
                message,
                _CODEC,
                carrier=self,
                granted=nothing,
                gone=nothing,
                vouched=vouched,
            )
        )
        answer = await self._answer("")
        if not isinstance(answer, LoginResp) or answer.error:
            raise AuthError(_REFUSED.format(getattr(answer, "error", "no answer")))
        self._run_id = answer.run_id

    async def publish(self, proxy: ProxyConfig, where: Where) -> str:
        """Start a proxy whose users are sent to ``where``; returns its remote address. Raises
        :class:`~aiofrp.errors.FrpError`."""
        name = self._prefix + proxy.name
        if name in self._proxies:
            raise ProxyError(f"proxy [{proxy.name}] already exists")
        self._proxies[name] = where
        try:
            self._send(NewProxy(proxy_name=name, proxy_type=proxy.type, **proxy.wire_values()))
            answer = await self._answer(name)
            if not isinstance(answer, NewProxyResp) or answer.error:
                raise ProxyError(getattr(answer, "error", "no answer"))
        except BaseException:
            self._proxies.pop(name, None)
            raise
        return answer.remote_addr

    def withdraw(self, name: str) -> None:
        """End the proxy of this name without the user."""
        if self._proxies.pop(self._prefix + name, None) is not None:
            self._send(CloseProxy(proxy_name=self._prefix + name))

    def close(self) -> None:
        """End the login and its proxies."""
        self._lost = None
        self._fail(Closed("the SSH connection was closed"))
        self._stream.close()

    def alive(self) -> None:
        """The SSH client gave a sign of life: it may get users, and frps learns that it is there."""
        owed, self._owed = self._owed, 0
        for _ in range(owed):
            self._offer()
        if self._heartbeat and self._run_id:
            key, now = self._proof() if HEARTBEATS in self._scopes else ("", 0)
            self._send(Ping(privilege_key=key, timestamp=now))

    # The carrier of the login and of work connections

    @property
    def received_at(self) -> float:
        """When bytes were received from the SSH client last, in loop time."""
        return self.connection.received_at

    def ping(self) -> None:
        """Ask the SSH client for a sign of life."""
        self.connection.ping()

    def open_with(
        self, first: bytes, acknowledged: Callable[[], None], ready: Callable[[Stream], None]
    ) -> None:
        """See :meth:`aiofrp.transport.base.OpeningCarrier.open_with`; ``first`` is a StartWorkConn of
        this module's codec."""
        assert isinstance(first, _Start)
        channel = ForwardedChannel(self.connection, acknowledged)
        if not self.start_channel(channel, first.message):
            raise Closed("the SSH client has ended this service")
        ready(channel)

    def start_channel(self, channel: ForwardedChannel, message: StartWorkConn) -> bool:
        """Open the channel of a work connection that frps starts with ``message``; returns ``False`` where frps
        refuses it, or its proxy has ended."""
        where = self._proxies.get(message.proxy_name)
        if where is None or message.error:
            return False
        self.users += 1
        origin = (message.src_addr, message.src_port) if message.src_addr else where
        self.connection.open_channel(channel, where, origin)
        return True

    # Receiver of the control connection

    def data_received(self, data: Buffer, /) -> None:
        for message in self._decoder.receive_data(data):
            match message:
                case ReqWorkConn():
                    self._asked_for_work()
                case LoginResp():
                    self._answered("", message)
                case NewProxyResp():
                    self._answered(message.proxy_name, message)
                case Pong() if message.error:
                    self._end(Closed(message.error))

    def eof_received(self) -> None:
        self._stream.close()
        self._end(Closed("frps ended the session"))

    def connection_lost(self, exc: Exception | None, /) -> None:
        self._end(exc if isinstance(exc, FrpError) else Closed("frps ended the session"))

    # Private

    def _asked_for_work(self) -> None:
        """Offer a work connection, if the SSH client is there: frps takes one as a sign of its life."""
        if self._is_fresh():
            self._offer()
            return
        self._owed += 1
        if self._owed == 1:
            self.connection.ping()

    def _is_fresh(self) -> bool:
        return self._loop.time() - self.connection.received_at < FRESH

    def _offer(self) -> None:
        key, now = self._proof() if NEW_WORK_CONNS in self._scopes and not self._vouched else ("", 0)
        message = NewWorkConn(run_id=self._run_id, privilege_key=key, timestamp=now)
        self._opened(
            Arrival(OfferedChannel(self), message, _CODEC, carrier=self, granted=nothing, gone=nothing)
        )

    def _proof(self) -> tuple[str, int]:
        """The credential of a message, and its time."""
        now = int(time.time())
        return self._token if self._oidc else token_digest(self._token, now), now

    def _send(self, message: Message) -> None:
        self._stream.write(_CODEC.encode(message))

    async def _answer(self, name: str) -> Message:
        future: asyncio.Future[Message] = self._loop.create_future()
        self._answers[name] = future
        try:
            async with asyncio.timeout(PATIENCE):
                return await future
        except TimeoutError:
            raise TimedOut("wait proxy status ready timeout") from None
        finally:
            self._answers.pop(name, None)

    def _answered(self, name: str, message: Message) -> None:
        future = self._answers.get(name)
        if future is not None and not future.done():
            future.set_result(message)

    def _fail(self, error: FrpError) -> None:
        for future in self._answers.values():
            if not future.done():
                future.set_exception(error)

    def _end(self, error: FrpError) -> None:
        self._fail(error)
        lost, self._lost = self._lost, None
        if lost is not None:
            lost(error)
