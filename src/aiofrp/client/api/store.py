"""The routes of the store: proxies and visitors made, changed and deleted at run time (docs/protocol/client.md §6)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from aiohttp import web

from aiofrp import logs
from aiofrp.client.api.bodies import MAX_BODY, InvalidEntry, entry_of
from aiofrp.client.sources.definition import definition
from aiofrp.client.sources.file import ConfigSource
from aiofrp.client.sources.store import (
    AlreadyStored,
    Entry,
    Kind,
    NotStored,
    NotWritten,
    StoreChange,
    Stored,
)
from aiofrp.config.golang.literals import quote
from aiofrp.errors import ConfigError
from aiofrp.webserver.server import ApiError, WebServer, json_response, log_error

_log = logs.get(__name__)


class Storing(Protocol):
    """A frpc with a store, as these routes see it."""

    @property
    def source(self) -> ConfigSource | None:
        """Where the store is."""

    async def change_store(self, change: StoreChange) -> None:
        """Change the store, and start and stop what the change says. Raises what ``change`` raises, and
        :class:`~aiofrp.errors.ConfigError` when it cannot be written; nothing is changed then."""


class StoreApi:
    """The routes of one kind of entries, the proxies or the visitors."""

    def __init__(self, client: Storing, source: ConfigSource, kind: Kind) -> None:
        self._client = client
        self._source = source
        self._kind: Kind = kind
        self._plural = "proxies" if kind == "proxy" else "visitors"

    def add_routes(self, server: WebServer) -> None:
        """Serve them."""
        path = f"/api/store/{self._plural}"
        server.route("GET", path, self._list)
        server.route("POST", path, self._create, changes=True)
        server.route("GET", f"{path}/{{name}}", self._get)
        server.route("PUT", f"{path}/{{name}}", self._update, changes=True)
        server.route("DELETE", f"{path}/{{name}}", self._delete, changes=True)

    async def _list(self, request: web.Request) -> web.Response:
        entries = self._source.stored.of(self._kind)
        return json_response({self._plural: [_shown(entry) for _, entry in sorted(entries.items())]})

    async def _get(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        entry = self._source.stored.of(self._kind).get(name)
        if entry is None:
            raise ApiError(404, f"not found: {self._kind} {quote(name)}")
        return json_response(_shown(entry))

    async def _create(self, request: web.Request) -> web.Response:
        return await self._put("created", request, None, Stored.with_new)

    async def _update(self, request: web.Request) -> web.Response:
        return await self._put("updated", request, request.match_info["name"], Stored.with_changed)

    async def _put(
        self, what: str, request: web.Request, name: str | None, put: Callable[[Stored, Entry], Stored]
    ) -> web.Response:
        """Take the entry in the body over, or with ``?check=1`` only say whether that is possible."""
        check = request.query.get("check") == "1"
        try:
            entry = await self._entry(request, name)
        except InvalidEntry as error:
            if not check:
                raise ApiError(400, str(error)) from None
            log_error(request, ApiError(400, str(error)))
            return json_response({"Code": 400, "Msg": str(error), "fields": error.fields}, 400)

        def change(stored: Stored) -> Stored:
            return put(stored, entry)

        if check:
            await self._change(self._check, change)
            return json_response(_shown(entry))
        await self._change(self._client.change_store, change)
        _log.info("store: %s %s %s", what, self._kind, quote(entry.name))
        return json_response(_shown(entry))

    async def _check(self, change: StoreChange) -> None:
        await asyncio.to_thread(self._source.check_store, change)

    async def _delete(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        await self._change(self._client.change_store, lambda stored: stored.without(self._kind, name))
        _log.info("store: deleted %s %s", self._kind, quote(name))
        return web.Response()

    async def _entry(self, request: web.Request, name: str | None = None) -> Entry:
        body = bytearray()
        async for chunk in request.content.iter_any():
            body += chunk
            if len(body) > MAX_BODY:
                raise ApiError(413, f"a definition may have {MAX_BODY} bytes")
        return await asyncio.to_thread(entry_of, bytes(body), self._kind, name)

    async def _change(self, use: Callable[[StoreChange], Awaitable[None]], change: StoreChange) -> None:
        """Await ``use(change)``. Raises :class:`~aiofrp.webserver.server.ApiError` in place of its errors."""
        try:
            await use(change)
        except AlreadyStored as error:
            raise ApiError(409, f"conflict: {error}") from None
        except NotStored as error:
            raise ApiError(404, f"not found: {error}") from None
        except NotWritten as error:
            raise ApiError(500, str(error)) from None
        except ConfigError as error:
            raise ApiError(400, f"invalid argument: {error}") from None


def _shown(entry: Entry) -> dict[str, object]:
    return definition(entry, completed=False)
