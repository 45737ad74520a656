"""A relay that ends TLS, as a reverse proxy in front of frps does."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tests.support.tunnel import local_service


@asynccontextmanager
async def tls_relay(target: int, context: ssl.SSLContext) -> AsyncIterator[int]:
    """TLS on a free port, what is inside on to 127.0.0.1:``target``; gives the port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target)
        try:
            await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer))
        finally:
            far_writer.close()

    async with local_service(serve, tls=context) as port:
        yield port


async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Pass on until either side ends, then end the other."""
    with suppress(ConnectionError):
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
    sink.close()
