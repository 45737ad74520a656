"""TLS towards a server, on a stream that leads to it."""

from __future__ import annotations

from aiofrp.stream.base import Stream
from aiofrp.stream.tls.stream import TlsContext, TlsStream, handshake


async def secured(stream: Stream, context: TlsContext, name: str | None, timeout: float) -> TlsStream:
    """``stream``, to which nobody is attached, within TLS; ``name``: of the server, for SNI and the name check.

    Raises :class:`~aiofrp.stream.tls.stream.TlsFailed`, or :class:`~aiofrp.errors.TimedOut` after ``timeout`` seconds.
    """
    tls = TlsStream(stream, context, server_side=False, server_hostname=name)
    await handshake(tls, timeout)
    return tls
