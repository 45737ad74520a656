"""Vhost ports that are one port, with each other or with frps's own: everybody ends at the right service."""

from __future__ import annotations

import contextlib
import logging

import pytest

from aiofrp.server.service import Server
from aiofrp.server.vhost.ports import ListenError
from tests.e2e.test_groups import ask_http, ask_https, ask_tcp, ask_tcpmux, http, tcp
from tests.e2e.test_https import https, secure
from tests.e2e.test_tcpmux import naming, tcpmux
from tests.support.ports import free_port
from tests.support.tunnel import Handler, running_server, server_config
from tests.support.vhosts import rig
from tests.support.web import saying, talk

HTTP, HTTPS, MUX = "vhostHTTPPort", "vhostHTTPSPort", "tcpmuxHTTPConnectPort"


@pytest.mark.parametrize("keys", [(HTTP,), (HTTPS,), (MUX,), (HTTP, HTTPS), (HTTP, MUX), (HTTP, HTTPS, MUX)])
@pytest.mark.parametrize("with_frp", [True, False])
async def test_one_port_for_many(keys: tuple[str, ...], with_frp: bool) -> None:
    port, remote = free_port(), free_port()
    services: dict[str, Handler] = {"web": saying("web"), "secure": secure("secure"), "mux": naming("mux")}
    kinds = {
        HTTP: ("h", http("web")),
        HTTPS: ("s", https("secure", "g.test")),
        MUX: ("m", tcpmux("mux", "g.test")),
    }
    proxies = {"t": tcp("mux", remote)} | dict(kinds[key] for key in keys)
    options = [f"{key} = {port}" for key in keys]
    # TLS of users begins with 0x16, so that of frpc has to begin with frp's own byte
    client = "transport.tls.disableCustomTLSFirstByte = false"
    async with rig(services, proxies, options, client=client, port=port if with_frp else 0) as running:
        assert len(running.server.proxies) == len(proxies)
        assert await ask_tcp(remote) == "mux"
        if HTTP in keys:
            assert await ask_http(port) == "web"
        if HTTPS in keys:
            assert await ask_https(port) == "secure"
        if MUX in keys:
            assert await ask_tcpmux(port) == "mux"


async def test_where_only_https_shares_the_port_http_is_frps() -> None:
    port = free_port()
    async with running_server(server_config(f"vhostHTTPSPort = {port}", port=port)):
        with contextlib.suppress(ConnectionResetError):  # it did not read all
            assert b"HTTP" not in await talk(port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")


async def test_tls_on_the_http_port_is_answered_at_once() -> None:
    port = free_port()
    hello = bytes.fromhex("16030100050100000100")
    async with running_server(server_config(f"vhostHTTPPort = {port}")):
        answer = await talk(port, hello)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request: ")
    assert b"write http:// instead of https://" in answer


async def test_the_lines_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    ports = [free_port() for _ in range(4)]
    caplog.set_level(logging.INFO, "aiofrp.server")
    config = server_config(
        f"vhostHTTPPort = {ports[1]}\nvhostHTTPSPort = {ports[2]}\ntcpmuxHTTPConnectPort = {ports[3]}",
        port=ports[0],
    )
    async with running_server(config):
        pass
    assert [record.getMessage() for record in caplog.records][:5] == [
        f"tcpmux httpconnect multiplexer listen on 127.0.0.1:{ports[3]}, passthrough: false",
        f"frps tcp listen on 127.0.0.1:{ports[0]}",
        f"http service listen on 127.0.0.1:{ports[1]}",
        f"https service listen on 127.0.0.1:{ports[2]}",
        "frps started successfully",
    ]


async def test_a_shared_port_is_told_once_for_http_and_not_for_https(
    caplog: pytest.LogCaptureFixture,
) -> None:
    port = free_port()
    caplog.set_level(logging.INFO, "aiofrp.server")
    async with running_server(server_config(f"vhostHTTPPort = {port}\nvhostHTTPSPort = {port}", port=port)):
        pass
    lines = [record.getMessage() for record in caplog.records]
    assert f"http service listen on 127.0.0.1:{port}" in lines
    assert not any("https service" in line for line in lines)


@pytest.mark.parametrize(
    ("key", "prefix"),
    [
        (HTTP, "create vhost http listener error, "),
        (HTTPS, "create server listener error, "),
        (MUX, "create server listener error, "),
    ],
)
async def test_a_port_that_is_taken_ends_the_start_and_leaves_nothing_bound(key: str, prefix: str) -> None:
    taken, port = free_port(), free_port()
    async with running_server(server_config(port=taken)):
        server = Server(server_config(f"{key} = {taken}", port=port))
        with pytest.raises(ListenError) as caught:
            await server.start()
        assert caught.value.text == f"{prefix}listen tcp 127.0.0.1:{taken}: bind: address already in use"
    async with running_server(server_config(port=port)):
        pass
