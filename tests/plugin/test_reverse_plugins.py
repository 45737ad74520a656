"""http2http and http2https through a whole tunnel: the recorded exchanges, tunnels, services that fail."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.certs import authority
from tests.support.ends import until
from tests.support.peers import needs_go
from tests.support.ports import free_port
from tests.support.procs import Side, frpc, frps
from tests.support.tunnel import (
    Handler,
    client_config,
    local_service,
    running_client,
    running_server,
    server_config,
)
from tests.support.web import Response, User, echoing, ok, upgrading, user_of

RECORDED = Path(__file__).parent.parent / "vectors" / "client-api" / "plugins-http.json"
LAYERS = "transport.useEncryption = true\ntransport.useCompression = true\n"
LIMIT = 'transport.bandwidthLimit = "9MB"\n'


def proxy(plugin: str, local: int, where: str, more: str = "", *, changes: str = "") -> str:
    return f"""
[[proxies]]
name = "web"
{where}
{more}
[proxies.plugin]
type = "{plugin}"
localAddr = "127.0.0.1:{local}"
{changes}
"""


def tcp(remote: int) -> str:
    return f'type = "tcp"\nremotePort = {remote}'


@asynccontextmanager
async def tunnel(
    plugin: str, handler: Handler, more: str = "", *, changes: str = "", domain: str = ""
) -> AsyncIterator[User]:
    """A user of ``plugin``, on a remote port or with ``domain`` on the vhost port."""
    remote = free_port()
    tls = authority().server_context() if plugin == "http2https" else None
    server = server_config(f"vhostHTTPPort = {remote}\nvhostTrustedAddresses = []\n" if domain else "")
    where = f'type = "http"\ncustomDomains = ["{domain}"]' if domain else tcp(remote)
    async with local_service(handler, tls=tls) as local, running_server(server) as frps:
        text = proxy(plugin, local, where, more, changes=changes)
        async with running_client(client_config(frps.address[1], text)), user_of(remote) as user:
            yield user


def recorded(plugin: str) -> list[Any]:
    document = json.loads(RECORDED.read_text())
    return [pytest.param(case, id=case["label"]) for case in document["http"] if case["plugin"] == plugin]


def echoed(response: Response) -> tuple[str, dict[str, str]]:
    """The request line and the fields of a request that was echoed."""
    line, *fields = response.body.decode().strip().splitlines()
    return line, dict(sorted((name.title(), value) for name, value in (f.split(": ", 1) for f in fields)))


def expected(reply: str) -> tuple[str, dict[str, str]]:
    """The same of a recorded reply. The field for compression is left out: what passes is not unpacked here."""
    body = reply.partition("\r\n\r\n")[2].removeprefix("TLS ")
    line, *fields = (text for text in body.splitlines() if text and not text.startswith("peer="))
    pairs = (field.split(": ", 1) for field in fields)
    return line, dict(sorted((name.title(), value) for name, value in pairs if name != "Accept-Encoding"))


@pytest.mark.parametrize(
    ("plugin", "case"),
    [
        pytest.param(plugin, *case.values, id=f"{plugin}, {case.id}")
        for plugin in ("http2http", "http2https")
        for case in recorded(plugin)
    ],
)
async def test_recorded_requests(plugin: str, case: dict[str, Any]) -> None:
    """Each request of the recording reaches the service as the reference sent it."""
    domain = ""
    if case["label"].startswith("http proxy"):
        domain = "h2h.example.com" if plugin == "http2http" else "h2s.example.com"
    set_ = "rewrite" in case["label"].lower()
    changes = 'hostHeaderRewrite = "re.write"\nrequestHeaders.set.x-from = "frp"' if set_ else ""
    async with tunnel(plugin, echoing(), changes=changes, domain=domain) as user:
        user.send(case["request"].encode())
        response = await user.response()
    assert response.status == 200
    line, fields = echoed(response)
    if domain:
        assert fields.pop("X-Real-Ip") == "127.0.0.1"  # our frps sets it
    assert (line, fields) == expected(case["reply"])


@pytest.mark.parametrize("more", ["", LAYERS, LIMIT], ids=["plain", "layers", "limit"])
@pytest.mark.parametrize("plugin", ["http2http", "http2https"])
async def test_requests_one_after_another_use_one_connection(plugin: str, more: str) -> None:
    service = echoing()
    body = bytes(range(256)) * 1024
    async with tunnel(plugin, service, more) as user:
        for number in range(3):
            user.send(
                b"POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (number, len(body)) + body
            )
            assert (await user.response()).body.endswith(body)
        assert len(service.received) == 1


@pytest.mark.parametrize("target", ["http://other.test/p?q", "/p?q"])
async def test_the_service_is_asked_as_no_proxy(target: str) -> None:
    async with tunnel("http2http", echoing()) as user:
        response = await user.get("a.test", target)
        host = "other.test" if target.startswith("http") else "a.test"
        assert echoed(response) == ("GET /p?q HTTP/1.1", {"Host": host})
        user.send(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
        assert ((await user.response()).status, response.status) == (200, 200)


async def test_an_upgrade_makes_a_tunnel() -> None:
    async with tunnel("http2https", upgrading) as user:
        user.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello")
        assert b" 101 " in await user.read_until(b"\r\n\r\n")
        assert await user.read_until(b"HELLO") == b"HELLO"


@pytest.mark.parametrize("plugin", ["http2http", "http2https"])
async def test_a_service_that_cannot_be_reached_is_502(plugin: str, caplog: pytest.LogCaptureFixture) -> None:
    """The answer has no body, the cause is in the log, and the user's connection goes on."""
    remote, nobody = free_port(), free_port()
    async with (
        running_server(server_config()) as frps,
        running_client(client_config(frps.address[1], proxy(plugin, nobody, tcp(remote)))),
        user_of(remote) as user,
    ):
        for _ in range(2):
            response = await user.get("a.test")
            assert (response.status, response.reason, response.body) == (502, b"Bad Gateway", b"")
    wanted = f"http: proxy error: dial tcp 127.0.0.1:{nobody}: connect: connection refused"
    assert any(wanted in record.getMessage() for record in caplog.records)


async def test_a_service_without_tls_is_502_for_https() -> None:
    remote = free_port()
    async with (
        local_service(echoing()) as local,
        running_server(server_config()) as frps,
        running_client(client_config(frps.address[1], proxy("http2https", local, tcp(remote)))),
        user_of(remote) as user,
    ):
        assert (await user.get("a.test")).status == 502


async def test_requests_that_are_refused_reach_no_service() -> None:
    service = echoing()
    for head, status in (
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ):
        async with tunnel("http2http", service) as user:
            user.send(head)
            assert b" %d " % status in await user.read_until(b"\r\n\r\n")
    assert not service.received


async def test_an_address_that_is_none_is_an_error_of_its_proxy_alone() -> None:
    remote, other = free_port(), free_port()
    wrong = proxy("http2http", 80, tcp(remote)).replace("127.0.0.1:80", "127.0.0.1:http")
    right = proxy("http2http", 1, tcp(other)).replace('"web"', '"right"')
    async with (
        running_server(server_config()) as frps,
        running_client(client_config(frps.address[1], wrong + right)) as client,
    ):
        states = {running.config.name: running.state.error for running in client.proxies.running()}
        assert "localAddr: [127.0.0.1:http] is not an address" in states["web"]
        assert not states["right"]


async def test_a_client_that_stops_ends_idle_users_and_lets_a_response_finish() -> None:
    go_on = asyncio.Event()
    asked = asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await go_on.wait()
        writer.write(ok(b"late"))
        await reader.read()

    remote = free_port()
    async with local_service(slow) as local, running_server(server_config()) as frps:
        text = proxy("http2http", local, tcp(remote))
        async with (
            running_client(client_config(frps.address[1], text)) as client,
            user_of(remote) as idle,
            user_of(remote) as busy,
        ):
            busy.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await asked.wait()
            (running,) = client.proxies.running()
            engine = running.half.engine  # type: ignore[union-attr]
            await until(lambda: len(engine.users) == 2)
            client.stop(grace=20)
            assert await idle.rest() == b""
            go_on.set()
            response = await busy.response()
            assert (response.body, response.value(b"connection")) == (b"late", b"close")


@needs_go
@pytest.mark.parametrize(("server", "client"), [("go", "ours"), ("ours", "go")])
@pytest.mark.parametrize("plugin", ["http2http", "http2https"])
async def test_with_go(tmp_path: Path, plugin: str, server: Side, client: Side) -> None:
    bind, remote = free_port(), free_port()
    tls = authority().server_context() if plugin == "http2https" else None
    head = 'bindAddr = "127.0.0.1"\n'
    async with local_service(echoing(), tls=tls) as local:
        text = proxy(plugin, local, tcp(remote), LAYERS, changes='requestHeaders.set.x-from = "frp"')
        async with (
            frps(tmp_path, f"{head}bindPort = {bind}\n", side=server),
            frpc(tmp_path, f'serverAddr = "127.0.0.1"\nserverPort = {bind}\n{text}', side=client),
            user_of(remote) as user,
        ):
            user.send(b"GET /p?a=1;b&c=2 HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: 9.9.9.9\r\n\r\n")
            line, fields = echoed(await user.response())
    assert line == "GET /p?c=2 HTTP/1.1"
    fields.pop("Accept-Encoding", "")
    forwarded = {"X-Forwarded-For": "9.9.9.9"} if plugin == "http2https" else {}
    assert fields == {"Host": "a.test", "X-From": "frp", **forwarded}
