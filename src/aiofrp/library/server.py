"""A frps inside another program."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from aiofrp.config.models.server import ServerConfig
from aiofrp.library.options import server_config
from aiofrp.server import service
from aiofrp.server.hooks import Hooks
from aiofrp.wire.addresses import join_host_port

_WILDCARDS = ("0.0.0.0", "::", "")


class Server:
    """One frps, also an asynchronous context manager::

    async with aiofrp.Server(bind_addr="127.0.0.1", bind_port=0, auth={"token": "secret"}) as server:
        print(server.address)

    It can be started once. One event loop can run many.
    """

    def __init__(
        self,
        config: ServerConfig | Mapping[str, Any] | None = None,
        /,
        *,
        hooks: Hooks | None = None,
        **options: Any,
    ) -> None:
        """``config`` is a finished configuration or a dictionary as in a file; ``options`` are added to a dictionary.

        ``hooks`` (see :mod:`aiofrp.hooks`) decide what clients and users may do, after the plugins of the
        configuration. A ``bind_port`` of 0 is any free port. Raises :class:`~aiofrp.errors.ConfigError` with all
        problems.
        """
        self._service = service.Server(server_config(config, options), hooks=hooks)
        self._stopped = asyncio.Event()

    def __repr__(self) -> str:
        return f"<aiofrp.Server {self._service!r}>"

    @property
    def config(self) -> ServerConfig:
        """The configuration in use, with all defaults filled in."""
        return self._service.config

    @property
    def port(self) -> int:
        """The TCP port clients connect to, once started."""
        return self._service.address[1]

    @property
    def address(self) -> str:
        """``host:port`` for clients on this machine, once started."""
        host = self.config.bind_addr
        return join_host_port("127.0.0.1" if host in _WILDCARDS else host, self.port)

    async def start(self) -> Self:
        """Bind everything. Raises :class:`~aiofrp.errors.FrpError` when a port is taken; nothing is left bound."""
        await self._service.start()
        return self

    async def stop(self, grace: float = 0.0) -> None:
        """Stop the server; open connections have ``grace`` seconds to finish."""
        if not self._stopped.is_set():
            self._stopped.set()
            await self._service.stop(grace)

    async def wait(self) -> None:
        """Return when :meth:`stop` was called, in any task."""
        await self._stopped.wait()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
