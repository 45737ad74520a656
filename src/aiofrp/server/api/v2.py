"""Version 2 of frps's API: lists in pages, filters, one envelope for every answer (docs/protocol/server.md §13.2)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from aiohttp import web

from aiofrp import registry
from aiofrp.aio import mapped
from aiofrp.server.api import views
from aiofrp.server.api.audited import Audited
from aiofrp.server.api.clients import ClientRecord
from aiofrp.server.api.lists import Page, enveloped, page, page_of, part
from aiofrp.server.api.statistics import ProxyRecord, Statistics
from aiofrp.server.api.views import Object
from aiofrp.server.tables import Tables
from aiofrp.version import FRP_VERSION
from aiofrp.webserver.server import ApiError, WebServer

_STATES: Final = ("", "all", "online", "offline")
_PRUNED: Final = "offline_proxies"


class ApiV2:
    """The routes under ``/api/v2``."""

    def __init__(self, tables: Tables, statistics: Statistics, audited: Audited) -> None:
        self._tables = tables
        self._audited = audited
        self._statistics = statistics
        self._run_ids = views.shown_run_ids(tables.config.web_server)

    def add_to(self, web_server: WebServer) -> None:
        """Add the routes to ``web_server``, before it starts."""
        routes = {
            "/system/info": self._info,
            "/users": self._users,
            "/clients": self._clients,
            "/clients/{key:[^/]+}": self._client,
            "/proxies": self._proxies,
            "/proxies/{name:[^/]+}": self._proxy,
            "/proxies/{name:[^/]+}/traffic": self._traffic,
        }
        for path, answer in routes.items():
            web_server.route("GET", "/api/v2" + path, enveloped(answer))
        web_server.route("POST", "/api/v2/system/prune", enveloped(self._prune), changes=True)

    # System

    def _info(self, request: web.Request) -> Object:
        return {
            "version": FRP_VERSION,
            "config": views.server_config(self._tables.config),
            "status": views.server_status(self._statistics),
        }

    async def _prune(self, request: web.Request) -> Object:
        kind = request.query.get("type", "").lower()
        if not kind:
            raise ApiError(400, "type is required")
        if kind != _PRUNED:
            raise ApiError(400, f"type must be one of {_PRUNED}")
        cleared, total = await self._audited.run(request, "prune", kind, "", self._statistics.prune)
        return {"type": kind, "cleared": cleared, "total": total}

    # Users and clients

    def _users(self, request: web.Request) -> Page[Object]:
        users: dict[str, Object] = {}
        for key, records in (("clientCount", self._tables.clients.all()), ("proxyCount", self._records())):
            for record in records:
                user = {"user": record.user, "clientCount": 0, "proxyCount": 0}
                users.setdefault(record.user, user)[key] += 1
        q = request.query.get("q", "").lower()
        return page(request, [user for name, user in sorted(users.items()) if q in name.lower()])

    async def _clients(self, request: web.Request) -> Page[Object]:
        wanted = _Filters(request)
        shown = await mapped(self._client_shown, self._tables.clients.all())
        found = [item for item in shown if wanted.client(item) and wanted.has_text(_texts_of_client(item))]
        return page(request, found)

    def _client_shown(self, record: ClientRecord) -> Object:
        return views.client(record, self._run_ids)

    def _client(self, request: web.Request) -> Object:
        key = part(request)
        record = self._tables.clients.find(key, self._run_ids)
        if record is None:
            raise ApiError(404, f"client {key} not found")
        proxies = [proxy for proxy in self._records() if _belongs(proxy, record)]
        status = {
            "phase": views.phase(record.online),
            "curConns": sum(proxy.connections for proxy in proxies),
            "proxyCount": len(proxies),
        }
        return {**views.client(record, self._run_ids), "status": status}

    # Proxies

    def _records(self, kind: str = "") -> Iterable[ProxyRecord]:
        return self._statistics.proxies(kind)

    async def _proxies(self, request: web.Request) -> Page[Object]:
        wanted, kind = _Filters(request), _kind(request)
        records = [p for p in self._records(kind) if self._wanted(wanted, p)]
        records.sort(key=lambda p: (p.kind, p.name))
        if not wanted.searches:
            return page(request, records, self._shown)
        shown = await mapped(self._shown, records)
        return page(request, [p for p in shown if wanted.has_text(_texts_of_proxy(p))])

    def _wanted(self, filters: _Filters, record: ProxyRecord) -> bool:
        client_id = record.client_id or self._run_ids(record.run_id)
        online = self._tables.running(record.name) is not None
        return filters.owner(record.user, client_id) and filters.state(views.phase(online))

    def _proxy(self, request: web.Request) -> Object:
        return self._shown(self._record(request))

    def _traffic(self, request: web.Request) -> Object:
        return views.traffic_v2(self._record(request), self._statistics.today)

    def _shown(self, record: ProxyRecord) -> Object:
        published = self._tables.running(record.name)
        disabled = self._tables.disabled.find(record.name)
        reason = None if disabled is None else disabled.reason
        return views.proxy_v2(record, published, self._statistics.today, self._run_ids, reason)

    def find(self, name: str) -> Object | None:
        """A proxy as lists show it; ``None`` where it is not known."""
        record = self._statistics.proxy(name)
        return None if record is None else self._shown(record)

    def _record(self, request: web.Request) -> ProxyRecord:
        record = self._statistics.proxy(part(request))
        if record is None:
            raise ApiError(404, "no proxy info found")
        return record


class _Filters:
    """The filters in the query of a list. Raises :class:`~aiofrp.webserver.server.ApiError` (400) for a wrong one."""

    def __init__(self, request: web.Request) -> None:
        query = request.query
        page_of(request)  # a wrong page is the first error
        self._state = query.get("status", "").lower()
        if self._state not in _STATES:
            raise ApiError(400, "status must be one of all, online, offline")
        self._user = query.get("user")  # given but empty it means the empty user
        self._client_id = query.get("clientID", "")
        self._run_id = query.get("runID", "")
        self._q = query.get("q", "").lower()

    def client(self, shown: Object) -> bool:
        """Whether the list keeps a client, given as it is shown."""
        return (
            self.owner(shown["user"], shown["clientID"])
            and self._run_id in ("", shown["runID"])
            and self.state(views.phase(shown["online"]))
        )

    def owner(self, user: str, client_id: str) -> bool:
        """Whether the list keeps a client, or a proxy of a client, with this user and client id."""
        return self._user in (None, user) and self._client_id in ("", client_id)

    def state(self, state: str) -> bool:
        """Whether the list keeps what is ``online`` or ``offline``."""
        return self._state in ("", "all", state)

    @property
    def searches(self) -> bool:
        """Whether there is a text to search for, so that :meth:`has_text` decides."""
        return bool(self._q)

    def has_text(self, texts: Iterable[str]) -> bool:
        """Whether one of ``texts`` contains the text searched for, in any case."""
        return not self._q or any(self._q in text.lower() for text in texts)


def _belongs(proxy: ProxyRecord, client: ClientRecord) -> bool:
    return (proxy.user, proxy.client_id) == (client.user, client.client_id) and (
        bool(client.client_id) or proxy.run_id == client.run_id
    )


def _texts_of_client(shown: Object) -> Iterable[str]:
    keys = ("key", "user", "clientID", "runID", "version", "wireProtocol", "hostname", "clientIP")
    return [shown.get(key, "") for key in keys]


def _texts_of_proxy(shown: Object) -> Iterable[str]:
    spec = shown["spec"]
    block = spec[spec["type"]]
    yield from (shown["name"], spec["type"], shown["user"], shown["clientID"], shown["status"]["phase"])
    yield from (str(block.get("remotePort", "")), block.get("subdomain", ""))
    yield from block.get("customDomains", ())


def _kind(request: web.Request) -> str:
    kind = request.query.get("type", "").lower()
    if kind and kind not in registry.PROXIES:
        raise ApiError(400, f"type must be one of {', '.join(registry.PROXIES)}")
    return kind
