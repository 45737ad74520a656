"""The API of frps, version 1, and the server it and the rest are served by (docs/protocol/server.md §13)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from aiohttp import web

from aiofrp import logs
from aiofrp.aio import Scope, mapped
from aiofrp.server.api import views
from aiofrp.server.api.audited import Audited
from aiofrp.server.api.connections import ConnectionsApi
from aiofrp.server.api.description import DescriptionApi
from aiofrp.server.api.lists import enveloped
from aiofrp.server.api.operations import OperationsApi
from aiofrp.server.api.statistics import ProxyRecord, Statistics
from aiofrp.server.api.v2 import ApiV2
from aiofrp.server.api.views import Object
from aiofrp.server.api.watch import WatchApi
from aiofrp.server.live.audit import AuditLog
from aiofrp.server.live.history import History
from aiofrp.server.live.operator import Operator
from aiofrp.server.live.sampler import Sampler
from aiofrp.server.publish.flow import Flow
from aiofrp.server.publish.proxies import Proxies
from aiofrp.server.tables import Tables
from aiofrp.webserver.pages import add_pages
from aiofrp.webserver.profiling import add_profiling
from aiofrp.webserver.routes import serve
from aiofrp.webserver.server import ApiError, WebServer, json_response, to_pages

if TYPE_CHECKING:
    from aiofrp.server.api.metrics import Metrics
    from aiofrp.server.live.keeper import Keeper

_log = logs.get(__name__)


class ServerApi:
    """The web server of one frps with all its routes: those of version 1 here, those of version 2 and the rest added.

    Handlers read :class:`~aiofrp.server.tables.Tables` and change nothing but the statistics.
    """

    def __init__(
        self,
        tables: Tables,
        statistics: Statistics,
        proxies: Proxies,
        flow: Flow,
        metrics: Metrics | None = None,
    ) -> None:
        """``flow``: what the users of ``proxies`` have moved."""
        self._tables = tables
        self._statistics = statistics
        self._metrics = metrics
        self._run_ids = views.shown_run_ids(tables.config.web_server)
        self._web = web_server = WebServer(tables.config.web_server)
        self._add_routes(web_server)
        audit = AuditLog(tables.config.audit_file)
        self._audited = Audited(audit, tables.config.web_server.user)
        v2 = ApiV2(tables, statistics, self._audited)
        v2.add_to(web_server)
        history = History()
        self._watch = watch = WatchApi(statistics, history, self._run_ids)
        tables.clients.changed = watch.client_changed
        self._keeper = _keeper(tables.config.history_file, history, statistics)
        self._sampler = Sampler(proxies, flow, statistics, history, watch.sampled)
        operator = Operator(tables, proxies)
        for api in (
            ConnectionsApi(proxies, statistics, self._audited),
            OperationsApi(tables, operator, audit, self._audited, self._run_ids, v2.find),
            watch,
            DescriptionApi(),
        ):
            serve(web_server, api, enveloped)
        if metrics is not None:
            web_server.route("*", "/metrics", self._exposition)
        if tables.config.web_server.pprof_enable:
            add_profiling(web_server)
        web_server.route("*", "/", to_pages)
        add_pages(web_server, "frps", tables.config.web_server.assets_dir)

    def _add_routes(self, web_server: WebServer) -> None:
        web_server.route("*", "/healthz", _healthz, open_to_all=True)
        web_server.route("GET", "/api/serverinfo", self._info)
        web_server.route("GET", "/api/proxy/{type:[^/]+}", self._by_type)
        web_server.route("GET", "/api/proxy/{type:[^/]+}/{name:[^/]+}", self._by_type_and_name)
        web_server.route("GET", "/api/proxies/{name:[^/]+}", self._by_name)
        web_server.route("GET", "/api/traffic/{name:[^/]+}", self._traffic)
        web_server.route("GET", "/api/clients", self._clients)
        web_server.route("GET", "/api/clients/{key:[^/]+}", self._client)
        web_server.route("DELETE", "/api/proxies", self._prune, changes=True)

    @property
    def address(self) -> str:
        """Where it listens, as ``host:port``; valid after :meth:`start`."""
        return self._web.address

    async def start(self) -> None:
        """Read the history file and listen on ``webServer``'s address. Raises :class:`~aiofrp.errors.FrpError` when
        that is not possible."""
        if self._keeper is not None:
            await self._keeper.restore()
        await self._web.start()

    def watch(self, scope: Scope) -> None:
        """Take samples and keep them, in tasks of ``scope``."""
        scope.spawn(self._sampler.run(), "samples")
        if self._keeper is not None:
            scope.spawn(self._keeper.run(), "history")

    async def save(self) -> None:
        """Write the history file for the last time, once nothing is counted any more."""
        await self._sampler.sample(time.time())
        if self._keeper is not None:
            await self._keeper.save()

    async def close(self) -> None:
        """Stop listening and end what is being answered."""
        self._watch.streams.close()
        await self._web.close()

    async def _info(self, request: web.Request) -> web.Response:
        return json_response(views.server_info(self._tables.config, self._statistics))

    async def _exposition(self, request: web.Request) -> web.Response:
        assert self._metrics is not None
        body, content_type = self._metrics.exposition()
        return web.Response(body=body, headers={"Content-Type": content_type})

    # Proxies

    async def _by_type(self, request: web.Request) -> web.Response:
        records = self._statistics.proxies(request.match_info["type"])
        return json_response({"proxies": await mapped(self._shown, records)})

    async def _by_type_and_name(self, request: web.Request) -> web.Response:
        record = self._record(request)
        if record.kind != request.match_info["type"]:
            raise _no_proxy()
        return json_response(self._shown(record))

    async def _by_name(self, request: web.Request) -> web.Response:
        return json_response(self._shown(self._record(request)))

    async def _traffic(self, request: web.Request) -> web.Response:
        return json_response(views.traffic(self._record(request), self._statistics.today))

    async def _prune(self, request: web.Request) -> web.Response:
        if request.query.get("status") != "offline":
            raise ApiError(400, "status only support offline")
        await self._audited.run(request, "prune", "offline_proxies", "", self._statistics.prune)
        return json_response({"Code": 200, "Msg": "success"})

    def _shown(self, record: ProxyRecord) -> Object:
        published = self._tables.running(record.name)
        return views.proxy(record, published, self._statistics.today, self._run_ids)

    def _record(self, request: web.Request) -> ProxyRecord:
        record = self._statistics.proxy(request.match_info["name"])
        if record is None:
            raise _no_proxy()
        return record

    # Clients

    async def _clients(self, request: web.Request) -> web.Response:
        query = request.query
        wanted = {
            "user": query.get("user"),
            "clientID": query.get("clientId"),
            "runID": query.get("runId"),
        }
        state = query.get("status", "").lower()
        clients = await mapped(lambda record: views.client(record, self._run_ids), self._tables.clients.all())
        shown = [
            client
            for client in clients
            if all(value in (None, "", client[key]) for key, value in wanted.items())
            and (state not in ("online", "offline") or state == views.phase(client["online"]))
        ]
        return json_response(shown)

    async def _client(self, request: web.Request) -> web.Response:
        key = request.match_info["key"]
        record = self._tables.clients.find(key, self._run_ids)
        if record is None:
            raise ApiError(404, f"client {key} not found")
        return json_response(views.client(record, self._run_ids))


def _keeper(path: str, history: History, statistics: Statistics) -> Keeper | None:
    if not path:
        return None
    try:
        from aiofrp.server.live.keeper import Keeper  # here, as SQLite takes time to load
    except ImportError as error:
        _log.error("historyFile is not used: %s", error)
        return None
    return Keeper(path, history, statistics)


async def _healthz(request: web.Request) -> web.Response:
    return web.Response()


def _no_proxy() -> ApiError:
    return ApiError(404, "no proxy info found")
