"""One service of this program made public: the client that does it, and what is known of it meanwhile."""

from __future__ import annotations

import asyncio
import builtins
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from aiofrp import registry
from aiofrp.client.proxies import UserTraffic
from aiofrp.config.models.proxy import PluginKind
from aiofrp.errors import ConfigError, ProxyError, TimedOut
from aiofrp.library.asgi import Application, AsgiHalf, AsgiServer
from aiofrp.library.client import Client
from aiofrp.library.options import as_file
from aiofrp.proxy.base import Place, ProxyType, proxy_type
from aiofrp.transport.net import read_port
from aiofrp.wire.addresses import join_host_port

#: What can be exposed: a port of this machine, ``host:port``, or an ASGI application.
Target = int | str | Application

_RUNNING = "running"

#: ``host:port``; the brackets show where an IPv6 address ends (RFC 3986 §3.2.2).
_HOST_PORT = re.compile(r"(?:\[(?P<v6>[^][\s/@]+)]|(?P<host>[^][\s/@:]*)):(?P<port>\d+)", re.ASCII)


class Tunnel:
    """A service that is public, until its block ends or :meth:`close`. Made by :func:`aiofrp.expose` alone."""

    def __init__(self, client: Client, name: str) -> None:
        self._client = client
        self._close: Callable[[], Awaitable[object]] | None = None
        self._remote = ""
        self.name = name  #: of the proxy
        (proxy,) = client.config.proxies
        self.type = proxy.type  #: of the proxy

    def __repr__(self) -> str:
        return f"<Tunnel {self.name} {self.type} {self.addresses}>"

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where the service is reached: ``host:port`` for tcp and udp, URLs for http and https.

        After a reconnection these may be others, where the server chooses the port.
        """
        for status in self._client.proxies():
            self._remote = status.remote_addr or self._remote
        kind = proxy_type(self.type)
        if kind.place is Place.PORT:
            return (join_host_port(self._client.config.server_addr, int(self._remote.rpartition(":")[2])),)
        before = f"{kind.scheme}://" if kind.scheme else ""
        return tuple(before + part for part in self._remote.split(",") if part)

    @property
    def address(self) -> str:
        """The first of :attr:`addresses`; empty for a type that has none."""
        return next(iter(self.addresses), "")

    @property
    def server(self) -> tuple[str, int]:
        """Host and port of the frps."""
        config = self._client.config
        return config.server_addr, config.server_port

    @property
    def connected(self) -> bool:
        """Whether there is a session with the server; without one it is tried again."""
        return bool(self._client.proxies())

    @property
    def traffic(self) -> UserTraffic:
        """What has passed so far; datagrams are not counted."""
        return self._client.traffic

    def closes_with(self, close: Callable[[], Awaitable[object]]) -> None:
        """Let :meth:`close` do what the end of a block does."""
        self._close = close

    async def close(self) -> None:
        """End it, if it was begun with ``await``; the end of its block ends one that was begun with a block."""
        close, self._close = self._close, None
        if close is not None:
            await close()

    async def wait(self) -> None:
        """Serve until cancelled. Raises :class:`~aiofrp.errors.FrpError` when the client gave up."""
        await self._client.wait()


def tunnel_of(
    target: Target | None, settings: Mapping[str, Any], name: str, timeout: float
) -> AbstractAsyncContextManager[Tunnel]:
    """A block in which the proxy ``name``, the only one of ``settings`` of frpc, is running and leads to ``target``.

    Raises :class:`~aiofrp.errors.ConfigError`."""
    if not callable(target):
        return _running(Client(settings), name, timeout)
    return _running_application(target, settings, name, timeout)


def settings_of(
    target: Target | None, type: str, place: Mapping[str, Any], plugin: str, options: Mapping[str, Any]
) -> dict[str, Any]:
    """The settings of the proxy that leads to ``target`` or ``plugin``, as in a file of frpc. ``place``: the arguments
    of :func:`aiofrp.expose` that say where users enter. Raises :class:`~aiofrp.errors.ConfigError`."""
    kind = _kind(type)
    if callable(target) and kind.datagrams:
        raise ConfigError('an ASGI application speaks HTTP: expose it with type="tcp" or type="http"')
    return {"type": type, **_service(target, plugin, options), **_place(kind, **place)}


def _place(
    kind: type[ProxyType], remote_port: int, custom_domains: Sequence[str], subdomain: str
) -> dict[str, Any]:
    """The settings of a proxy that say where its users enter."""
    place: dict[str, Any] = {"remotePort": remote_port} if kind.place is Place.PORT else {}
    if custom_domains or subdomain:
        place |= {"customDomains": list(custom_domains), "subdomain": subdomain}
    return place


def _service(target: Target | None, plugin: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a proxy that say who serves its users. Raises :class:`~aiofrp.errors.ConfigError`."""
    local = _plugin(plugin, options) if plugin else _local(target)
    if options and not plugin:
        raise ConfigError(f"without a plugin there is no option {next(iter(options))}")
    if plugin and target is not None:
        raise ConfigError("a plugin serves users itself: leave target out")
    return local


@asynccontextmanager
async def _running_application(
    application: Application, settings: Mapping[str, Any], name: str, timeout: float
) -> AsyncIterator[Tunnel]:
    """Run ``application`` and a client whose proxy ``name`` leads to it; at the end its open requests are awaited."""
    asgi = AsgiServer(application)
    await asgi.start()
    try:
        client = Client(settings, halves={name: lambda context, config: AsgiHalf(context, config, asgi)})
        async with _running(client, name, timeout) as tunnel:
            try:
                yield tunnel
            finally:
                await asgi.drain()
    finally:
        await asgi.close()


@asynccontextmanager
async def _running(client: Client, name: str, timeout: float) -> AsyncIterator[Tunnel]:
    """Run ``client`` for as long as the block lasts. ``timeout``: seconds until its proxy ``name`` is running."""
    try:
        async with asyncio.timeout(timeout):
            await client.start()
    except TimeoutError:
        raise TimedOut(
            f"no tunnel within {timeout:g} s: is {client.config.server_addr}:{client.config.server_port} a frps "
            "that answers? Raise the timeout for a slow one"
        ) from None
    try:
        _check(client, name)
        yield Tunnel(client, name)
    finally:
        await client.stop()


def _check(client: Client, name: str) -> None:
    for status in client.proxies():
        if status.phase == _RUNNING:
            return
        error = ProxyError(f"the server refuses the {status.type} proxy {name}: {status.error}")
        error.hint = status.hint
        raise error
    raise ProxyError(
        f"the session ended while the proxy {name} was announced: the log of the server says why"
    )


def _plugin(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that let the plugin ``name`` serve the proxy; names of ``options`` may be those of attributes."""
    if name not in registry.CLIENT_PLUGINS:
        raise ConfigError(f"plugin is one of {', '.join(registry.CLIENT_PLUGINS)}, not {name!r}")
    config = registry.load(registry.CLIENT_PLUGINS[name], PluginKind).Config
    return {"plugin": {**as_file(config, options), "type": name}}


def _local(target: Target | None) -> dict[str, Any]:
    """The settings that lead frpc to the service; none for an application, which has no port."""
    if callable(target):
        return {}
    if isinstance(target, bool) or not isinstance(target, int | str):
        raise ConfigError(f'target is a port number, "host:port" or an ASGI application, not {target!r}')
    host, port = ("127.0.0.1", target) if isinstance(target, int) else host_port(target, "target")
    return {"localIP": host, "localPort": port}


def client_settings(server: str, token: str, client: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of frpc for ``server`` (``host:port``) and ``token``, with ``client`` added. Raises
    :class:`~aiofrp.errors.ConfigError`."""
    host, port = host_port(server, "server")
    settings: dict[str, Any] = {"serverAddr": host, "serverPort": port, **client}
    if token:
        settings["auth"] = {**settings.get("auth", {}), "token": token}
    return settings


def _kind(name: str) -> builtins.type[ProxyType]:
    try:
        return proxy_type(name)
    except KeyError:
        raise ConfigError(f"type is one of {', '.join(registry.PROXIES)}, not {name!r}") from None


def host_port(text: str, what: str) -> tuple[str, int]:
    """The two parts of ``host:port``; ``what`` names it in the :class:`~aiofrp.errors.ConfigError`."""
    found = _HOST_PORT.fullmatch(text)
    port = read_port(found["port"]) if found else 0
    if not found or not port:
        raise ConfigError(
            f'{what} must be "host:port" with a port from 1 to 65535, such as "frps.example.com:7000" '
            f'or "[2001:db8::1]:7000", not {text!r}'
        )
    return found["v6"] or found["host"] or "127.0.0.1", port
