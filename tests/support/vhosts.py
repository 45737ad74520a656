"""frps with chosen shared ports, and frpc with proxies for them."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiofrp.client.service import Client
from aiofrp.server.service import Server
from tests.support.certs import authority
from tests.support.ports import free_port
from tests.support.tunnel import PATIENCE, client_config, running_client, running_server, server_config
from tests.support.web import Handler, local_services


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy to start: its service and its lines in the configuration."""

    service: str
    type: str
    lines: tuple[str, ...] = ()

    def text(self, name: str, port: int) -> str:
        head = ["[[proxies]]", f'name = "{name}"', f'type = "{self.type}"', f"localPort = {port}"]
        return "\n".join([*head, *self.lines, ""])


@dataclass(slots=True)
class Rig:
    """The running pair."""

    server: Server
    client: Client
    services: Mapping[str, int]


@asynccontextmanager
async def rig(
    services: Mapping[str, Handler],
    proxies: Mapping[str, Proxy],
    server: Iterable[str] = (),
    *,
    client: str = "",
    port: int = 0,
) -> AsyncIterator[Rig]:
    """frps with the lines ``server``, and frpc with ``proxies``, which begin in the order of their names, after the
    lines ``client``."""
    port = port or free_port()
    async with (
        running_server(server_config("\n".join(server), port=port)) as frps,
        local_services(services) as locals_,
    ):
        text = f"{client}\n" + "".join(
            proxy.text(name, locals_[proxy.service]) for name, proxy in proxies.items()
        )
        async with running_client(client_config(port, text)) as frpc:
            yield Rig(frps, frpc, locals_)


def refusals(client: Client) -> dict[str, str]:
    """Why proxies were refused, by name; empty for those that run."""
    return {proxy.config.name: proxy.state.error for proxy in client.proxies.running()}


def trusting() -> ssl.SSLContext:
    """A TLS user that does not look at names."""
    context = authority().client_context()
    context.check_hostname = False
    return context


async def ask_tls(port: int, name: str | None, data: bytes) -> bytes:
    """Send ``data`` over TLS to ``name`` at 127.0.0.1:``port``; everything that comes back."""
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=trusting(), server_hostname=name or ""
        )
        try:
            writer.write(data)
            return await reader.read(-1)
        finally:
            writer.close()
