"""KCP over UDP (docs/protocol/wire.md §4)."""

from __future__ import annotations

from aiofrp.stream.base import Stream
from aiofrp.transport.base import Carriers, DialOptions, Listener, ListenOptions, Session, Transport
from aiofrp.transport.net import bind_udp, connect_udp
from aiofrp.transport.session import Securer, session_over


class Kcp(Transport):
    """``transport.protocol = "kcp"``, and ``kcpBindPort`` of frps."""

    bind_port = "kcp_bind_port"
    listen_log = "frps kcp listen on udp {where}"
    listen_error = "listen on kcp udp address {where} error: {error}"
    over_datagrams = True

    async def connect(self, options: DialOptions) -> Session:
        """See :meth:`aiofrp.transport.base.Transport.connect`."""
        from aiofrp.stream.kcp.dial import dial
        from aiofrp.stream.stall import Account, StallLimits

        secure = Securer(options)
        receivers = Account(StallLimits())

        async def carrier() -> Stream:
            sock = await connect_udp(options.host, options.port)
            return await secure(dial(sock, receivers=receivers))

        return await session_over(carrier, options, secure)

    async def listen(self, options: ListenOptions, carriers: Carriers) -> Listener:
        """See :meth:`aiofrp.transport.base.Transport.listen`."""
        from aiofrp.stream.kcp.listener import KcpListener

        return KcpListener(bind_udp(options.host, options.port), carriers.carrier)
