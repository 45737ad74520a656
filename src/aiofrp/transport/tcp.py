"""The default transport: TCP, with frp's TLS on top when enabled."""

from __future__ import annotations

import math

from msgspec.structs import replace

from aiofrp.stream.base import Stream
from aiofrp.transport.base import Carriers, DialOptions, Listener, ListenOptions, Session, Transport
from aiofrp.transport.net import listen
from aiofrp.transport.outbound import reach
from aiofrp.transport.session import Securer, session_over
from aiofrp.wire.addresses import is_address


class TcpTransport(Transport):
    """``transport.protocol = "tcp"``, and ``bindPort`` of frps, which other protocols share."""

    bind_port = "bind_port"
    zero_is_off = False
    listen_log = "frps tcp listen on {where}"
    listen_error = "create server listener error, {error}"

    async def connect(self, options: DialOptions) -> Session:
        """See :meth:`aiofrp.transport.base.Transport.connect`."""
        # To look up a name and to speak to a proxy takes a task.
        steps = is_address(options.host) and not options.proxy_url
        layers = replace(options, timeout=math.inf) if steps else options
        secure = Securer(layers)

        async def carrier() -> Stream:
            return await secure(await reach(layers))

        return await session_over(carrier, options, secure, steps=steps)

    async def listen(self, options: ListenOptions, carriers: Carriers) -> Listener:
        """See :meth:`aiofrp.transport.base.Transport.listen`."""
        return await listen(options.host, options.port, carriers.shared, keepalive=options.keepalive)
