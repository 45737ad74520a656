"""The admin API of frpc (docs/protocol/client.md §6)."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from aiohttp import web

from aiofrp import logs
from aiofrp.client.api.about import AboutApi, Shown
from aiofrp.client.api.check import CheckApi
from aiofrp.client.api.description import ClientDescriptionApi
from aiofrp.client.api.store import StoreApi, Storing
from aiofrp.client.api.watch import ClientWatchApi
from aiofrp.client.health import is_checked
from aiofrp.client.proxies import RunningProxy
from aiofrp.client.sources.definition import definition
from aiofrp.client.sources.file import ConfigSource
from aiofrp.client.sources.store import Entry, Kind
from aiofrp.config.golang.literals import quote
from aiofrp.config.models.client import ClientConfig
from aiofrp.errors import ConfigError, FrpError
from aiofrp.proxy.base import Place, proxy_type
from aiofrp.webserver.pages import add_pages
from aiofrp.webserver.profiling import add_profiling
from aiofrp.webserver.routes import plain, serve
from aiofrp.webserver.server import ApiError, WebServer, json_response, to_pages
from aiofrp.wire.addresses import join_host_port

_log = logs.get(__name__)

#: Seconds between the answer to ``/api/stop`` and the end (docs/protocol/client.md §6).
_STOP_DELAY = 0.1
_TRUE: Final = frozenset({"1", "t", "T", "true", "TRUE", "True"})


class Administered(Storing, Shown, Protocol):
    """A frpc, as its admin API sees it."""

    @property
    def config(self) -> ClientConfig:
        """What it runs by now."""

    @property
    def source(self) -> ConfigSource | None:
        """Where its configuration can be loaded again; ``None`` without a file."""

    @property
    def open_connections(self) -> int:
        """How many connections of users are open."""

    async def reload(self, *, strict: bool | None = None) -> None:
        """Load the configuration again. Raises :class:`~aiofrp.errors.ConfigError`; nothing is changed then."""

    def stop(self) -> None:
        """Ask it to withdraw its proxies and end."""


class AdminApi:
    """The routes of one frpc's admin API."""

    def __init__(self, client: Administered) -> None:
        self._client = client
        self._server = server = WebServer(client.config.web_server)
        server.route("*", "/healthz", self._healthz, open_to_all=True)
        server.route("GET", "/api/status", self._status)
        server.route("GET", "/api/config", self._get_config)
        server.route("PUT", "/api/config", self._put_config, changes=True)
        server.route("GET", "/api/proxy/{name}/config", self._proxy)
        server.route("GET", "/api/visitor/{name}/config", self._visitor)
        server.route("GET", "/api/reload", self._reload, changes=True)
        server.route("POST", "/api/stop", self._stop, changes=True)
        self._watch = ClientWatchApi(client, self._shown)
        for api in (AboutApi(client), CheckApi(client), self._watch, ClientDescriptionApi()):
            serve(server, api, plain)
        if client.source is not None and client.source.has_store:
            StoreApi(client, client.source, "proxy").add_routes(server)
            StoreApi(client, client.source, "visitor").add_routes(server)
        if client.config.web_server.pprof_enable:
            add_profiling(server)
        server.route("*", "/", to_pages)
        add_pages(server, "frpc", client.config.web_server.assets_dir)

    @property
    def address(self) -> str:
        """Where it listens, as ``host:port``."""
        return self._server.address

    async def start(self, sock: socket.socket) -> None:
        """Serve who connects to ``sock``, which listens. Raises :class:`~aiofrp.errors.FrpError`."""
        await self._server.start(sock)

    async def close(self) -> None:
        """Stop listening."""
        self._watch.streams.close()
        await self._server.close()

    async def _healthz(self, request: web.Request) -> web.Response:
        return web.Response()

    async def _status(self, request: web.Request) -> web.Response:
        client = self._client
        answer: dict[str, list[dict[str, object]]] = {}
        for proxy in client.proxies.running():
            answer.setdefault(proxy.config.type, []).append(self._shown(proxy))
        return json_response(dict(sorted(answer.items())))

    def _shown(self, proxy: RunningProxy) -> dict[str, object]:
        return status_of(proxy, self._client.config.server_addr, self._stored("proxy"))

    async def _proxy(self, request: web.Request) -> web.Response:
        return self._definition("proxy", request.match_info["name"], self._client.config.proxies)

    async def _visitor(self, request: web.Request) -> web.Response:
        return self._definition("visitor", request.match_info["name"], self._client.config.visitors)

    def _definition(self, kind: Kind, name: str, running: Sequence[Entry]) -> web.Response:
        """What runs, else what is stored and does not run."""
        for config in running:
            if config.name == name:
                return json_response(definition(config))
        stored = self._stored(kind).get(name)
        if stored is None:
            raise ApiError(404, f"{kind} {quote(name)} not found")
        return json_response(definition(stored, completed=False))

    def _stored(self, kind: Kind) -> Mapping[str, Entry]:
        source = self._client.source
        return {} if source is None else source.stored.of(kind)

    async def _get_config(self, request: web.Request) -> web.Response:
        try:
            data = await asyncio.to_thread(self._source().read)
        except ConfigError as error:
            raise ApiError(400, f"invalid argument: {error}") from None
        response = web.Response(body=data)
        response.headers["Content-Type"] = "text/plain; charset=utf-8"
        return response

    async def _put_config(self, request: web.Request) -> web.Response:
        data = await request.read()
        if not data:
            raise ApiError(400, "body can't be empty")
        try:
            await asyncio.to_thread(self._source().write, data)
        except ConfigError as error:
            raise ApiError(500, str(error)) from None
        return web.Response()

    async def _reload(self, request: web.Request) -> web.Response:
        try:
            await self._client.reload(strict=request.query.get("strictConfig") in _TRUE)
        except FrpError as error:
            raise ApiError(400, f"invalid argument: {error}") from None
        return web.Response()

    async def _stop(self, request: web.Request) -> web.Response:
        if connections := self._client.open_connections:
            _log.info("stop was asked for; %d running connections get a few seconds to end", connections)
        asyncio.get_running_loop().call_later(_STOP_DELAY, self._client.stop)
        return web.Response()

    def _source(self) -> ConfigSource:
        source = self._client.source
        if source is None:
            raise ApiError(400, "invalid argument: frpc has no config file path")
        return source


def status_of(proxy: RunningProxy, server_addr: str, stored: Mapping[str, Entry]) -> dict[str, object]:
    """One proxy as ``/api/status`` shows it; ``stored`` are the proxies of the store. Four fields are ours: ``urls``
    (where users go) of one that runs, ``hint`` where one is known about ``err`` or a service that refuses datagrams,
    ``health`` (of the local service) where it is checked, and ``lost`` once something was."""
    config, state = proxy.config, proxy.state
    remote = "" if state.error else state.remote_addr
    if not state.error and proxy_type(config.type).place is Place.PORT:
        remote = server_addr + remote
    return {
        "name": config.name,
        "type": config.type,
        "status": state.phase.value,
        "err": state.error,
        "local_addr": join_host_port(config.local_ip, config.local_port) if config.local_port else "",
        "plugin": config.plugin.type if config.plugin else "",
        "remote_addr": remote,
        **({"hint": str(hint)} if (hint := proxy.hint) is not None else {}),
        **({"urls": urls} if (urls := proxy.urls) else {}),
        **({"source": "store"} if _enabled(stored.get(config.name)) else {}),
        **({"health": "up" if state.healthy else "down"} if is_checked(config) else {}),
        **({"lost": dict(proxy.losses.counts)} if proxy.losses.counts else {}),
    }


def _enabled(entry: Entry | None) -> bool:
    return entry is not None and entry.enabled is not False
