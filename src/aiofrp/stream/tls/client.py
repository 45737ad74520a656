"""TLS towards a server, on a stream that leads to it."""

from __future__ import annotations

from aiofrp.stream.base import Stream
from aiofrp.stream.tls.handshake import handshake
from aiofrp.stream.tls.stream import TlsContext, TlsStream


async def secured(
    stream: Stream, context: TlsContext, name: str | None, timeout: float, *, gathers: bool = True
) -> TlsStream:
    """``stream``, to which nobody is attached, within TLS; ``name``: of the server, for SNI and the name check;
    ``gathers``: see :class:`~aiofrp.stream.tls.stream.TlsStream`.

    Raises :class:`~aiofrp.stream.tls.stream.TlsFailed`, or :class:`~aiofrp.errors.TimedOut` after ``timeout`` seconds.
    """
    tls = TlsStream(stream, context, server_side=False, server_hostname=name, gathers=gathers)
    await handshake(tls, timeout)
    return tls
