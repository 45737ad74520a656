"""The default transport: TCP, with frp's TLS on top when enabled."""

from __future__ import annotations

from aiofrp.stream.base import Stream
from aiofrp.transport.base import DialOptions, Session, Transport
from aiofrp.transport.outbound import reach
from aiofrp.transport.session import Securer, session_over


class Tcp(Transport):
    """``transport.protocol = "tcp"``."""

    async def connect(self, options: DialOptions) -> Session:
        """See :meth:`aiofrp.transport.base.Transport.connect`."""
        secure = Securer(options)

        async def carrier() -> Stream:
            return await secure(await reach(options))

        return await session_over(carrier, options)
