"""The default transport: TCP, with frp's TLS on top when enabled."""

from __future__ import annotations

from aiofrp.stream.base import Stream
from aiofrp.stream.tcp import set_keepalive
from aiofrp.transport.base import DialOptions, Session
from aiofrp.transport.net import dial
from aiofrp.transport.session import Securer, session_over


class Tcp:
    """``transport.protocol = "tcp"``."""

    async def connect(self, options: DialOptions) -> Session:
        """See :meth:`aiofrp.transport.base.Transport.connect`."""
        secure = Securer(options)

        async def carrier() -> Stream:
            stream = await dial(
                options.host, options.port, timeout=options.timeout, local_ip=options.local_ip
            )
            set_keepalive(stream, options.keepalive)
            return await secure(stream)

        return await session_over(carrier, options)
