"""Waiting for the TLS handshake of a stream."""

from __future__ import annotations

import asyncio

from aiofrp.aio import limited
from aiofrp.errors import Closed, TimedOut
from aiofrp.stream.base import Buffer
from aiofrp.stream.tls.stream import TlsStream


async def handshake(tls: TlsStream, timeout: float) -> None:
    """Wait until the handshake of a fresh stream is done, see :func:`aiofrp.aio.limited`.

    Raises :class:`~aiofrp.stream.tls.stream.TlsFailed`, or :class:`~aiofrp.errors.TimedOut` after ``timeout``
    seconds (the stream is aborted).
    """
    if tls.ready:
        return
    loop = asyncio.get_running_loop()
    waiter = _Handshake(loop.create_future())
    tls.when_ready(waiter.ready)
    tls.attach(waiter)
    try:
        async with limited(timeout):
            await waiter.future
    except TimeoutError:
        tls.abort()
        raise TimedOut(f"no answer to the TLS handshake within {timeout:g} s") from None
    except BaseException:
        waiter.future.cancel()  # nobody takes its exception
        tls.abort()
        raise


class _Handshake:
    """The receiver of a stream during :func:`handshake`; it detaches before any plaintext can arrive."""

    def __init__(self, future: asyncio.Future[None]) -> None:
        self.future = future

    def ready(self, tls: TlsStream) -> None:
        if not self.future.done():
            tls.detach()
            self.future.set_result(None)

    def data_received(self, data: Buffer, /) -> None:
        raise AssertionError("detached from the moment the handshake is done")

    def eof_received(self) -> None:
        pass

    def connection_lost(self, exc: Exception | None, /) -> None:
        if not self.future.done():
            self.future.set_exception(exc or Closed("the connection ended during the TLS handshake"))

    def pause_writing(self) -> None:
        pass

    def resume_writing(self) -> None:
        pass
