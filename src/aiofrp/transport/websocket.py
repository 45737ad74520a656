"""WebSocket: in the clear with frp's TLS inside its frames, or itself within TLS
(docs/protocol/wire.md §1.2, §1.3)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiofrp.stream.base import Buffer, NullReceiver, Stream
from aiofrp.transport.base import DialOptions, Session, Transport
from aiofrp.transport.conversation import converse
from aiofrp.transport.outbound import reach
from aiofrp.transport.session import Securer, session_over
from aiofrp.wire.addresses import join_host_port

#: Seconds frps waits for the whole HTTP request (docs/protocol/server.md §17).
REQUEST_TIMEOUT = 60.0
_HANDSHAKE = "websocket handshake"


class WebSocket(Transport):
    """``transport.protocol = "websocket"``. On frps it lives on ``bindPort``, in the clear and inside TLS."""

    first_bytes = b"GET /~!frp"

    async def connect(self, options: DialOptions) -> Session:
        """See :meth:`aiofrp.transport.base.Transport.connect`."""
        secure = Securer(options)
        host = join_host_port(options.host, options.port)

        async def carrier() -> Stream:
            stream = await reach(options)
            secure.step = _HANDSHAKE
            return await secure(await upgraded(stream, host))

        return await session_over(carrier, options, secure)

    def unwrap(
        self, stream: Stream, early: bytes, done: Callable[[Stream], None], gone: Callable[[], None]
    ) -> None:
        """See :meth:`aiofrp.transport.base.Transport.unwrap`."""
        _Upgrading(stream, early, done, gone)


class Wss(Transport):
    """``transport.protocol = "wss"``: TLS comes first, and never frp's lead byte. frps recognises the
    :class:`WebSocket` inside TLS, which the reference leaves to a proxy in front of it."""

    always_tls = True

    async def connect(self, options: DialOptions) -> Session:
        """See :meth:`aiofrp.transport.base.Transport.connect`."""
        secure = Securer(options, lead_byte=False)
        host = f"[{options.tls_name}]" if ":" in options.tls_name else options.tls_name

        async def carrier() -> Stream:
            stream = await secure(await reach(options))
            secure.step = _HANDSHAKE
            return await upgraded(stream, host)

        return await session_over(carrier, options, secure)


async def upgraded(stream: Stream, host: str) -> Stream:
    """``stream`` after the websocket handshake; ``host`` is what its fields Host and Origin name.

    Raises :class:`~aiofrp.errors.RemoteProtocolError` when the server does not agree, and drops the stream then.
    """
    from aiofrp.stream.websocket import WebSocketStream
    from aiofrp.wire.dial.upgrade import ClientUpgrade

    await converse(stream, ClientUpgrade(host), f"the {_HANDSHAKE}")
    return WebSocketStream(stream, client=True)


class _Upgrading(NullReceiver):
    """Receiver of ``stream`` until its request is answered.

    ``early``: bytes already read. For ``done`` and ``gone`` see
    :meth:`aiofrp.transport.base.Transport.unwrap`.
    """

    __slots__ = ("_done", "_gone", "_stream", "_timer", "_upgrade")

    def __init__(
        self, stream: Stream, early: bytes, done: Callable[[Stream], None], gone: Callable[[], None]
    ) -> None:
        from aiofrp.wire.dial.upgrade import ServerUpgrade

        self._stream = stream
        self._done = done
        self._gone = gone
        self._upgrade = ServerUpgrade()
        self._timer = asyncio.get_running_loop().call_later(REQUEST_TIMEOUT, stream.close)
        stream.attach(self)
        self.data_received(early)

    def data_received(self, data: Buffer, /) -> None:
        rest = self._upgrade.receive_data(data)
        if rest is None:
            return
        self._stream.write(self._upgrade.data_to_send())
        if not self._upgrade.accepted:
            self._stream.close()
            return
        from aiofrp.stream.websocket import WebSocketStream

        self._timer.cancel()
        self._stream.detach()
        self._done(WebSocketStream(self._stream, client=False, early=rest))

    def eof_received(self) -> None:
        self._stream.close()

    def connection_lost(self, exc: Exception | None, /) -> None:
        self._timer.cancel()
        self._gone()
