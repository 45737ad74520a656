"""The HTTP client of one server plugin: its address, its connections, redirects, the time an answer may take."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Callable
from functools import lru_cache
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

from aiofrp.aio import Scope, TimeLimit
from aiofrp.errors import Closed, ConnectFailed, FrpError, TimedOut, TransportError
from aiofrp.http.upstream import Counted, Upstream
from aiofrp.server.plugins.call import Fetched, PluginCall
from aiofrp.stream.base import Stream
from aiofrp.stream.tls.client import secured
from aiofrp.transport.net import dial
from aiofrp.transport.outbound import without_password
from aiofrp.transport.tls.default import default_context

#: Seconds from the beginning of a request to the end of its answer, redirects included.
TIMEOUT = 30.0
#: Seconds to connect, and to do the TLS handshake.
DIAL_TIMEOUT = 10.0
#: Redirects that are followed, as Go's client does.
REDIRECTS = 10

#: Characters of a URL that are not escaped: what is escaped already stays.
_URL = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
_USER_AGENT = "User-Agent: Go-http-client/1.1\r\n"
_END_OF_HEAD = b"\r\nAccept-Encoding: gzip\r\n\r\n"
_PORTS = {"http": 80, "https": 443}
_AS_GET = frozenset((301, 302, 303))
_REDIRECTING = frozenset((307, 308)) | _AS_GET


class BadStatus(FrpError):
    """The plugin answered with another status than 200."""


class PluginCaller:
    """Sends requests to one plugin.

    Requests about users and all others have connections apart: the first give up when only the last files are left,
    so that clients can still log in.
    """

    def __init__(self, addr: str, path: str, *, tls_verify: bool, scope: Scope) -> None:
        """``scope`` owns the tasks that connect."""
        url = addr + path
        self._url = url if url.startswith(("http://", "https://")) else f"http://{url}"
        self._verifies = tls_verify or not self._url.startswith("https://")  # where redirects to https lead
        self._scope = scope
        self._tls: ssl.SSLContext | None = None
        self._upstreams: dict[bool, Upstream] = {}  # for users, or not
        self._counter = _Connections()
        self._limit = TimeLimit(TIMEOUT)

    async def post(self, op: str, request_id: str, body: bytes, *, for_user: bool = False) -> bytes:
        """Send ``body`` and return the body of the answer. Raises :class:`~aiofrp.errors.FrpError` with the reference's
        text, :class:`BadStatus` for another status than 200."""
        url = f"{self._url}?op={op}&version=0.1.0"
        post = _Post()
        self._limit.start(post)
        try:
            reply = await self._follow(post, url, request_id, body, for_user)
        except (FrpError, ValueError) as exc:
            failed = TimedOut if post.over else ConnectFailed
            raise failed(f'Post "{without_password(url)}": {exc}') from exc
        finally:
            self._limit.stop(post)
        if reply.status != 200:
            raise BadStatus(f"do http request error code: {reply.status}")
        return reply.body

    def close(self) -> None:
        """Drop all connections."""
        for upstream in self._upstreams.values():
            upstream.close()
        self._counter.abort()

    # Private: requests

    async def _follow(self, post: _Post, url: str, request_id: str, body: bytes, for_user: bool) -> Fetched:
        content: bytes | None = body
        referer = ""
        target = first = urlsplit(url)
        for _ in range(REDIRECTS + 1):
            request = _request(target, referer, request_id, content)
            reply = await self._send(post, target, request, for_user=for_user, elsewhere=target is not first)
            if not reply.location or reply.status not in _REDIRECTING:
                return reply
            if reply.status in _AS_GET:
                content = None
            before, target = target, urlsplit(urljoin(target.geturl(), reply.location))
            follows = before.scheme == target.scheme or target.scheme == "https"
            referer = before._replace(netloc=_host(before)).geturl() if follows else ""
        raise Closed(f"stopped after {REDIRECTS} redirects")

    async def _send(
        self, post: _Post, target: SplitResult, request: bytes, *, for_user: bool, elsewhere: bool
    ) -> Fetched:
        if not elsewhere:
            upstream = self._upstreams.get(for_user)
            if upstream is None:
                upstream = self._upstreams[for_user] = self._upstream(target, for_user)
            return await post.call(upstream, request)
        upstream = self._upstream(target, for_user)
        try:
            return await post.call(upstream, request)
        finally:
            upstream.close()

    # Private: connections

    def _upstream(self, target: SplitResult, for_user: bool) -> Upstream:
        async def connect(ready: Callable[[Stream], None], failed: Callable[[FrpError], None]) -> None:
            try:
                stream = await self._dial(target, for_user)
            except TransportError as exc:
                failed(exc)
            except asyncio.CancelledError:
                failed(_stopped())
                raise
            else:
                ready(stream)

        def open(
            source: tuple[str, int], ready: Callable[[Stream], None], failed: Callable[[FrpError], None]
        ) -> None:
            if self._scope.spawn(connect(ready, failed), "connect to a plugin") is None:
                failed(_stopped())

        _address(target)
        return Upstream(target.netloc, open, self._counter)

    async def _dial(self, target: SplitResult, for_user: bool) -> Stream:
        host, port = _address(target)
        stream = await dial(host, port, timeout=DIAL_TIMEOUT, for_user=for_user)
        if target.scheme == "http":
            return stream
        return await secured(stream, self._context(), host, DIAL_TIMEOUT)

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = default_context()
            if not self._verifies:
                self._tls.check_hostname = False
                self._tls.verify_mode = ssl.CERT_NONE
        return self._tls


class _Post:
    """The time that one event has: for its request, and those that redirects make of it."""

    __slots__ = ("_call", "over")

    def __init__(self) -> None:
        self._call: PluginCall | None = None
        self.over = False

    async def call(self, upstream: Upstream, request: bytes) -> Fetched:
        """The response to ``request``. Raises :class:`~aiofrp.errors.FrpError`."""
        self._call = PluginCall(upstream, request)
        return await self._call.reply()

    def time_out(self) -> None:
        """The time is over."""
        self.over = True
        if self._call is not None:
            self._call.fail(TimedOut(f"no answer within {TIMEOUT:g} s"))


class _Connections:
    """The connections of one plugin."""

    def __init__(self) -> None:
        self._open: set[Counted] = set()  # as many as events are under way, and idle ones

    def opened(self, connection: Counted) -> None:
        self._open.add(connection)

    def closed(self, connection: Counted) -> None:
        self._open.discard(connection)

    def abort(self) -> None:
        for connection in list(self._open):
            connection.abort()


def _stopped() -> Closed:
    return Closed("the server stops")


def _address(target: SplitResult) -> tuple[str, int]:
    """Host and port. Raises :class:`ValueError`."""
    if target.scheme not in _PORTS:
        raise ValueError(f'unsupported protocol scheme "{target.scheme}"')
    if not target.hostname:
        raise ValueError("http: no Host in request URL")
    return target.hostname, target.port or _PORTS[target.scheme]


def _request(target: SplitResult, referer: str, request_id: str, body: bytes | None) -> bytes:
    """A request with the fields in the order of Go's client: a POST of ``body``, or a GET without one."""
    begin, fields = _head(target, referer, body is not None)
    length = b"" if body is None else b"Content-Length: %d\r\n" % len(body)
    return b"".join((begin, length, fields, request_id.encode(), _END_OF_HEAD, body or b""))


@lru_cache(32)  # each plugin has one for each operation
def _head(target: SplitResult, referer: str, has_body: bool) -> tuple[bytes, bytes]:
    """What stands before the Content-Length field of a request, and between that and the id."""
    path = (target.path or "/") + (f"?{target.query}" if target.query else "")
    path = quote(path, safe=_URL, errors="surrogateescape")
    begin = f"{'POST' if has_body else 'GET'} {path} HTTP/1.1\r\nHost: {_host(target)}\r\n{_USER_AGENT}"
    fields = ""
    if target.username is not None:
        login = f"{unquote(target.username)}:{unquote(target.password or '')}"
        fields += f"Authorization: Basic {base64.b64encode(login.encode()).decode()}\r\n"
    if has_body:
        fields += "Content-Type: application/json\r\n"
    if referer:
        fields += f"Referer: {quote(referer, safe=_URL)}\r\n"
    return begin.encode(), f"{fields}X-Frp-Reqid: ".encode()


def _host(target: SplitResult) -> str:
    """Host and port as they are written."""
    return target.netloc.rpartition("@")[2]
