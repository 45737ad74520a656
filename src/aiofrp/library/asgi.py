"""An ASGI application behind a proxy, without a port: uvicorn's protocols over the streams of frpc.

uvicorn is an optional dependency; it is imported only where an application is exposed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from aiofrp.aio import Scope
from aiofrp.config.models.proxy import ProxyConfig
from aiofrp.errors import FrpError
from aiofrp.host.contexts import ClientContext, ClientHalf
from aiofrp.host.relay import client_side
from aiofrp.stream.adapter import StreamTransport
from aiofrp.stream.base import Stream
from aiofrp.wire.frp.messages import StartWorkConn

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.lifespan.off import LifespanOff
    from uvicorn.lifespan.on import LifespanOn

Application = Callable[..., Awaitable[None]]

#: Seconds a request may still take when the application stops being exposed.
GRACE = 1.0


class AsgiServer:
    """Runs an application for as many streams as come."""

    def __init__(self, app: Application) -> None:
        """Raises :class:`~aiofrp.errors.FrpError` without uvicorn."""
        try:
            from uvicorn.config import Config
            from uvicorn.server import ServerState
        except ImportError:
            raise FrpError(
                "exposing an ASGI application needs uvicorn: install it with pip install 'aiofrp[asgi]', "
                "or run the application yourself and expose its port"
            ) from None
        self._config: Config = Config(
            app,
            http="httptools",
            ws="websockets-sansio",
            log_config=None,
            access_log=False,
            proxy_headers=False,  # frps's X-Forwarded-For is for the application to judge
        )
        self._state = ServerState()
        self._scope = Scope("asgi")
        self._lifespan: LifespanOn | LifespanOff | None = None

    async def start(self) -> None:
        """Let the application start. Raises :class:`~aiofrp.errors.FrpError` when it fails to."""
        self._config.load()
        self._lifespan = self._config.lifespan_class(self._config)
        await self._lifespan.startup()
        if self._lifespan.should_exit:
            raise FrpError(
                "the ASGI application failed to start: the reason is in the log of uvicorn.error, or its lifespan"
            )
        self._scope.spawn(self._update_date(), "date")

    def accept(self, stream: Stream, start: StartWorkConn) -> None:
        """Serve the requests that come over ``stream``."""
        assert self._lifespan is not None, "not started"
        protocol = self._config.http_protocol_class(  # type: ignore[call-arg] # a class, declared as bare Protocol
            config=self._config, server_state=self._state, app_state=self._lifespan.state
        )
        _UserTransport(stream, protocol, start).start()

    async def drain(self) -> None:
        """End connections; requests that run get a moment to finish."""
        for connection in list(self._state.connections):
            connection.shutdown()
        if self._state.tasks:
            await asyncio.wait(list(self._state.tasks), timeout=GRACE)
        tasks = list(self._state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self) -> None:
        """End the tasks of the server and let the application shut down (ASGI lifespan)."""
        await self._scope.close()
        if self._lifespan is not None and not self._lifespan.should_exit:
            await self._lifespan.shutdown()

    async def _update_date(self) -> None:
        """Update the ``Date`` field of responses every second."""
        while True:
            date = (b"date", formatdate(usegmt=True).encode())
            self._state.default_headers = [date, *self._config.encoded_headers]
            await asyncio.sleep(1.0)


class AsgiHalf(ClientHalf):
    """frpc's half of a proxy that leads to an application."""

    def __init__(self, context: ClientContext, config: ProxyConfig, server: AsgiServer) -> None:
        self._context = context
        self._config = config
        self._server = server

    def on_work_connection(self, stream: Stream, start: StartWorkConn) -> None:
        """Serve one user's HTTP connection, which arrives by ``stream``, with the application."""
        self._server.accept(client_side(stream, self._config.transport, self._context), start)


class _UserTransport(StreamTransport):
    """The transport of one user's connection; its addresses are those of the user, which frps sent, not those of
    frps. For http proxies, whose connections many users share, there are none."""

    def __init__(self, stream: Stream, protocol: asyncio.Protocol, start: StartWorkConn) -> None:
        super().__init__(stream, protocol)
        self._addresses = {}
        if start.dst_addr:
            self._addresses["peername"] = (start.src_addr, start.src_port)
            self._addresses["sockname"] = (start.dst_addr, start.dst_port)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """``peername`` and ``sockname`` as pairs of host and port; ``default`` for any other name."""
        return self._addresses.get(name, default)
