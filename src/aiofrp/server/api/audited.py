"""Requests that change something: by whom, why, and noted in the audit log."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Annotated, NotRequired, TypedDict, TypeVar

from aiohttp import web

from aiofrp.errors import FrpError
from aiofrp.server.live.audit import AuditLog
from aiofrp.server.live.disabled import MOST_REASON
from aiofrp.webserver.server import ApiError

_T = TypeVar("_T")

#: Bytes of a body with a reason.
MAX_BODY = 8192


class Reason(TypedDict):
    """Why an operator does it."""

    reason: NotRequired[Annotated[str, "Shown to the client and in the audit log; 500 characters at most."]]


class Audited:
    """The operators of one frps and what they do."""

    def __init__(self, audit: AuditLog, user: str) -> None:
        """``user``: that of the credentials of the web server, empty where it asks for none."""
        self._audit = audit
        self._user = user or "anonymous"

    def who(self, request: web.Request) -> str:
        """The operator of a request: user and address."""
        return f"{self._user}@{request.remote}"

    async def run(
        self,
        request: web.Request,
        action: str,
        target: str,
        detail: str,
        work: Callable[[], _T | Awaitable[_T]],
    ) -> _T:
        """What ``work()`` gives, awaited if need be; that, or its error, is noted. Raises
        :class:`~aiofrp.webserver.server.ApiError`, of 409
        for another error of frps."""
        result = "ok"
        try:
            given = work()
            return await given if isinstance(given, Awaitable) else given
        except ApiError as error:
            result = str(error)
            raise
        except FrpError as error:
            result = str(error)
            raise ApiError(409, result) from None
        except BaseException:
            result = "not finished"
            raise
        finally:
            await self._audit.add(self.who(request), action, target, detail, result)


async def reason_of(request: web.Request) -> str:
    """The reason in the body of a request; empty where there is no body. Raises
    :class:`~aiofrp.webserver.server.ApiError` (400, 413)."""
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > MAX_BODY:
            raise ApiError(413, f"a body may have {MAX_BODY} bytes")
    if not body.strip():
        return ""
    try:
        tree = json.loads(body)
    except (ValueError, RecursionError):
        raise ApiError(400, "the body is no JSON object") from None
    reason = tree.get("reason", "") if isinstance(tree, dict) else None
    if not isinstance(reason, str):
        raise ApiError(400, "the body must be a JSON object, and its reason a text")
    if len(reason) > MOST_REASON:
        raise ApiError(400, f"a reason may have {MOST_REASON} characters")
    return reason
