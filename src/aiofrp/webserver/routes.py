"""Routes declared at their handlers: from one declaration a route is served and described (OpenAPI).

An API is a class whose methods have the decorator :func:`route`. What they return is described by a :class:`TypedDict`
whose fields are ``Annotated`` with one sentence.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, Final, TypeVar

from aiohttp import web

from aiofrp.webserver.server import Handler, WebServer, json_response

_F = TypeVar("_F", bound=Callable[..., Any])
_DECLARED: Final = "_declared_route"

Answer = Callable[[web.Request], Any]
"""What answers a request: returns data or a response, now or awaited."""


@dataclass(frozen=True, slots=True)
class Query:
    """A parameter in the query of a request."""

    name: str
    help: str  #: one sentence
    type: str = "string"  #: of JSON Schema


@dataclass(frozen=True, slots=True)
class DeclaredRoute:
    """What a request is, and what it is answered."""

    method: str
    path: str  #: with ``{name}`` for each variable part
    help: str  #: the docstring of the handler
    answer: Any  #: the type of the data in the answer; ``None``: an empty answer
    query: tuple[Query, ...] = ()
    body: Any = None  #: the type of the body; ``str`` is a plain text
    events: tuple[
        tuple[str, Any], ...
    ] = ()  #: the answer is a stream of these events, each with the type of its data
    own_site: bool = False  #: requests that another web site caused get 403
    raw: bool = False  #: the answer has the form of no other


def route(
    method: str,
    path: str,
    answer: Any = None,
    *,
    query: tuple[Query, ...] = (),
    body: Any = None,
    events: tuple[tuple[str, Any], ...] = (),
    raw: bool = False,
) -> Callable[[_F], _F]:
    """Declare the decorated method as the handler of a route; see :class:`DeclaredRoute`. Its docstring is the help.

    Requests that another web site caused get 403, unless the route only reads.
    """

    def declare(function: _F) -> _F:
        text = " ".join((function.__doc__ or "").split())
        own_site = method != "GET" or bool(events)
        made = DeclaredRoute(method, path, text, answer, query, body, events, own_site, raw)
        setattr(function, _DECLARED, made)
        return function

    return declare


def declared_routes(api: type[object]) -> Iterator[tuple[str, DeclaredRoute]]:
    """The routes of an API, each with the name of its method, in the order of the source."""
    for name, value in vars(api).items():
        found = getattr(value, _DECLARED, None)
        if isinstance(found, DeclaredRoute):
            yield name, found


def serve(server: WebServer, api: object, handler: Callable[[Answer], Handler]) -> None:
    """Serve all routes of ``api``. ``handler`` makes a handler of the web server of each method."""
    for name, item in declared_routes(type(api)):
        lasting = bool(item.events)
        path = item.path.replace("}", ":[^/]+}")
        server.route(item.method, path, handler(getattr(api, name)), changes=item.own_site, lasting=lasting)


def plain(answer: Answer) -> Handler:
    """A handler that answers with what ``answer`` returns, as JSON without an envelope."""

    async def handle(request: web.Request) -> web.StreamResponse:
        data = await awaited(answer(request))
        return data if isinstance(data, web.StreamResponse) else json_response(data)

    return handle


async def awaited(data: Any | Awaitable[Any]) -> Any:
    """``data``, or what it gives when it is awaited."""
    return await data if isawaitable(data) else data
