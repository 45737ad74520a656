"""What is to be watched of a frps, in version 2 of its API: the history, the log, and events as they happen."""

from __future__ import annotations

import time
from datetime import date, datetime
from typing import Annotated, Literal, TypedDict

from aiohttp import web

from aiofrp import logs
from aiofrp.server.api import views
from aiofrp.server.api.clients import ClientRecord, Shown
from aiofrp.server.api.statistics import ProxyRecord, Statistics
from aiofrp.server.live.history import DAY, STEP, Amounts, History
from aiofrp.webserver.events import EventStreams
from aiofrp.webserver.routes import Query, route
from aiofrp.webserver.server import ApiError
from aiofrp.webserver.tail import TAIL_QUERY, LogLine, LogLines, log_lines

Phase = Literal["online", "offline"]


class HistoryShown(TypedDict):
    """What users moved over time. All lists have one number for each step."""

    step: Annotated[int, "Seconds of one step: 5 in the last hour, 86400 in the last week."]
    from_: Annotated[int, "When the first step began, in seconds since 1970."]
    trafficIn: Annotated[list[int], "Bytes from users."]
    trafficOut: Annotated[list[int], "Bytes to users."]
    connections: Annotated[list[int], "Most connections that were open at the same time in this step."]
    newConnections: Annotated[list[int], "New connections."]


class SampleEvent(TypedDict):
    """What users moved in the last 5 seconds."""

    at: Annotated[int, "When these seconds ended, in seconds since 1970."]
    trafficIn: Annotated[int, "Bytes from users."]
    trafficOut: Annotated[int, "Bytes to users."]
    connections: Annotated[int, "Connections that are open."]
    newConnections: Annotated[int, "New connections."]
    clientCounts: Annotated[int, "Clients that are online."]
    proxyTypeCount: Annotated[dict[str, int], "Running proxies, by type."]


class ClientEvent(TypedDict):
    """A client came or left."""

    key: Annotated[str, "Its key."]
    phase: Annotated[Phase, "Its state."]


class ProxyEvent(TypedDict):
    """A proxy serves users from now on, or no longer."""

    name: Annotated[str, "Its name."]
    type: Annotated[str, "Its type."]
    phase: Annotated[Phase, "Its state."]


class LostEvent(TypedDict):
    """More happened at once than the stream carries: read the lists anew."""


class WatchApi:
    """The routes for who watches."""

    def __init__(self, statistics: Statistics, history: History, shown: Shown) -> None:
        """``shown``: how run ids are shown."""
        self._statistics = statistics
        self._history = history
        self._run_ids = shown
        self._tail = logs.keep_tail()
        self.streams = EventStreams(self._tail)
        statistics.changed = self.proxy_changed

    @route(
        "GET",
        "/api/v2/history",
        HistoryShown,
        query=(Query("range", "`hour` (by 5 seconds, the default) or `week` (by day)."),),
    )
    def history(self, request: web.Request) -> dict[str, object]:
        """The traffic and the connections of the last hour or the last week."""
        wanted = request.query.get("range", "hour").lower()
        if wanted == "hour":
            return _columns(STEP, *self._history.last_hour(time.time()))
        if wanted == "week":
            return _columns(DAY, *self._history.last_week(time.time(), _midnight))
        raise ApiError(400, "range must be one of hour, week")

    @route("GET", "/api/v2/logs", LogLines, query=TAIL_QUERY)
    def logs(self, request: web.Request) -> LogLines:
        """The last lines of the log of this program."""
        return log_lines(request, self._tail)

    @route(
        "GET",
        "/api/v2/events",
        query=(Query("logs", "`1`: with the lines of the log."),),
        events=(
            ("sample", SampleEvent),
            ("client", ClientEvent),
            ("proxy", ProxyEvent),
            ("log", LogLine),
            ("lost", LostEvent),
        ),
    )
    async def events(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events: `sample` every 5 seconds, the others as they happen, a comment every 15 seconds. A client
        that reads too slowly is disconnected. At most 64 streams can be open."""
        return await self.streams.serve(request, logs=request.query.get("logs") == "1")

    # What happens

    def sampled(self, now: float, amounts: Amounts) -> None:
        """A sample was taken: see :class:`~aiofrp.server.live.sampler.Sampler`."""
        status = views.server_status(self._statistics)
        sample: SampleEvent = {
            "at": int(now),
            "trafficIn": amounts.traffic_in,
            "trafficOut": amounts.traffic_out,
            "connections": amounts.connections,
            "newConnections": amounts.opened,
            "clientCounts": status["clientCounts"],
            "proxyTypeCount": status["proxyTypeCount"],
        }
        self.streams.publish("sample", sample)

    def client_changed(self, record: ClientRecord, online: bool) -> None:
        """A client has come, or leaves."""
        key = record.shown_key(self._run_ids)
        event: ClientEvent = {"key": key, "phase": _phase(online)}
        self.streams.publish("client", event, key)

    def proxy_changed(self, record: ProxyRecord) -> None:
        """A proxy serves users from now on, or no longer."""
        event: ProxyEvent = {"name": record.name, "type": record.kind, "phase": _phase(record.open)}
        self.streams.publish("proxy", event, record.name)


def _phase(online: bool) -> Phase:
    return "online" if online else "offline"


def _columns(step: int, begin: int, amounts: list[Amounts]) -> dict[str, object]:
    return {
        "step": step,
        "from": begin,
        "trafficIn": [item.traffic_in for item in amounts],
        "trafficOut": [item.traffic_out for item in amounts],
        "connections": [item.connections for item in amounts],
        "newConnections": [item.opened for item in amounts],
    }


def _midnight(day: int) -> float:
    return datetime.combine(date.fromordinal(day), datetime.min.time()).timestamp()
