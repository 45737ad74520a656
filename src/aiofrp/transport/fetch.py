"""Single HTTP requests of the programs themselves, to services outside the tunnel.

Imported only where they are needed, since aiohttp is slow to load.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler

from aiofrp.errors import ConnectFailed, FrpError, RemoteProtocolError, TimedOut
from aiofrp.stream.adapter import as_transport
from aiofrp.stream.base import Stream
from aiofrp.stream.tls.client import secured
from aiofrp.transport.net import dial
from aiofrp.transport.outbound import Destination, Proxy, parse_proxy_url, through, without_password
from aiofrp.transport.resolve import resolve
from aiofrp.transport.tls.default import default_context
from aiofrp.wire.addresses import join_host_port
from aiofrp.wire.dial.environment import EnvironmentProxies

#: Seconds from the begin of a request to the end of its answer.
TIMEOUT = 10.0
#: Bytes of the body of an answer, after it is decompressed.
MAX_ANSWER = 1024 * 1024

#: The context of all requests by the system's authorities: it takes long to make.
_shared = cache(default_context)


@dataclass(frozen=True, slots=True)
class FetchedAnswer:
    """A whole response."""

    status: int
    reason: str
    content_type: str  #: without parameters
    body: bytes


class Fetcher:
    """Sends requests, each over a connection of its own; there is nothing to close.

    ``tls``: the context for ``https``, ``None`` for the system's authorities. ``proxy``: the URL of the proxy to use
    (http, https or socks5), ``""`` for none, ``None`` for the one that the environment names for the address
    (``HTTP_PROXY``, ``HTTPS_PROXY``, ``NO_PROXY``, see :mod:`aiofrp.wire.dial.environment`).
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None, proxy: str | None = None) -> None:
        self._tls = tls
        self._proxy = proxy

    async def get(self, url: str) -> FetchedAnswer:
        """The answer to a GET; redirects are followed. Raises :class:`~aiofrp.errors.FrpError`."""
        return await self._send("GET", url, allow_redirects=True)

    async def post(
        self, url: str, form: Mapping[str, str], login: tuple[str, str] | None = None
    ) -> FetchedAnswer:
        """The answer to a POST of ``form``; a redirect is an answer. ``login``: user and password of Basic
        authentication. Raises :class:`~aiofrp.errors.FrpError`."""
        auth = None if login is None else aiohttp.encode_basic_auth(*login, "utf-8")
        fields = {} if auth is None else {"Authorization": auth}
        return await self._send("POST", url, data=dict(form), headers=fields, allow_redirects=False)

    async def _send(self, method: str, url: str, **rest: Any) -> FetchedAnswer:
        failed = f'{method.capitalize()} "{without_password(url)}"'
        try:
            async with (
                asyncio.timeout(TIMEOUT),
                self._session(url) as (session, proxy),
                session.request(method, url, proxy=proxy, **rest) as response,
            ):
                body = await _body(response)
                return FetchedAnswer(response.status, response.reason or "", response.content_type, body)
        except TimeoutError:
            raise TimedOut(f"{failed}: no answer within {TIMEOUT:g} s") from None
        except (FrpError, aiohttp.ClientError, OSError, ValueError) as exc:
            raise ConnectFailed(f"{failed}: {_reason(exc)}") from exc

    def _session(self, url: str) -> _AioSession:
        proxy = _environment_proxy(url) if self._proxy is None else self._proxy
        return _AioSession(proxy, self._tls)


class _AioSession:
    """A session of aiohttp for one request, and the proxy to name with it."""

    def __init__(self, proxy: str, tls: ssl.SSLContext | None) -> None:
        connector: aiohttp.BaseConnector
        if urlsplit(proxy).scheme in ("socks5", "socks5h"):
            connector, proxy = (
                _SocksConnector(parse_proxy_url(proxy.replace("socks5h:", "socks5:", 1)), tls),
                "",
            )
        else:
            connector = aiohttp.TCPConnector(resolver=_Resolver(), ssl=tls or _shared(), force_close=True)
        self._proxy = proxy or None
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
        )

    async def __aenter__(self) -> tuple[aiohttp.ClientSession, str | None]:
        return self._session, self._proxy

    async def __aexit__(self, *error: object) -> None:
        await self._session.close()


class _Resolver(AbstractResolver):
    """Resolves names as the tunnel does, at the server of ``dnsServer`` where one is set."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host, host=str(info[4][0]), port=port, family=info[0], proto=info[2], flags=0
            )
            for info in await resolve(host, port)
        ]

    async def close(self) -> None:
        """Nothing is kept."""


class _SocksConnector(aiohttp.BaseConnector):
    """Connections through a SOCKS5 proxy, which aiohttp itself does not know."""

    def __init__(self, proxy: Proxy, tls: ssl.SSLContext | None) -> None:
        super().__init__(force_close=True)
        self._through = proxy
        self._tls = tls

    async def _create_connection(
        self, req: aiohttp.ClientRequest, traces: object, timeout: object
    ) -> ResponseHandler:
        url = req.url
        assert url.host is not None
        assert url.port is not None
        proxy = self._through
        stream: Stream = await dial(proxy.host, proxy.port, timeout=TIMEOUT)
        try:
            stream = await through(stream, proxy, Destination(url.host, url.port, TIMEOUT))
            if url.scheme == "https":
                tls = self._tls or _shared()
                stream = await secured(stream, tls, url.host, TIMEOUT)
        except BaseException:
            stream.abort()
            raise
        protocol = ResponseHandler(asyncio.get_running_loop())
        as_transport(stream, protocol)
        return protocol


async def _body(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for part in response.content.iter_any():
        body += part
        if len(body) > MAX_ANSWER:
            raise RemoteProtocolError(f"the answer has more than {MAX_ANSWER} bytes")
    return bytes(body)


def _environment_proxy(url: str) -> str:
    parts = urlsplit(url)
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return ""  # the request fails, and says why
    return EnvironmentProxies(os.environ).url_for(parts.scheme, parts.hostname or "", port)


def _reason(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"tls: failed to verify certificate: {error.certificate_error}"
    if isinstance(error, aiohttp.ClientConnectorError):
        where = join_host_port(str(error.host), error.port or 0)
        cause = error.os_error
        number = cause.errno or 0
        text = os.strerror(number) if number > 0 else cause.strerror or str(cause)
        return f"dial tcp {where}: {text.lower()}"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "EOF"
    return str(error) or type(error).__name__
