"""A frpc inside another program."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from aiofrp.aio import Scope
from aiofrp.client import service
from aiofrp.client.proxies import UserTraffic
from aiofrp.config.models.client import ClientConfig
from aiofrp.errors import FrpError
from aiofrp.hints.entry import Hint
from aiofrp.host.contexts import MakeClient
from aiofrp.library.options import client_config


@dataclass(frozen=True, slots=True)
class ProxyStatus:
    """The state of one proxy, as frpc last knew it."""

    name: str
    type: str
    phase: str  #: ``running``, ``start error``, ``wait start``, ``check failed``
    error: str  #: why it does not run
    remote_addr: str  #: as the server answered: ``:6000`` or ``host:port``, several with commas
    hint: Hint | None = None  #: cause and next step of the error, where the catalogue has them


class Client:
    """One frpc, also an asynchronous context manager::

    web = {"name": "web", "type": "tcp", "localPort": 8000, "remotePort": 6080}
    async with aiofrp.Client(server_addr="frps.example.com", proxies=[web]) as client:
        await client.wait()

    It can be started once. One event loop can run many.
    """

    def __init__(
        self,
        config: ClientConfig | Mapping[str, Any] | None = None,
        /,
        *,
        halves: Mapping[str, MakeClient] | None = None,
        **options: Any,
    ) -> None:
        """``config`` is a finished configuration or a dictionary as in a file; ``options`` are added to a dictionary.

        ``halves`` serve the proxies they are named after in this process. Raises
        :class:`~aiofrp.errors.ConfigError` with all problems.
        """
        self._service = service.Client(client_config(config, options), halves=halves)
        self._scope = Scope("aiofrp client")
        self._started = False
        self._ended = asyncio.Event()
        self._error: FrpError | None = None

    def __repr__(self) -> str:
        return f"<aiofrp.Client {self._service!r}>"

    @property
    def config(self) -> ClientConfig:
        """The configuration in use, with all defaults filled in."""
        return self._service.config

    def proxies(self) -> list[ProxyStatus]:
        """The proxies of the current session, by name; empty without a session."""
        return [
            ProxyStatus(
                p.config.name,
                p.config.type,
                p.state.phase.value,
                p.state.error,
                p.state.remote_addr,
                p.hint if p.state.error else None,
            )
            for p in self._service.proxies.running()
        ]

    @property
    def traffic(self) -> UserTraffic:
        """The user connections of all proxies so far; datagrams are not counted."""
        return self._service.proxies.traffic

    async def start(self) -> Self:
        """Log in, and wait until the server has answered for every proxy; see :meth:`proxies` for how.

        Raises :class:`~aiofrp.errors.FrpError` when the login fails, unless ``login_fail_exit`` is off: it is
        tried again then, and this waits.
        """
        self._started = True
        self._scope.spawn(self._run(), "run")
        try:
            await self._settled()
        except BaseException:
            await self.stop(0)
            raise
        if self._error is not None:
            raise self._error
        return self

    async def stop(self, grace: float = 0.0) -> None:
        """Withdraw the proxies and log out; open connections have ``grace`` seconds to finish."""
        self._service.stop(grace)
        if self._started:
            await self._ended.wait()
        await self._scope.close()

    async def wait(self) -> None:
        """Return once it has ended; raises :class:`~aiofrp.errors.FrpError` if that was not by :meth:`stop`."""
        await self._ended.wait()
        if self._error is not None:
            raise self._error

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _run(self) -> None:
        try:
            await self._service.run()
        except FrpError as error:
            self._error = error
        finally:
            self._ended.set()

    async def _settled(self) -> None:
        """Wait for the proxies, or the end."""
        scope = Scope("aiofrp client start")
        tasks = [
            scope.spawn(self._service.proxies.settled(), "settled"),
            scope.spawn(self._ended.wait(), "ended"),
        ]
        try:
            await asyncio.wait([task for task in tasks if task], return_when=asyncio.FIRST_COMPLETED)
        finally:
            await scope.close()
