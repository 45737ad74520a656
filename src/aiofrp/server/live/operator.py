"""What an operator of frps can do to its clients and proxies while it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

from aiofrp.errors import FrpError
from aiofrp.server.live.disabled import DisabledProxy
from aiofrp.server.publish.proxies import Proxies
from aiofrp.server.tables import Tables
from aiofrp.wire.frp.messages import NewProxyResp, Pong

#: Connections that are ended between two turns of the event loop.
_BATCH: Final = 100


class Operator:
    """Acts on the sessions and proxies of one frps."""

    def __init__(self, tables: Tables, proxies: Proxies) -> None:
        self._tables = tables
        self._proxies = proxies

    async def kick(self, run_id: str, by: str, reason: str) -> bool:
        """End the session ``run_id`` and give its client the reason; it may log in again. Returns whether there was
        one.

        The message is the one with which frps refuses a heartbeat: every frpc ends its session then, and logs the text.
        """
        try:
            session = self._tables.sessions.find(run_id)
        except FrpError:
            return False
        session.log.info("kicked by %s: %s", by, reason)
        session.messages.send(Pong(error=f"kicked by {by}{_because(reason)}"))
        await self._to_its_end(session.close(), "kick")
        return True

    async def disable(self, name: str, by: str, reason: str) -> DisabledProxy:
        """Stop the proxy ``name`` if it runs, end its connections, and refuse it from now on. Raises
        :class:`~aiofrp.errors.FrpError` where too many are disabled."""
        entry = self._tables.disabled.add(name, by, reason)
        published = self._tables.published.find(name)
        if published is not None and published.remote_addr is not None:
            entry.session, entry.message = published.owner, published.half.context.message
            await self._to_its_end(self._proxies.stop(published.owner, name), "disable")
            published.owner.messages.send(NewProxyResp(proxy_name=name, error=entry.text))
        await self._end_connections(name)
        return entry

    async def enable(self, name: str) -> None:
        """Let ``name`` be a proxy again. One that :meth:`disable` has stopped runs again at once where the session of
        its client is still there. Raises :class:`~aiofrp.errors.FrpError` when it cannot be
        started; it is enabled all the same, and its client asks for it again."""
        entry = self._tables.disabled.remove(name)
        if entry is None or entry.session is None or entry.message is None or not entry.session.running:
            return
        session = entry.session
        try:
            remote_addr = await self._proxies.resume(session, entry.message)
        except FrpError as error:
            session.messages.send(NewProxyResp(proxy_name=name, error=str(error)))
            raise
        session.messages.send(NewProxyResp(proxy_name=name, remote_addr=remote_addr))

    async def _end_connections(self, name: str) -> None:
        count = 0
        for traffic in self._proxies.traffic_of(name):
            for joined in list(traffic.open):
                joined.abort()
                if (count := count + 1) % _BATCH == 0:
                    await asyncio.sleep(0)

    async def _to_its_end(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Await ``work``, which goes on when the caller is cancelled."""
        task = self._tables.scope.spawn(work, name)
        if task is not None:
            await asyncio.shield(task)


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""
