"""What is to be watched of a frpc: the log, and events as states change.

States are compared while somebody watches, and not observed: most of the time nobody does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypedDict

from aiohttp import web

from aiofrp import logs
from aiofrp.client.api.about import FrpcInfo, Shown, VisitorStatus, info_of, visitor_list
from aiofrp.client.proxies import RunningProxy
from aiofrp.webserver.events import EventStreams
from aiofrp.webserver.routes import Query, route
from aiofrp.webserver.tail import TAIL_QUERY, LogLine, LogLines, log_lines


class StatusEvent(TypedDict):
    """The state of a proxy has changed: what `/api/status` shows of it. Of one that is gone, only these three."""

    name: Annotated[str, "Its name."]
    type: Annotated[str, "Its type."]
    status: Annotated[str, "State of the proxy; `closed` if it is removed."]


class OverflowEvent(TypedDict):
    """More happened at once than the stream carries: read the lists anew."""


class ClientWatchApi:
    """The routes for who watches one frpc."""

    def __init__(self, client: Shown, status: Callable[[RunningProxy], Mapping[str, object]]) -> None:
        """``status``: a proxy as ``/api/status`` shows it."""
        self._client = client
        self._status = status
        self._tail = logs.keep_tail()
        self._known: dict[
            str, tuple[str, Any]
        ] = {}  # proxies by name: type and state; limited by the configuration
        self._visitors: dict[str, VisitorStatus] = {}  # limited by the configuration
        self._info: FrpcInfo | None = None
        self.streams = EventStreams(self._tail)
        self.streams.before_flush = self._publish_changes

    @route("GET", "/api/logs", LogLines, query=TAIL_QUERY)
    def logs(self, request: web.Request) -> LogLines:
        """The last lines of the log of this program."""
        return log_lines(request, self._tail)

    @route(
        "GET",
        "/api/events",
        query=(Query("logs", "`1`: with the lines of the log."),),
        events=(
            ("status", StatusEvent),
            ("visitor", VisitorStatus),
            ("connection", FrpcInfo),
            ("log", LogLine),
            ("lost", OverflowEvent),
        ),
    )
    async def events(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events as states change, and a comment every 15 seconds. A client that reads too slowly is
        disconnected. At most 64 streams can be open."""
        if not len(self.streams):
            self._take()
        return await self.streams.serve(request, logs=request.query.get("logs") == "1")

    def _take(self) -> None:
        """Remember what is known to who begins to watch now."""
        self._known = {name: state for name, (state, _) in self._proxies().items()}
        self._visitors = {item["name"]: item for item in visitor_list(self._client)}
        self._info = info_of(self._client)

    def _proxies(self) -> dict[str, tuple[tuple[str, Any], RunningProxy]]:
        found = {}
        for proxy in self._client.proxies.running():
            state = proxy.state
            shown = (state.phase, state.error, state.remote_addr, state.healthy, id(proxy))
            found[proxy.config.name] = ((proxy.config.type, shown), proxy)
        return found

    def _publish_changes(self) -> None:
        info = info_of(self._client)
        if info != self._info:
            self.streams.publish("connection", info)
        proxies, known = self._proxies(), self._known
        for name, (state, proxy) in proxies.items():
            if known.get(name) != state:
                self.streams.publish("status", self._status(proxy), name)
        for name, (kind, _) in known.items():
            if name not in proxies:
                gone: StatusEvent = {"name": name, "type": kind, "status": "closed"}
                self.streams.publish("status", gone, name)
        visitors = {item["name"]: item for item in visitor_list(self._client)}
        for name, item in visitors.items():
            if self._visitors.get(name) != item:
                self.streams.publish("visitor", item, name)
        self._known = {name: state for name, (state, _) in proxies.items()}
        self._visitors, self._info = visitors, info
