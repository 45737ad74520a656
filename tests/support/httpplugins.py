"""A tunnel to one HTTP plugin, and users of it: in TLS where the plugin ends TLS."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiofrp.client.service import Client
from tests.support.certs import authority
from tests.support.ports import free_port
from tests.support.tunnel import (
    Handler,
    client_config,
    local_service,
    running_client,
    running_server,
    server_config,
)
from tests.support.web import Service, User

#: All that serve HTTP.
PLUGINS = ("http_proxy", "http2http", "http2https", "https2http", "https2https")


@dataclass(frozen=True, slots=True)
class Plugin:
    """A running plugin. ``tls``: of its users, ``None`` where they speak none."""

    kind: str
    port: int
    local: int
    client: Client
    tls: ssl.SSLContext | None = None

    def target(self, path: str = "/") -> bytes:
        """The target of a request for ``path`` of the service."""
        return f"http://127.0.0.1:{self.local}{path}".encode() if self.kind == "http_proxy" else path.encode()

    @asynccontextmanager
    async def user(self) -> AsyncIterator[User]:
        name = "" if self.tls else None
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=self.tls, server_hostname=name
        )
        try:
            yield User(reader, writer)
        finally:
            writer.transport.abort()

    async def ask(self, data: bytes) -> bytes:
        """Send ``data``, end the sending where that is possible, and read to the end."""
        async with self.user() as user:
            user.send(data)
            if not self.tls:
                user.writer.write_eof()
            with contextlib.suppress(ConnectionError):
                return await user.rest()
        return b""


@asynccontextmanager
async def running(
    plugin: str, service: Handler | int | None = None, *protocols: str, options: str = ""
) -> AsyncIterator[Plugin]:
    """``plugin`` on a remote port, before ``service`` or the port of one, with more ``options``. ``protocols``: what
    users offer by ALPN."""
    remote = free_port()
    async with (
        _served(service if service is not None else Service(), tls=plugin.endswith("2https")) as local,
        running_server(server_config()) as frps,
        running_client(client_config(frps.address[1], proxy(plugin, remote, local, options))) as client,
    ):
        tls = _trusting(*protocols) if plugin.startswith("https2") else None
        yield Plugin(plugin, remote, local, client, tls)


@asynccontextmanager
async def _served(service: Handler | int, *, tls: bool) -> AsyncIterator[int]:
    if isinstance(service, int):
        yield service
        return
    async with local_service(service, tls=authority().server_context() if tls else None) as port:
        yield port


def proxy(plugin: str, remote: int, local: int, options: str = "") -> str:
    """The configuration of ``plugin``."""
    address = "" if plugin == "http_proxy" else f'localAddr = "127.0.0.1:{local}"'
    return f"""
[[proxies]]
name = "web"
type = "tcp"
remotePort = {remote}
[proxies.plugin]
type = "{plugin}"
{address}
{options}
"""


def _trusting(*protocols: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(list(protocols) or ["http/1.1"])
    return context
