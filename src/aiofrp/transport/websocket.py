"""WebSocket: in the clear with frp's TLS inside its frames, or itself within TLS
(docs/protocol/wire.md §1.2, §1.3)."""

from __future__ import annotations

from aiofrp.stream.base import Stream
from aiofrp.stream.websocket import WebSocketStream
from aiofrp.transport.base import DialOptions, Session, Transport
from aiofrp.transport.conversation import converse
from aiofrp.transport.net import join_host_port
from aiofrp.transport.outbound import reach
from aiofrp.transport.session import Securer, session_over
from aiofrp.wire.dial.upgrade import ClientUpgrade


class WebSocket(Transport):
    """``transport.protocol = "websocket"``."""

    async def connect(self, options: DialOptions) -> Session:
        """See :meth:`aiofrp.transport.base.Transport.connect`."""
        secure = Securer(options)
        host = join_host_port(options.host, options.port)

        async def carrier() -> Stream:
            return await secure(await upgraded(await reach(options), host))

        return await session_over(carrier, options)


class Wss(Transport):
    """``transport.protocol = "wss"``: TLS comes first, and never frp's lead byte."""

    async def connect(self, options: DialOptions) -> Session:
        """See :meth:`aiofrp.transport.base.Transport.connect`."""
        secure = Securer(options, lead_byte=False)
        host = f"[{options.tls_name}]" if ":" in options.tls_name else options.tls_name

        async def carrier() -> Stream:
            return await upgraded(await secure(await reach(options)), host)

        return await session_over(carrier, options)


async def upgraded(stream: Stream, host: str) -> Stream:
    """``stream`` after the websocket handshake; ``host`` is what its fields Host and Origin name.

    Raises :class:`~aiofrp.errors.RemoteProtocolError` when the server does not agree, and drops the stream then.
    """
    await converse(stream, ClientUpgrade(host), "the websocket handshake")
    return WebSocketStream(stream, client=True)
