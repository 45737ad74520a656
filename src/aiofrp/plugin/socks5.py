"""socks5: a SOCKS5 server, in place of a local service."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from typing import ClassVar, cast

from aiofrp.config.models.model import field
from aiofrp.config.models.proxy import PluginConfig, ProxyConfig
from aiofrp.config.models.types import Secret, Str
from aiofrp.errors import ConnectFailed
from aiofrp.host.contexts import ClientContext, ClientHalf
from aiofrp.host.relay import client_side
from aiofrp.host.service import join_for
from aiofrp.plugin.base import ClientPlugin
from aiofrp.plugin.common.openings import Openings, OpeningUser
from aiofrp.stream.base import Buffer, Stream
from aiofrp.transport.net import dial, dial_here
from aiofrp.transport.resolve import USER_LOOKUPS
from aiofrp.transport.threads import UserThreads
from aiofrp.wire.addresses import address_of, join_host_port
from aiofrp.wire.frp.messages import StartWorkConn
from aiofrp.wire.socks5 import Socks5Accept, Socks5Refused, SocksReply, encode_reply

#: Seconds a user has to say where he wants to go.
CONVERSATION_TIMEOUT = 30.0
#: Users of one proxy who have not said it yet, each of some 2 KiB.
MAX_CONVERSATIONS = 4096
#: Seconds to find and reach what a user asks for.
TARGET_TIMEOUT = 30.0
#: Targets of one proxy that are being found and reached at once, each of some 10 KiB; the oldest is given up for a new
#: one.
MAX_DIALS = 1024
#: Seconds the answer to a wrong password waits.
WRONG_LOGIN_DELAY = 0.2


class Socks5PluginConfig(PluginConfig):
    """The options of the client plugin ``socks5``."""

    reference_name: ClassVar[str] = "Socks5PluginOptions"

    type: Str = field("socks5", alias="type", help="Kind of the plugin: `socks5`.")
    username: Str = field("", alias="username", help="User name users must give.")
    password: Secret = field(Secret(), alias="password", help="Password users must give.")


class Socks5Server(ClientHalf):
    """Connects each user to the host and port he asks for."""

    def __init__(self, context: ClientContext, proxy: ProxyConfig) -> None:
        options = cast(Socks5PluginConfig, proxy.plugin)
        password = options.password.reveal()
        self._login = (options.username, password) if options.username or password else None
        self._context = context
        self._transport = proxy.transport
        self._openings = Openings(context, "socks5", CONVERSATION_TIMEOUT, MAX_CONVERSATIONS)
        self._threads = UserThreads(USER_LOOKUPS)
        self._dials: dict[asyncio.Task[None], None] = {}  # in order of their start; limited by MAX_DIALS

    def on_work_connection(self, stream: Stream, start: StartWorkConn) -> None:
        work = client_side(stream, self._transport, self._context)
        _Socks5User(self, self._openings, work, Socks5Accept(self._login))

    def connect(self, user: Stream, host: str, port: int, early: bytes) -> None:
        """Join ``user``, to whom nobody is attached, to ``host:port``; ``early`` is for that host."""

        def connected(target: Stream) -> None:
            user.write(encode_reply(SocksReply.SUCCEEDED, *address_of(target.info("sockname"))))
            join_for(self._context, user, target, early)

        def failed(error: Exception) -> None:
            where = join_host_port(host, port)
            self._context.log.seldom.warning("socks5: connect to [%s] error: %s", where, error)
            user.write(encode_reply(_reply_to(error)))
            user.close()

        if not dial_here(host, port, connected, failed):
            self._context.spawn(self._connect(user, host, port, connected, failed), "connect")

    async def _connect(
        self,
        user: Stream,
        host: str,
        port: int,
        connected: Callable[[Stream], None],
        failed: Callable[[Exception], None],
    ) -> None:
        this = self._begin_dial()
        try:
            target = await dial(host, port, timeout=TARGET_TIMEOUT, for_user=True, threads=self._threads)
        except ConnectFailed as exc:
            failed(exc)
            return
        except BaseException:
            user.abort()
            raise
        finally:
            self._dials.pop(this, None)
        connected(target)

    def _begin_dial(self) -> asyncio.Task[None]:
        """Note the task that calls this; the oldest of too many is cancelled."""
        if len(self._dials) >= MAX_DIALS:
            oldest = next(iter(self._dials))
            del self._dials[oldest]
            oldest.cancel()
            self._openings.failed(f"more than {MAX_DIALS} targets are being reached at once")
        this = cast("asyncio.Task[None]", asyncio.current_task())
        self._dials[this] = None
        return this


class _Socks5User(OpeningUser):
    """A user until it is known where he wants to go: the receiver of his stream."""

    __slots__ = ("_conversation", "_over", "_server", "_stream")

    def __init__(
        self, server: Socks5Server, openings: Openings, stream: Stream, conversation: Socks5Accept
    ) -> None:
        self._server = server
        self._stream = stream
        self._conversation = conversation
        self._over = False  # he is refused; what he still sends is ignored
        super().__init__(openings)
        stream.attach(self)

    def abort_stream(self) -> None:
        self._stream.abort()

    # Receiver

    def data_received(self, data: Buffer, /) -> None:
        if self._over:
            return
        conversation = self._conversation
        try:
            early = conversation.receive_data(data)
        except Socks5Refused as exc:
            self._refuse(exc)
            return
        if answer := conversation.data_to_send():
            self._stream.write(answer)
        if early is not None:
            self._openings.leave(self)
            self._stream.detach()
            self._server.connect(self._stream, conversation.host, conversation.port, early)

    def eof_received(self) -> None:
        """He finished before he said where to go, or while he waits to be refused."""
        if not self._over:
            self._end(b"")

    def connection_lost(self, exc: Exception | None, /) -> None:
        self._openings.leave(self)

    # Private

    def _refuse(self, refused: Socks5Refused) -> None:
        self._over = True
        self._openings.failed(refused)
        if answer := self._conversation.data_to_send():
            self._stream.write(answer)
        if refused.wrong_login:
            asyncio.get_running_loop().call_later(WRONG_LOGIN_DELAY, self._end, refused.answer)
        else:
            self._end(refused.answer)

    def _end(self, answer: bytes) -> None:
        self._openings.leave(self)
        self._stream.write(answer)
        self._stream.close()


def _reply_to(error: Exception) -> SocksReply:
    """The answer to a user whose target cannot be reached."""
    cause = error.__cause__
    if isinstance(cause, OSError):
        for number, reply in _REPLIES.items():
            # Where a name has several addresses, the errors of all stand in one text.
            if cause.errno == number or f"[Errno {number}]" in str(cause):
                return reply
    return SocksReply.HOST_UNREACHABLE


_REPLIES = {
    errno.ECONNREFUSED: SocksReply.CONNECTION_REFUSED,
    errno.ENETUNREACH: SocksReply.NETWORK_UNREACHABLE,
}


class Socks5(ClientPlugin):
    """The client plugin ``socks5``."""

    name = "socks5"
    Config = Socks5PluginConfig
    Client = Socks5Server
