"""What the secret proxies have in common: a door on frps, and how a visitor enters it
(docs/protocol/wire.md §10).

Knows nothing of what passes through the door.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from aiofrp.config.models.proxy import VisitorConfig
from aiofrp.errors import Closed, FrpError, ProtocolError, ProxyError, TimedOut
from aiofrp.host.contexts import Door, ServerContext, ServerHalf, VisitorContext
from aiofrp.host.relay import UserConnections, layered
from aiofrp.host.route import DIRECT, Origin
from aiofrp.stream.base import Buffer, NullReceiver, Stream
from aiofrp.wire.frp.auth import derive_key, sign_key
from aiofrp.wire.frp.codec import Codec
from aiofrp.wire.frp.messages import NewVisitorConn, NewVisitorConnResp
from aiofrp.wire.frp.udppacket import MAX_MESSAGE

#: Seconds the server has to answer a visitor (docs/protocol/client.md §5).
ANSWER_TIMEOUT = 10.0
#: Visitor connections of one visitor that wait for an answer at most; further users are refused.
MAX_WAITING = 4096


class SecretServer(ServerHalf):
    """Opens a door for visitors who know the secret key; each is served like a user of a port."""

    def __init__(self, context: ServerContext) -> None:
        super().__init__(context)
        self.users = UserConnections(context)

    async def start(self) -> str:
        context = self.context
        message = context.message
        users = message.allow_users or (context.user,)
        door = Door(message.sk, users, self, context.max_message)
        self._lease = await context.doors.claim(message.proxy_name, door)
        context.log.info("%s proxy custom listen success", message.proxy_type)
        return ""

    async def stop(self) -> None:
        self._lease.end()

    def accept(self, stream: Stream, early: bytes = b"", info: Origin = DIRECT) -> None:
        """Serve a visitor; see :meth:`aiofrp.host.route.Route.accept`."""
        self.users.accept(stream, early, info)


class VisitorConnections:
    """Connections of one visitor to the door of its proxy."""

    __slots__ = ("_config", "_context", "_waiting")

    def __init__(self, context: VisitorContext, config: VisitorConfig) -> None:
        self._context = context
        self._config = config
        self._waiting: set[_Asking] = set()  # limited by MAX_WAITING

    def open(self, ready: Callable[[Stream], None], failed: Callable[[FrpError], None]) -> None:
        """Open a connection and enter the door: ``ready`` gets it as a plain stream, nobody attached, once the server
        has agreed, and otherwise ``failed`` gets the reason. One of them is called, once, perhaps in this call."""
        self._ask(lambda stream, accepted: ready(stream), failed, 0)

    def open_for_datagrams(
        self, ready: Callable[[Stream, int], None], failed: Callable[[FrpError], None]
    ) -> None:
        """The same; ``ready`` also gets the bytes of the longest message that the other end takes, 0 where it did not
        say."""
        self._ask(ready, failed, MAX_MESSAGE)

    def _ask(
        self, ready: Callable[[Stream, int], None], failed: Callable[[FrpError], None], accepts: int
    ) -> None:
        if len(self._waiting) >= MAX_WAITING:
            failed(Closed(f"{MAX_WAITING} users are already waiting for the server"))
            return
        asking = _Asking(self, ready, failed, accepts)
        self._waiting.add(asking)
        self._context.open(asking.opened, asking.fail)

    def close(self) -> None:
        """Fail those that wait for an answer; the others go on."""
        for asking in list(self._waiting):
            asking.fail(Closed("the visitor is closed"))

    # For the connections

    def left(self, asking: _Asking) -> None:
        """``asking`` is answered or has failed: it waits no longer."""
        self._waiting.discard(asking)

    @property
    def codec(self) -> Codec:
        """The wire protocol spoken with the server."""
        return self._context.codec

    def request(self, accepts: int) -> NewVisitorConn:
        """The message with which the visitor asks the server to enter the door; ``accepts``: bytes of the longest
        message with a datagram, if there are any."""
        config, now = self._config, int(time.time())
        return NewVisitorConn(
            run_id=self._context.run_id,
            proxy_name=wire_name(self._context.user, config),
            sign_key=sign_key(config.secret_key.reveal(), now),
            timestamp=now,
            use_encryption=config.transport.use_encryption,
            use_compression=config.transport.use_compression,
            max_message=accepts,
        )

    def plain(self, stream: Stream) -> Stream:
        """An answered connection through its layers."""
        return layered(stream, self._config.transport, derive_key(self._config.secret_key.reveal()))


class _Asking(NullReceiver):
    """A connection from its opening to the server's answer; the receiver of its stream."""

    __slots__ = ("_accepts", "_decoder", "_failed", "_owner", "_ready", "_stream", "_timer")

    def __init__(
        self,
        owner: VisitorConnections,
        ready: Callable[[Stream, int], None],
        failed: Callable[[FrpError], None],
        accepts: int,
    ) -> None:
        self._owner = owner
        self._accepts = accepts
        self._ready = ready
        self._failed: Callable[[FrpError], None] | None = failed
        self._decoder = owner.codec.decoder()
        self._stream: Stream | None = None
        self._timer = asyncio.get_running_loop().call_later(ANSWER_TIMEOUT, self._time_out)

    def opened(self, stream: Stream) -> None:
        """``stream`` is connected to the server: send the request."""
        if self._failed is None:
            stream.abort()
            return
        self._stream = stream
        codec = self._owner.codec
        stream.write(codec.preamble + codec.encode(self._owner.request(self._accepts)))
        stream.attach(self)

    def fail(self, error: FrpError) -> None:
        """End without an answer: abort the connection, and call ``failed`` unless it was called."""
        failed = self._end()
        if failed is not None:
            if self._stream is not None:
                self._stream.abort()
            failed(error)

    # Receiver

    def data_received(self, data: Buffer, /) -> None:
        try:
            message = self._decoder.receive_one(data)
        except ProtocolError as exc:
            self.fail(exc)
            return
        if message is None:
            return
        if not isinstance(message, NewVisitorConnResp):
            self.fail(ProxyError(f"the server answered with {type(message).__name__}"))
        elif message.error:
            self.fail(ProxyError(f"start new visitor connection error: {message.error}"))
        else:
            self._answered(message.max_message)

    def eof_received(self) -> None:
        self.fail(Closed("read newVisitorConnRespMsg error: EOF"))

    def connection_lost(self, exc: Exception | None, /) -> None:
        self.fail(exc if isinstance(exc, FrpError) else Closed("read newVisitorConnRespMsg error: EOF"))

    # Private

    def _answered(self, accepted: int) -> None:
        stream = self._stream
        if stream is None or self._failed is None:
            return
        stream.detach()
        stream.unread(self._decoder.leftover())
        plain = self._owner.plain(stream)  # if this raises, the timer calls `failed`
        self._end()
        self._ready(plain, accepted)

    def _time_out(self) -> None:
        self.fail(TimedOut(f"read newVisitorConnRespMsg error: no answer within {ANSWER_TIMEOUT:g} s"))

    def _end(self) -> Callable[[FrpError], None] | None:
        """Leave the waiting; the callback for a failure, unless it was called or is not to be called any more."""
        failed, self._failed = self._failed, None
        self._timer.cancel()
        self._owner.left(self)
        return failed


def wire_name(user: str, config: VisitorConfig) -> str:
    """The name that the server knows the proxy of a visitor of ``user`` by (docs/protocol/wire.md §10)."""
    owner = config.server_user or user
    return f"{owner}.{config.server_name}" if owner else config.server_name
