"""https2http and https2https through a whole tunnel: the recorded exchanges, HTTP/2, names, certificates."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import h2.config
import h2.connection
import h2.events
import pytest

from tests.support.certs import NAME, authority
from tests.support.peers import needs_go
from tests.support.ports import free_port
from tests.support.procs import Side, frpc, frps
from tests.support.tunnel import (
    PATIENCE,
    Handler,
    client_config,
    local_service,
    running_client,
    running_server,
    server_config,
)
from tests.support.web import Response, User, echoing, upgrading

RECORDED = Path(__file__).parent.parent / "vectors" / "client-api" / "plugins-http.json"
CASES = [
    pytest.param(case, id=f"{case['plugin']}, {case['label']}")
    for case in json.loads(RECORDED.read_text())["http"]
    if case["plugin"] in ("https2http", "https2https")
]
LAYERS = "transport.useEncryption = true\ntransport.useCompression = true\n"
LIMIT = 'transport.bandwidthLimit = "9MB"\n'
#: Recordings that were made without the changes to requests.
UNCHANGED = ("enableHTTP2 false", "forwarded headers")
CHANGES = 'hostHeaderRewrite = "127.0.0.1"\nrequestHeaders.set.x-from = "frp"'


def proxy(plugin: str, local: int, where: str, options: str = "") -> str:
    return f"""
[[proxies]]
name = "web"
{where}
[proxies.plugin]
type = "{plugin}"
localAddr = "127.0.0.1:{local}"
{options}
"""


@asynccontextmanager
async def tunnel(
    plugin: str, handler: Handler | None, options: str = "", more: str = ""
) -> AsyncIterator[int]:
    """The port of ``plugin``; its service is down without ``handler``."""
    remote = free_port()
    tls = authority().server_context() if plugin == "https2https" else None
    where = f'type = "tcp"\nremotePort = {remote}\n{more}'
    async with AsyncExitStack() as stack:
        local = await stack.enter_async_context(local_service(handler, tls=tls)) if handler else free_port()
        frps = await stack.enter_async_context(running_server(server_config()))
        text = proxy(plugin, local, where, options)
        await stack.enter_async_context(running_client(client_config(frps.address[1], text)))
        yield remote


def trusting(*protocols: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context


@asynccontextmanager
async def tls_user(
    port: int, name: str | None = None, context: ssl.SSLContext | None = None
) -> AsyncIterator[User]:
    """A user in TLS that asks for ``name``."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=context or trusting(), server_hostname=name or ""
    )
    try:
        yield User(reader, writer)
    finally:
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()


def echoed(response: Response) -> list[str]:
    return sorted(line.lower() for line in response.body.decode().splitlines() if line)


@pytest.mark.parametrize("case", CASES)
async def test_recorded_exchanges(case: dict[str, Any]) -> None:
    """What the service gets is equal but for the compression that the reference asks for on its own."""
    head, _, body = case["reply"].partition("\r\n\r\n")
    status = int(head.split(" ")[1])
    handler = None if status == 502 else echoing()
    options = "" if case["label"] in UNCHANGED else CHANGES
    async with tunnel(case["plugin"], handler, options) as port, tls_user(port, case["sni"]) as user:
        user.send(case["request"].encode())
        response = await user.response()
    assert response.status == status
    if status == 200:
        lines = (line for line in body.removeprefix("TLS ").split("\n") if not line.startswith("peer="))
        assert echoed(response) == sorted(x.lower() for x in lines if x not in ("", "Accept-Encoding: gzip"))
    else:
        assert response.body == b""


@pytest.mark.parametrize("plugin", ["https2http", "https2https"])
@pytest.mark.parametrize("more", ["", LAYERS, LIMIT], ids=["plain", "layers", "limit"])
async def test_requests_one_after_another_use_one_connection(plugin: str, more: str) -> None:
    service = echoing()
    body = bytes(range(256)) * 1024
    async with tunnel(plugin, service, "", more) as port, tls_user(port) as user:
        for number in range(3):
            user.send(
                b"POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (number, len(body)) + body
            )
            assert (await user.response()).body.endswith(body)
    assert len(service.received) == 1


@pytest.mark.parametrize(
    ("name", "host", "status"),
    [
        ("a.test", "a.test", 200),
        ("a.test", "A.Test.", 200),
        ("a.test", "a.test.:8443", 200),
        ("a.test", "b.test", 421),
        ("a.test", "a.test.b", 421),
        (None, "b.test", 200),
    ],
)
async def test_the_host_is_the_one_of_the_handshake(name: str | None, host: str, status: int) -> None:
    async with tunnel("https2http", echoing()) as port, tls_user(port, name) as user:
        assert (await user.get(host)).status == status


@pytest.mark.parametrize(("allowed", "protocol"), [(True, "h2"), (False, "http/1.1")])
async def test_http2_is_offered_where_it_is_allowed(allowed: bool, protocol: str) -> None:
    options = f"enableHTTP2 = {str(allowed).lower()}"
    context = trusting("h2", "http/1.1")
    async with tunnel("https2http", echoing(), options) as port, tls_user(port, "a.test", context) as user:
        assert user.writer.get_extra_info("ssl_object").selected_alpn_protocol() == protocol
        if not allowed:
            assert (await user.get("a.test")).status == 200
            return
        got = await http2_get(user, b"a.test", b"b.test")
    assert got[1].startswith(b"GET / HTTP/1.1\nhost: a.test\n")
    assert b"x-forwarded-proto: https" in got[1]
    assert got[3] == b"421"


async def http2_get(user: User, *hosts: bytes) -> dict[int, bytes]:
    """What requests for ``hosts`` get on one connection: the body by stream, the status where there is none."""
    peer = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding=False))
    peer.initiate_connection()
    for number, host in enumerate(hosts):
        fields = [(b":method", b"GET"), (b":scheme", b"https"), (b":path", b"/"), (b":authority", host)]
        peer.send_headers(2 * number + 1, fields, end_stream=True)
    user.send(peer.data_to_send())
    got: dict[int, bytes] = {}
    ended = 0
    while ended < len(hosts):
        for event in peer.receive_data(await user.read()):
            if isinstance(event, h2.events.ResponseReceived):
                status = dict(event.headers)[b":status"]
                got[event.stream_id] = b"" if status == b"200" else status
            elif isinstance(event, h2.events.DataReceived):
                got[event.stream_id] += event.data
            elif isinstance(event, h2.events.StreamEnded):
                ended += 1
    return got


async def test_an_upgrade_makes_a_tunnel() -> None:
    async with tunnel("https2http", upgrading) as port, tls_user(port) as user:
        user.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello")
        assert b" 101 " in await user.read_until(b"\r\n\r\n")
        assert await user.read_until(b"HELLO") == b"HELLO"


async def test_the_certificate_of_the_files_is_shown(tmp_path: Path) -> None:
    one = authority()
    certificate, key = tmp_path / "a.pem", tmp_path / "a.key"
    certificate.write_bytes(one.certificate)
    key.write_bytes(one.key)
    options = f'crtPath = "{certificate}"\nkeyPath = "{key}"'
    async with (
        tunnel("https2http", echoing(), options) as port,
        tls_user(port, NAME, one.client_context()) as user,
    ):
        assert (await user.get(NAME)).status == 200


async def test_a_certificate_that_cannot_be_read_is_an_error_of_its_proxy_alone(tmp_path: Path) -> None:
    where = 'type = "tcp"\nremotePort = {}'
    wrong = proxy("https2http", 1, where.format(free_port()), 'crtPath = "/none.pem"\nkeyPath = "/none.key"')
    right = proxy("https2http", 1, where.format(free_port())).replace('"web"', '"right"')
    async with (
        running_server(server_config()) as frps,
        running_client(client_config(frps.address[1], wrong + right)) as client,
    ):
        states = {running.config.name: running.state.error for running in client.proxies.running()}
    assert "/none.pem" in states["web"]
    assert not states["right"]


async def test_plain_bytes_harm_their_sender_alone() -> None:
    async with tunnel("https2http", echoing()) as port, tls_user(port) as other:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        async with asyncio.timeout(PATIENCE):
            await reader.read()
        writer.close()
        assert (await other.get("a")).status == 200


@needs_go
@pytest.mark.parametrize(("server", "client"), [("go", "ours"), ("ours", "go")])
@pytest.mark.parametrize("plugin", ["https2http", "https2https"])
async def test_with_go(tmp_path: Path, plugin: str, server: Side, client: Side) -> None:
    bind, remote = free_port(), free_port()
    tls = authority().server_context() if plugin == "https2https" else None
    where = f'type = "tcp"\nremotePort = {remote}\n{LAYERS}'
    async with local_service(echoing(), tls=tls) as local:
        text = proxy(plugin, local, where, 'requestHeaders.set.x-from = "frp"')
        async with (
            frps(tmp_path, f'bindAddr = "127.0.0.1"\nbindPort = {bind}\n', side=server),
            frpc(tmp_path, f'serverAddr = "127.0.0.1"\nserverPort = {bind}\n{text}', side=client),
            tls_user(remote, "a.test") as user,
        ):
            fields = echoed(await user.get("a.test", "/p", "X-Forwarded-For: 9.9.9.9"))
    assert [field for field in fields if not field.startswith("accept-encoding")] == [
        "get /p http/1.1",
        "host: a.test",
        "x-forwarded-for: 9.9.9.9, 127.0.0.1",
        "x-forwarded-host: a.test",
        "x-forwarded-proto: https",
        "x-from: frp",
    ]
