"""The configuration that a frpc runs, and how it changes: by reloads of the file, and by changes of the store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiofrp import logs
from aiofrp.aio import Scope
from aiofrp.client.proxies import ClientProxies
from aiofrp.client.reload import restart_keys
from aiofrp.client.sources.file import ConfigSource
from aiofrp.client.sources.store import StoreChange
from aiofrp.client.visitors import ClientVisitors
from aiofrp.config.models.client import ClientConfig
from aiofrp.errors import Closed, ConfigError, FrpError

_log = logs.get(__name__)


class LiveConfig:
    """The configuration of one frpc; changes wait for each other."""

    def __init__(
        self,
        config: ClientConfig,
        source: ConfigSource | None,
        proxies: ClientProxies,
        visitors: ClientVisitors,
        scope: Scope,
    ) -> None:
        """``proxies`` and ``visitors`` are brought up to date by every change; ``scope`` runs the changes."""
        self.config = config
        self.source = source
        self._proxies = proxies
        self._visitors = visitors
        self._scope = scope
        self._changing = asyncio.Lock()

    async def reload(self, *, strict: bool | None = None) -> None:
        """Load the configuration again and go over to its proxies; whatever else changed waits for a restart.

        ``strict``: whether unknown keys are errors, by default as at the start. Raises
        :class:`~aiofrp.errors.ConfigError`, and nothing is changed then.
        """
        source = self._source()
        await self._run(lambda: self._reload(source, source.strict if strict is None else strict), "reload")

    async def change_store(self, change: StoreChange) -> None:
        """Change the store, and go over to its entries once they are in its file.

        Raises what ``change`` raises, and :class:`~aiofrp.errors.ConfigError` when the file cannot be written; nothing
        is changed then.
        """
        source = self._source()
        await self._run(lambda: self._change_store(source, change), "store")

    async def _reload(self, source: ConfigSource, strict: bool) -> None:
        loaded = await asyncio.to_thread(source.load, strict=strict)
        waiting = restart_keys(self.config, loaded.config)
        if waiting:
            _log.warning("these changes need a restart: [%s]", " ".join(waiting))
        await self._go_over(loaded.config)
        for warning in loaded.warnings:
            _log.warning("%s", warning)
        _log.info("success reload conf")

    async def _change_store(self, source: ConfigSource, change: StoreChange) -> None:
        await self._go_over(await asyncio.to_thread(source.change_store, change))

    async def _run(self, change: Callable[[], Awaitable[None]], name: str) -> None:
        """Run one change after those before it. It goes on to its end when the caller is cancelled."""
        task = self._scope.spawn(self._in_turn(change), name)
        if task is None:
            raise Closed("frpc ends")
        if (error := await asyncio.shield(task)) is not None:
            raise error

    async def _in_turn(self, change: Callable[[], Awaitable[None]]) -> FrpError | None:
        """Returns the error instead of raising it, as the scope would report it."""
        async with self._changing:
            try:
                await change()
            except FrpError as error:
                return error
        return None

    async def _go_over(self, config: ClientConfig) -> None:
        """Start, stop and change proxies and visitors to be those of ``config``."""
        update = {"proxies": config.proxies, "visitors": config.visitors}
        self.config = self.config.model_copy(update=update)
        await self._visitors.update(config.visitors)
        await self._proxies.update(config.proxies)

    def _source(self) -> ConfigSource:
        if self.source is None:
            raise ConfigError("frpc has no config file path")
        return self.source
