"""Many slow or senseless users of each HTTP plugin, and services that die: others are served, and none stays."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest

from tests.support.ends import until
from tests.support.httpplugins import PLUGINS, Plugin, running
from tests.support.ports import free_port
from tests.support.tunnel import (
    PATIENCE,
    Handler,
    client_config,
    local_service,
    running_client,
    running_server,
    server_config,
)
from tests.support.web import Service, User, ok, user_of

SLOW, DYING, RANDOM = 40, 20, 60


@asynccontextmanager
async def crowded(kind: str, service: Handler) -> AsyncIterator[tuple[Plugin, User]]:
    """A plugin and a user that was served; checks that it is served again afterwards and nobody else is left."""
    async with running(kind, service) as plugin, plugin.user() as other:
        (proxy,) = plugin.client.proxies.running()
        engine = proxy.half.engine  # type: ignore[union-attr]
        assert await served(plugin, other) == b"hello"
        yield plugin, other
        assert await served(plugin, other) == b"hello"
        await until(lambda: len(engine.users) == 1)


def head(plugin: Plugin, path: str = "/") -> bytes:
    return b"GET %b HTTP/1.1\r\nHost: a\r\n" % plugin.target(path)


async def served(plugin: Plugin, user: User) -> bytes:
    user.send(head(plugin) + b"\r\n")
    return (await user.response()).body


@pytest.mark.parametrize("kind", PLUGINS)
async def test_slow_users(kind: str) -> None:
    async with crowded(kind, Service()) as (plugin, other), AsyncExitStack() as stack:
        slow = [await stack.enter_async_context(plugin.user()) for _ in range(SLOW)]
        for user in slow:
            user.send(head(plugin)[:-5])
        for _ in range(3):
            for user in slow:
                user.send(b"a")
            assert await served(plugin, other) == b"hello"


@pytest.mark.parametrize("kind", PLUGINS)
async def test_a_service_that_dies_in_the_middle_of_its_response(kind: str) -> None:
    async def dying(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while b"/die" not in await reader.readuntil(b"\r\n\r\n"):
            writer.write(ok(b"hello"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\n" + bytes(1000))
        await writer.drain()
        writer.transport.abort()

    async with crowded(kind, dying) as (plugin, _):
        for _ in range(DYING):
            async with plugin.user() as user:
                user.send(head(plugin, "/die") + b"\r\n")
                with suppress(ConnectionError):
                    assert len(await user.rest()) < 500000


@pytest.mark.parametrize("kind", PLUGINS)
async def test_first_bytes_that_mean_nothing(kind: str) -> None:
    chosen = random.Random(kind)
    alphabet = b"GETPOSCN /.:HT1\r\n\x00\x16\x03\x01\xff" + bytes(range(256))

    async def say(port: int) -> None:
        async with user_of(port) as user:
            user.send(bytes(chosen.choices(alphabet, k=chosen.randrange(1, 400))))
            user.writer.write_eof()
            with suppress(ConnectionError):
                await user.rest()

    async with crowded(kind, Service()) as (plugin, other):
        everybody = asyncio.gather(*(say(plugin.port) for _ in range(RANDOM)))
        assert await served(plugin, other) == b"hello"
        await everybody


async def test_a_wrong_password_holds_up_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aiofrp.plugin.http_proxy.FAILURE_DELAY", 2 * PATIENCE)
    options = 'httpUser = "u"\nhttpPassword = "p"'
    right, wrong = b"Proxy-Authorization: Basic dTpw\r\n\r\n", b"Proxy-Authorization: Basic dTpx\r\n\r\n"
    async with (
        running("http_proxy", Service(), options=options) as plugin,
        plugin.user() as user,
        plugin.user() as other,
    ):
        user.send(head(plugin) + wrong)
        other.send(head(plugin) + right)
        assert (await other.response()).body == b"hello"


async def test_plugins_serve_stcp_and_tcpmux() -> None:
    """The users of tcp, http and https are in other tests."""
    mux, bound = free_port(), free_port()
    async with (
        local_service(Service()) as local,
        running_server(server_config(f"tcpmuxHTTPConnectPort = {mux}")) as frps,
    ):
        text = f"""
[[proxies]]
name = "mux"
type = "tcpmux"
multiplexer = "httpconnect"
customDomains = ["a.test"]
[proxies.plugin]
type = "http2http"
localAddr = "127.0.0.1:{local}"
[[proxies]]
name = "secret"
type = "stcp"
secretKey = "k"
transport.useEncryption = true
transport.useCompression = true
transport.bandwidthLimit = "9MB"
[proxies.plugin]
type = "http_proxy"
[[visitors]]
name = "visitor"
type = "stcp"
serverName = "secret"
secretKey = "k"
bindPort = {bound}
transport.useEncryption = true
transport.useCompression = true
"""
        async with (
            running_client(client_config(frps.address[1], text)),
            user_of(mux) as one,
            user_of(bound) as two,
        ):
            one.send(b"CONNECT a.test:80 HTTP/1.1\r\nHost: a.test:80\r\n\r\n")
            assert b" 200 " in await one.read_until(b"\r\n\r\n")
            assert (await one.get("a.test")).body == b"hello"
            assert (await two.get("b.test", f"http://127.0.0.1:{local}/")).body == b"hello"
