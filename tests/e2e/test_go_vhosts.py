"""http, https and tcpmux proxies with the real programs, in both directions. Needs ``FRP_GO_BIN``."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.e2e.test_groups import GROUP, ask_https, ask_tcp, ask_tcpmux, http, tcp
from tests.e2e.test_http_streams import CHUNKED, Manual
from tests.e2e.test_https import https, secure
from tests.e2e.test_tcpmux import OPEN, connect, naming, tcpmux
from tests.support.peers import needs_go
from tests.support.ports import free_port
from tests.support.procs import Side, frpc, frps
from tests.support.tunnel import Handler
from tests.support.vhosts import Proxy
from tests.support.web import Service, local_services, ok, saying, user_of

pytestmark = [
    needs_go,
    pytest.mark.parametrize(("server", "client"), [("ours", "go"), ("go", "ours"), ("ours", "ours")]),
]
BASIC = base64.b64encode(b"u:p").decode()
LAYERS = ("transport.useEncryption = true", "transport.useCompression = true")


@asynccontextmanager
async def programs(
    folder: Path,
    sides: tuple[Side, Side],
    services: Mapping[str, Handler],
    proxies: Mapping[str, Proxy],
    options: str,
) -> AsyncIterator[None]:
    """frps with ``options`` and frpc with ``proxies``, as processes."""
    bind = free_port()
    async with local_services(services) as ports:
        text = "".join(proxy.text(name, ports[proxy.service]) for name, proxy in proxies.items())
        head = 'bindAddr = "127.0.0.1"\n'
        async with (
            frps(folder, f"{head}bindPort = {bind}\n{options}\n", side=sides[0]),
            frpc(
                folder,
                f'serverAddr = "127.0.0.1"\nserverPort = {bind}\n{text}',
                side=sides[1],
                proxies=len(proxies),
            ),
        ):
            yield


async def test_http(tmp_path: Path, server: Side, client: Side) -> None:
    port = free_port()
    mirror = Service(lambda request: ok(request.method + b" " + request.target + b" " + request.body))
    services: dict[str, Handler] = {"mirror": mirror, "api": saying("api")}
    auth = ('httpUser = "u"', 'httpPassword = "p"')
    proxies = {
        "a": http("mirror", *LAYERS, 'requestHeaders.set.X-Set = "1"', 'hostHeaderRewrite = "inner"'),
        "b": http("api", 'locations = ["/api"]', *auth),
    }
    async with (
        programs(tmp_path, (server, client), services, proxies, f"vhostHTTPPort = {port}"),
        user_of(port) as user,
    ):
        assert (await user.get("g.test", "/x?y", "Accept-Encoding: x")).body == b"GET /x?y "
        assert (await user.get("none.test")).status == 404
        assert (await user.get("g.test", "/api/x", "Accept-Encoding: x")).status == 401
        assert (
            await user.get("g.test", "/api/x", f"Authorization: Basic {BASIC}", "Accept-Encoding: x")
        ).body == b"api"
        body = os.urandom(300_000)
        user.send(b"POST /p HTTP/1.1\r\nHost: g.test\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        assert (await user.response()).body == b"POST /p " + body
        user.send(b"PUT /p HTTP/1.1\r\nHost: g.test\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKED)
        assert (await user.response()).body == b"PUT /p hello world"
    sent = mirror.requests[0]
    assert sent.values(b"host") == [b"inner"]
    assert sent.values(b"x-set") == [b"1"]
    assert sent.values(b"x-forwarded-for") == [b"127.0.0.1"]
    assert sent.values(b"x-forwarded-host") == [b"g.test"]


async def test_upgrades_and_events(tmp_path: Path, server: Side, client: Side) -> None:
    port, service = free_port(), Manual()
    async with programs(
        tmp_path, (server, client), {"s": service}, {"a": http("s")}, f"vhostHTTPPort = {port}"
    ):
        async with user_of(port) as user:
            user.send(b"GET / HTTP/1.1\r\nHost: g.test\r\n\r\n")
            _, writer, _ = await service.request()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
            await user.read_until(b"\r\n\r\n")
            for event in (b"data: 1\n\n", b"data: 2\n\n"):
                writer.write(event)
                assert event in await user.read_until(event)
            writer.close()
        async with user_of(port) as user:
            user.send(b"GET / HTTP/1.1\r\nHost: g.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
            reader, writer, _ = await service.request()
            writer.write(
                b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
            )
            assert (await user.read_until(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
            user.send(b"ping")
            assert await reader.readexactly(4) == b"ping"
            writer.write(b"pong")
            assert await user.read() == b"pong"


async def test_https_and_tcpmux(tmp_path: Path, server: Side, client: Side) -> None:
    ports = [free_port(), free_port()]
    services = {"secure": secure("secure"), "one": naming("one"), "two": naming("two")}
    proxies = {
        "a": https("secure", "g.test", lines=LAYERS),
        "b": tcpmux("one", "one.test", *LAYERS),
        "c": tcpmux("two", "one.test", 'routeByHTTPUser = "u"', 'httpUser = "u"', 'httpPassword = "p"'),
    }
    options = f"vhostHTTPSPort = {ports[0]}\ntcpmuxHTTPConnectPort = {ports[1]}"
    async with programs(tmp_path, (server, client), services, proxies, options):
        assert await ask_https(ports[0]) == "secure"
        for fields, name in (((), b"one"), ((f"Proxy-Authorization: Basic {BASIC}",), b"two")):
            async with user_of(ports[1]) as user:
                user.send(connect("one.test", *fields))
                assert await user.read_until(name + b":") == OPEN + name + b":"
                user.send(b"hello")
                assert await user.read_until(b"hello") == b"hello"


async def test_groups(tmp_path: Path, server: Side, client: Side) -> None:
    ports = [free_port() for _ in range(4)]
    services: dict[str, Handler] = {}
    proxies: dict[str, Proxy] = {}
    for name in ("x", "y"):
        services |= {f"{name}w": saying(name), f"{name}s": secure(name), f"{name}n": naming(name)}
        proxies |= {
            f"h{name}": http(f"{name}w", *GROUP),
            f"s{name}": https(f"{name}s", "g.test", lines=GROUP),
            f"m{name}": tcpmux(f"{name}n", "g.test", *GROUP),
            f"t{name}": tcp(f"{name}n", ports[3], *GROUP),
        }
    options = f"vhostHTTPPort = {ports[0]}\nvhostHTTPSPort = {ports[1]}\ntcpmuxHTTPConnectPort = {ports[2]}"
    async with programs(tmp_path, (server, client), services, proxies, options):
        async with user_of(ports[0]) as user:
            web = [(await user.get("g.test", "/", "Accept-Encoding: x")).body for _ in range(4)]
        in_turn(web)
        in_turn([await ask_https(ports[1]) for _ in range(4)])
        if (server, client) == ("ours", "ours"):  # a half-close goes through ours alone
            in_turn([await ask_tcpmux(ports[2]) for _ in range(4)])
            in_turn([await ask_tcp(ports[3]) for _ in range(4)])


def in_turn(answers: Sequence[object]) -> None:
    """The two members of a group answered by turns; the reference's client registers them in any order."""
    assert len(set(answers)) == 2
    assert answers[:2] == answers[2:]


async def test_a_service_that_dies_is_asked_anew(tmp_path: Path, server: Side, client: Side) -> None:
    """Connections kept for the next request, on which the service gave up meanwhile."""
    port = free_port()
    connections = 0

    async def tired(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        for _ in range(2):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(ok(b"%d" % connections))
        writer.close()

    async with (
        programs(tmp_path, (server, client), {"s": tired}, {"a": http("s")}, f"vhostHTTPPort = {port}"),
        user_of(port) as user,
    ):
        answers = [(await user.get("g.test", "/", "Accept-Encoding: x")).body for _ in range(6)]
    assert answers == [b"1", b"1", b"2", b"2", b"3", b"3"]
