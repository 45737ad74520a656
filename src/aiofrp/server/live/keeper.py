"""Keeps the traffic figures of a frps in its history file: read at the start, written once a minute and at the end."""

from __future__ import annotations

import asyncio
from typing import Final

from aiofrp.aio import mapped
from aiofrp.server.api.statistics import ProxyRecord, Statistics
from aiofrp.server.live.history import History
from aiofrp.server.live.historyfile import HistoryFile, Saved, SavedProxy

#: Seconds between two times that the file is written.
SAVE_EVERY: Final = 60.0


class Keeper:
    """Brings the file, the history and the statistics of one frps together."""

    def __init__(self, path: str, history: History, statistics: Statistics) -> None:
        self._file = HistoryFile(path)
        self._history = history
        self._statistics = statistics
        self._saving = asyncio.Lock()

    async def restore(self) -> None:
        """Take over what the file has. Call it before anything is counted."""
        saved = await asyncio.to_thread(self._file.load)
        for step, amounts in saved.hour:
            self._history.hour.add(step, amounts)
        for day, amounts in saved.week:
            self._history.week.add(day, amounts)
        await mapped(self._restore, saved.proxies)

    async def run(self) -> None:
        """Save for ever."""
        while True:
            await asyncio.sleep(SAVE_EVERY)
            await self.save()

    async def save(self) -> None:
        """Write the file. Others take their turn meanwhile."""
        async with self._saving:
            statistics = self._statistics
            records = [statistics.total(), *statistics.proxies()]
            saved = Saved(
                self._history.hour.known(),
                self._history.week.known(),
                [proxy for proxy in await mapped(self._saved, records) if proxy is not None],
            )
            await asyncio.to_thread(self._file.save, saved)

    def _restore(self, proxy: SavedProxy) -> None:
        self._statistics.restore(
            proxy.name,
            proxy.kind,
            (proxy.user, proxy.client_id),
            (proxy.last_start, proxy.last_close),
            proxy.day,
            (proxy.traffic_in, proxy.traffic_out),
        )

    def _saved(self, record: ProxyRecord) -> SavedProxy | None:
        """``None`` for a proxy without traffic in these days: there is nothing to keep."""
        day = self._statistics.today
        traffic_in, traffic_out = record.traffic_in.days(day), record.traffic_out.days(day)
        if not any(traffic_in) and not any(traffic_out):
            return None
        return SavedProxy(
            record.name,
            record.kind,
            record.user,
            record.client_id,
            record.last_start,
            record.last_close,
            day,
            traffic_in,
            traffic_out,
        )
