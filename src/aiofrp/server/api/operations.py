"""What an operator does to clients and proxies by version 2 of frps's API; everything is in the audit log."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, TypedDict

from aiohttp import web

from aiofrp.server.api.audited import Audited, Reason, reason_of
from aiofrp.server.api.clients import Shown
from aiofrp.server.api.lists import PAGED, Page, page, part
from aiofrp.server.api.views import Object
from aiofrp.server.live.audit import AuditLog, Operation
from aiofrp.server.live.disabled import DisabledProxy
from aiofrp.server.live.operator import Operator
from aiofrp.server.tables import Tables
from aiofrp.webserver.routes import route
from aiofrp.webserver.server import ApiError


class KickedClient(TypedDict):
    """A client whose session was ended."""

    key: Annotated[str, "Its key."]
    runID: Annotated[str, "The session that was ended, as lists show it."]


class DisabledShown(TypedDict):
    """A proxy that serves nobody until it is enabled."""

    name: Annotated[str, "Its name."]
    at: Annotated[int, "When it was disabled, in seconds since 1970."]
    by: Annotated[str, "User and address of the operator."]
    reason: Annotated[str, "The reason that the operator gave; can be empty."]


class OperationShown(TypedDict):
    """One thing that an operator did."""

    at: Annotated[int, "When, in seconds since 1970."]
    by: Annotated[str, "User and address of the operator."]
    action: Annotated[str, "`kick`, `disable`, `enable`, `close` or `prune`."]
    target: Annotated[str, "The client, the proxy, or the proxy and its connection."]
    detail: Annotated[str, "More about it, such as the reason; can be empty."]
    result: Annotated[str, "`ok`, or the error."]


class OperationsApi:
    """The routes that change something, and those about what was changed."""

    def __init__(
        self,
        tables: Tables,
        operator: Operator,
        audit: AuditLog,
        audited: Audited,
        run_ids: Shown,
        show: Callable[[str], Object | None],
    ) -> None:
        """``run_ids``: how run ids are shown. ``show``: a proxy by its name as lists show it; ``None`` for one that is
        not known."""
        self._tables = tables
        self._operator = operator
        self._audit = audit
        self._audited = audited
        self._run_ids = run_ids
        self._show = show

    @route("POST", "/api/v2/clients/{key}/kick", KickedClient, body=Reason)
    async def kick(self, request: web.Request) -> KickedClient:
        """End the session of a client. The client gets the reason, and can log in again. 404 if the client is unknown,
        409 if it is offline."""
        key, reason = part(request), await reason_of(request)
        return await self._audited.run(
            request, "kick", key, reason, partial(self._kick, key, self._who(request), reason)
        )

    async def _kick(self, key: str, by: str, reason: str) -> KickedClient:
        record = self._tables.clients.find(key, self._run_ids)
        if record is None:
            raise ApiError(404, f"client {key} not found")
        run_id = record.run_id
        if not await self._operator.kick(run_id, by, reason):
            raise ApiError(409, f"client {key} is offline")
        return {"key": key, "runID": self._run_ids(run_id)}

    @route("POST", "/api/v2/proxies/{name}/disable", dict[str, Any], body=Reason)
    async def disable(self, request: web.Request) -> Object:
        """Disable a proxy and close its connections. It stays disabled until it is enabled, also after a new login of
        its client. The client gets an error with who disabled it, when and why. The answer is the proxy as in lists,
        with `disabled` and `reason` in its `status`. 404 if the proxy is unknown."""
        name, reason = part(request), await reason_of(request)
        return await self._audited.run(
            request, "disable", name, reason, partial(self._disable, name, self._who(request), reason)
        )

    async def _disable(self, name: str, by: str, reason: str) -> Object:
        self._known(name)
        await self._operator.disable(name, by, reason)
        return self._known(name)

    @route("POST", "/api/v2/proxies/{name}/enable", dict[str, Any], body=Reason)
    async def enable(self, request: web.Request) -> Object:
        """Enable a proxy again. It runs at once if its client stayed logged in. Otherwise it runs when its client asks
        for it: within 30 seconds, or after the next login. 409 if the proxy is not disabled."""
        name, reason = part(request), await reason_of(request)
        return await self._audited.run(request, "enable", name, reason, partial(self._enable, name))

    async def _enable(self, name: str) -> Object:
        if self._tables.disabled.find(name) is None:
            self._known(name)
            raise ApiError(409, f"proxy {name} is not disabled")
        await self._operator.enable(name)
        return self._show(name) or {"name": name}

    @route("GET", "/api/v2/disabled", Page[DisabledShown], query=PAGED)
    def disabled(self, request: web.Request) -> Page[DisabledShown]:
        """The proxies that are disabled, by name."""
        return page(request, self._tables.disabled.all(), _disabled)

    @route("GET", "/api/v2/audit", Page[OperationShown], query=PAGED)
    def audit(self, request: web.Request) -> Page[OperationShown]:
        """What operators did, the newest first; the last 1,000 operations since frps started."""
        return page(request, self._audit.newest(), _operation)

    def _who(self, request: web.Request) -> str:
        return self._audited.who(request)

    def _known(self, name: str) -> Object:
        shown = self._show(name)
        if shown is None:
            raise ApiError(404, "no proxy info found")
        return shown


def _disabled(entry: DisabledProxy) -> DisabledShown:
    return {"name": entry.name, "at": int(entry.at), "by": entry.by, "reason": entry.reason}


def _operation(operation: Operation) -> OperationShown:
    return {
        "at": int(operation.at),
        "by": operation.by,
        "action": operation.action,
        "target": operation.target,
        "detail": operation.detail,
        "result": operation.result,
    }
