"""The form of the answers of version 2 of frps's API: one envelope for all, and lists in pages
(docs/protocol/server.md §13.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, Generic, TypedDict, TypeVar
from urllib.parse import unquote

from aiohttp import web

from aiofrp.config.golang.literals import parse_int
from aiofrp.webserver.routes import Answer, Query, awaited
from aiofrp.webserver.server import ApiError, Handler, json_response, log_error

PAGE_SIZE: Final = 50
MAX_PAGE_SIZE: Final = 200

_T = TypeVar("_T")


class Page(TypedDict, Generic[_T]):
    """A part of a list."""

    total: Annotated[int, "Items of the whole list."]
    page: Annotated[int, "Number of the page, 1 is the first."]
    pageSize: Annotated[int, "Items of a full page."]
    items: Annotated[list[_T], "The items of this page."]


#: The parameters of every list.
PAGED: Final = (
    Query("page", "Number of the page, 1 is the first.", "integer"),
    Query("pageSize", f"Items of a page, {PAGE_SIZE} by default and {MAX_PAGE_SIZE} at most.", "integer"),
)


def enveloped(answer: Answer) -> Handler:
    """A handler that answers with what ``answer`` returns (now, or awaited), or with the error it raises; a response
    passes as it is."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            data = await awaited(answer(request))
            if isinstance(data, web.StreamResponse):
                return data
            return json_response({"code": 200, "msg": "success", "data": data})
        except ApiError as error:
            log_error(request, error)
            return json_response({"code": error.status, "msg": str(error), "data": None}, error.status)

    return handle


def part(request: web.Request, at: int = 0) -> str:
    """A part of the path after ``/api/v2/<what>/``, the first or a later one, unescaped only now, so that it may hold
    slashes."""
    return unquote(request.rel_url.raw_path.split("/")[4 + at])


def page(
    request: web.Request, items: Sequence[Any], shown: Callable[[Any], Any] = lambda item: item
) -> Page[Any]:
    """The page of ``items`` that the query asks for, each item as ``shown`` makes it; the others are not made."""
    page, size = page_of(request)
    return {
        "total": len(items),
        "page": page,
        "pageSize": size,
        "items": [shown(item) for item in items[(page - 1) * size : page * size]],
    }


def page_of(request: web.Request) -> tuple[int, int]:
    """The number and the size of the page that the query asks for. Raises
    :class:`~aiofrp.webserver.server.ApiError` (400) for wrong ones."""
    page = _positive(request, "page", 1)
    size = _positive(request, "pageSize", PAGE_SIZE)
    if size > MAX_PAGE_SIZE:
        raise ApiError(400, f"pageSize must be between 1 and {MAX_PAGE_SIZE}")
    if page > (2**63 - 1) // size:
        raise ApiError(400, "page is too large")
    return page, size


def _positive(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name, "")
    try:
        number = parse_int(text, base=10) if text else default
    except ValueError:
        number = 0
    if number < 1:
        raise ApiError(400, f"{name} must be a positive integer")
    return number
