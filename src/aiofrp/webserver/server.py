"""The web server of both programs: the listener, credentials, guards and the forms of answers
(docs/protocol/client.md §6).

The programs add their routes. This module is imported only when ``webServer.port`` is set, because aiohttp loads
slowly.
"""

from __future__ import annotations

import asyncio
import html
import logging
import posixpath
import re
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web

from aiofrp import logs
from aiofrp.config.load.files import MAX_SIZE
from aiofrp.config.models.shared import TlsConfig, WebServerConfig
from aiofrp.errors import FrpError
from aiofrp.faults import report
from aiofrp.logs import Log
from aiofrp.transport.net import BACKLOG, bind_tcp
from aiofrp.transport.tls.contexts import identity_context
from aiofrp.webserver.basicauth import CHALLENGE, REFUSED, BasicAuth, Guesses, TooManyGuesses
from aiofrp.webserver.front import Front
from aiofrp.webserver.guard import PROOF, foreign_host, same_site
from aiofrp.wire.addresses import join_host_port, source_of
from aiofrp.wire.http.head import MAX_HEAD
from aiofrp.wire.jsontext import json_text

#: Seconds within which a request must be read and answered (docs/protocol/client.md §6).
_TIME_LIMIT = 60.0
#: Seconds that running requests have to end when the server closes.
_GRACE = 1.0

_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SLASHES = re.compile(r"//+")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_OPEN: Final = web.AppKey("open", set[Handler])  # handlers that need no credentials
_CHANGES: Final = web.AppKey("changes", set[Handler])  # handlers that change something
_LASTING: Final = web.AppKey("lasting", set[Handler])  # handlers whose answers may last for any time
_QUIET: Final = web.AppKey("quiet", set[Handler])  # handlers whose requests are logged at debug
_GUESSES: Final = web.AppKey("guesses", Guesses)
_OWN_NAME: Final = web.AppKey("own_name", str)  # set when there are no credentials: see _wrong_host

_log = logs.get(__name__)
#: Rate-limited, for log lines that anybody can cause.
_refused = _log.limited(logs.ANYONE)


#: aiohttp's own log lines, which anybody can cause too.
_library_log = logs.get("aiofrp.webserver.aiohttp").limited(logs.ANYONE)


class ApiError(FrpError):
    """Raised by handlers to refuse a request: ``status`` is the status of the answer, the text its message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class WebServer:
    """One web server. Call :meth:`route` for each route, then :meth:`start`, and at the end :meth:`close`."""

    def __init__(self, config: WebServerConfig) -> None:
        """``config``: address, port, credentials and certificates."""
        self._config = config
        self._app = web.Application(middlewares=[_gate], client_max_size=MAX_SIZE)
        for handlers in (_OPEN, _CHANGES, _LASTING, _QUIET):
            self._app[handlers] = set()
        auth = BasicAuth(config.user, config.password)
        self._app[_GUESSES] = Guesses(auth)
        if auth.open:
            self._app[_OWN_NAME] = config.addr
        self._app.on_response_prepare.append(_plain_headers)
        self._runner: web.AppRunner | None = None
        self._listener: asyncio.Server | None = None

    def route(
        self,
        method: str,
        path: str,
        handler: Handler,
        *,
        open_to_all: bool = False,
        changes: bool = False,
        lasting: bool = False,
        quiet: bool = False,
    ) -> None:
        """Serve ``path`` by ``handler``.

        ``open_to_all``: without credentials. ``changes``: the handler changes something, so requests that another web
        site caused get 403. ``lasting``: the answer may last longer than other answers may. ``quiet``: requests are
        logged at debug, not at info.
        """
        self._app.router.add_route(method, path, handler)
        if open_to_all:
            self._app[_OPEN].add(handler)
        if changes:
            self._app[_CHANGES].add(handler)
        if lasting:
            self._app[_LASTING].add(handler)
        if quiet:
            self._app[_QUIET].add(handler)

    async def start(self, sock: socket.socket | None = None) -> None:
        """Start to serve on ``sock``, which listens, or on a socket of its own. Raises
        :class:`~aiofrp.errors.FrpError` for a port in use or unusable certificates; ``sock`` is closed then."""
        config = self._config
        tls: ssl.SSLContext | None = None
        if config.tls is not None:  # a CA has no effect here (docs/protocol/configuration.md §2.1)
            try:
                tls = identity_context(
                    TlsConfig(cert_file=config.tls.cert_file, key_file=config.tls.key_file)
                )
            except FrpError:
                if sock is not None:
                    sock.close()
                raise
        sock = sock or bind_tcp(config.addr, config.port)
        runner = self._runner = web.AppRunner(
            self._app,
            access_log=None,
            logger=_library_log,
            handle_signals=False,
            shutdown_timeout=_GRACE,
            lingering_time=_GRACE,
            keepalive_timeout=_TIME_LIMIT,
            auto_decompress=False,
            # Front limits the head as a whole.
            max_line_size=MAX_HEAD,
            max_field_size=MAX_HEAD,
            max_headers=MAX_HEAD,
        )
        await runner.setup()
        handlers = runner.server
        assert handlers is not None
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(
            lambda: Front(handlers()), sock=sock, ssl=tls, backlog=BACKLOG
        )

    @property
    def address(self) -> str:
        """The configured ``host:port``."""
        return join_host_port(self._config.addr, self._config.port)

    async def close(self) -> None:
        """Stop listening; running requests have :data:`_GRACE` seconds to end."""
        if self._listener is not None:
            self._listener.close()
        if self._runner is not None:
            await self._runner.cleanup()


# Answers


def json_response(value: Any, status: int = 200) -> web.Response:
    """An answer with ``value`` as JSON and a newline. ``<``, ``>`` and ``&`` are escaped, so that a browser that treats
    it as HTML finds no tags."""
    body = json_text(value)
    for sign in b"<>&":
        body = body.replace(bytes([sign]), b"\\u%04x" % sign)
    return web.Response(body=body + b"\n", status=status, headers={"Content-Type": "application/json"})


def text_response(text: str, status: int = 200) -> web.Response:
    """An answer with a plain text; for other statuses than 200, browsers must not guess another type."""
    response = web.Response(text=text, status=status)
    response.headers["Content-Type"] = "text/plain; charset=utf-8"
    if status != 200:
        response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def not_found() -> web.Response:
    """The answer 404 to a path without a route."""
    return text_response("404 page not found\n", 404)


async def to_pages(request: web.Request) -> web.Response:
    """The handler of ``/``: a redirect to the pages in ``/static/``."""
    return _moved("/static/")


def _moved(path: str) -> web.Response:
    text = f'<a href="{html.escape(path)}">Moved Permanently</a>.\n\n'
    return web.Response(text=text, status=301, content_type="text/html", headers={"Location": path})


async def _plain_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Remove Server, and Content-Type from empty answers; close the connection after its last answer."""
    response.headers.popall("Server", None)
    if response.content_length == 0:
        response.headers.popall("Content-Type", None)
    front = request.transport.get_protocol() if request.transport is not None else None
    if isinstance(front, Front) and front.answering():
        response.force_close()


# Handling of a request: path, method, credentials, guard, handler


@web.middleware
async def _gate(request: web.Request, handler: Handler) -> web.StreamResponse:
    if (elsewhere := _wrong_path(request)) is not None:
        return elsewhere
    missing = request.match_info.http_exception
    if isinstance(missing, web.HTTPMethodNotAllowed):
        return web.Response(status=405)
    if missing is not None:
        return not_found()
    app, route = request.app, request.match_info.handler
    if route in app[_OPEN]:
        return await handler(request)
    if (refused := _wrong_host(request) or await _unauthorized(request)) is not None:
        return refused
    level = logging.DEBUG if route in app[_QUIET] else logging.INFO
    _log.log(level, "http request: [%s]", request.rel_url.raw_path)
    limit = None if route in app[_LASTING] else _TIME_LIMIT
    response = await _answer(request, handler, limit, guarded=route in app[_CHANGES])
    _log.log(level, "http response [%s]: code [%d]", request.rel_url.raw_path, response.status)
    return response


def _wrong_host(request: web.Request) -> web.Response | None:
    """The refusal of a host name that another web site may have chosen; only for a web server without a password."""
    own = request.app.get(_OWN_NAME)
    host = None if own is None else foreign_host(request.headers.getall("Host", ()), own)
    if host is None:
        return None
    error = ApiError(
        403,
        f"the host [{host}] is not served: without a password this web server answers only to IP addresses,"
        " localhost and the name in webServer.addr, since a page of another web site can use any other name (DNS"
        " rebinding); set webServer.user and webServer.password",
    )
    log_error(request, error, _refused)
    return json_response({"Code": error.status, "Msg": str(error)}, error.status)


async def _unauthorized(request: web.Request) -> web.Response | None:
    """The refusal of a request without the right credentials."""
    source = source_of(request.remote or "")
    try:
        if await request.app[_GUESSES].admits(source, request.headers.get("Authorization", "")):
            return None
    except TooManyGuesses as exc:
        return text_response(f"{exc}\n", 429)
    refused = text_response(REFUSED, 401)
    refused.headers["WWW-Authenticate"] = CHALLENGE
    return refused


def _wrong_path(request: web.Request) -> web.Response | None:
    """The answer to a path that cannot be decoded (400), or that is not in its shortest form (301)."""
    target = request.raw_path
    if _BAD_ESCAPE.search(target.partition("?")[0]):
        response = web.Response(text="400 Bad Request", status=400)
        response.force_close()
        return response
    path, mark, query = target.partition("?")
    clean = _clean(path)
    return None if clean == path else _moved(clean + mark + query)


def _clean(path: str) -> str:
    """A path without empty segments, ``.`` and ``..``; a slash at its end stays."""
    if "//" not in path and "/." not in path:
        return path
    clean = posixpath.normpath(_SLASHES.sub("/", path))
    return f"{clean}/" if path.endswith("/") and clean != "/" else clean


async def _answer(
    request: web.Request, handler: Handler, limit: float | None, *, guarded: bool
) -> web.StreamResponse:
    try:
        if guarded and not same_site(request.headers):
            raise ApiError(
                403,
                "this request comes from another web site, or from a browser that does not say where from; programs"
                f" that look like a browser send the field {PROOF}",
            )
        async with asyncio.timeout(limit):
            return await handler(request)
    except TimeoutError:
        error = ApiError(408, f"the request was not complete within {_TIME_LIMIT:g} s")
    except ConnectionResetError:
        error = ApiError(400, "the connection was lost before the end of the request")
    except web.HTTPRequestEntityTooLarge:
        error = ApiError(413, f"a body may have {MAX_SIZE} bytes")
    except ApiError as exc:
        error = exc
    except web.HTTPException:
        raise
    except Exception as exc:  # noqa: BLE001 - the guard of the handlers
        report("a request of the API was not answered", exc)
        error = ApiError(500, "internal error, see the log")
    return _failed(request, error)


def _failed(request: web.Request, error: ApiError) -> web.Response:
    log_error(request, error)
    return json_response({"Code": error.status, "Msg": str(error)}, error.status)


def log_error(request: web.Request, error: ApiError, log: Log = _log) -> None:
    """Log one line with the reason for which ``request`` gets an error."""
    log.warning("http response [%s]: error: %s", request.rel_url.raw_path, error)
