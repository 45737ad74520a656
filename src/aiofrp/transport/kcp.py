"""KCP over UDP (docs/protocol/wire.md §4): the client's transport and the server's listener."""

from __future__ import annotations

import socket
from collections.abc import Callable

from aiofrp.errors import ConnectFailed
from aiofrp.stream.base import Stream
from aiofrp.stream.kcp import stream as kcp
from aiofrp.stream.kcp.listener import KcpListener
from aiofrp.stream.kcp.stream import KcpStream
from aiofrp.stream.stall import Account, StallLimits
from aiofrp.transport.base import DialOptions, Session, Transport
from aiofrp.transport.net import bind_udp, connect_reason, join_host_port
from aiofrp.transport.resolve import resolve
from aiofrp.transport.session import Securer, session_over


class Kcp(Transport):
    """``transport.protocol = "kcp"``."""

    async def connect(self, options: DialOptions) -> Session:
        """See :meth:`aiofrp.transport.base.Transport.connect`."""
        secure = Securer(options)
        receivers = Account(StallLimits())

        async def carrier() -> Stream:
            sock = await connect_udp(options.host, options.port)
            return await secure(kcp.dial(sock, receivers=receivers))

        return await session_over(carrier, options)


def listen_kcp(host: str, port: int, connected: Callable[[KcpStream], None]) -> KcpListener:
    """Listen for KCP on UDP ``host:port``. Raises :class:`~aiofrp.transport.net.ListenFailed`."""
    return KcpListener(bind_udp(host, port), connected)


async def connect_udp(host: str, port: int) -> socket.socket:
    """A non-blocking UDP socket connected to ``host:port``, which says nothing about whether anybody is there.
    So there is no trying of several addresses; like the reference it prefers IPv4.

    Raises :class:`~aiofrp.errors.ConnectFailed`.
    """
    where = f"dial udp {join_host_port(host, port)}"
    try:
        found = await resolve(host, port, socket.SOCK_DGRAM)
    except ConnectFailed as exc:
        raise ConnectFailed(f"{where}: {exc}") from exc
    error: OSError = OSError("no address")
    for family, kind, protocol, _, address in sorted(found, key=lambda info: info[0] != socket.AF_INET):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setblocking(False)
            sock.connect(address)
        except OSError as exc:
            sock.close()
            error = exc
        else:
            return sock
    raise ConnectFailed(f"{where}: {connect_reason(error)}") from error
