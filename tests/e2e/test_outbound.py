"""frpc on its way out: proxies of every kind, the source address, names and the server that knows them."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from pathlib import Path

import pytest

from aiofrp.config.models.client import ClientConfig
from aiofrp.errors import LoginFailed
from tests.support.certs import authority
from tests.support.dns import name_server
from tests.support.ntlm import judge
from tests.support.outbound import Seen, http_proxy, socks_proxy
from tests.support.ports import free_port
from tests.support.tunnel import (
    client_config,
    echo,
    exchange,
    local_service,
    running_client,
    running_server,
    server_config,
)

VECTORS = Path(__file__).parent.parent / "vectors" / "client-api"
DIAL = json.loads((VECTORS / "dial.json").read_text(encoding="utf-8"))
CHALLENGE = bytes.fromhex(json.loads((VECTORS / "ntlm.json").read_text(encoding="utf-8"))[0]["challenge"])
#: Known to the proxies alone, see :data:`tests.support.outbound.KNOWN`.
NAME = "frps.example.com"
LOCAL_IP = 'transport.connectServerLocalIP = "127.0.0.9"\n'


def config(server: int, toml: str, local: int = 1, remote: int = 0, *, address: str = NAME) -> ClientConfig:
    proxy = (
        f'[[proxies]]\nname = "e"\ntype = "tcp"\nlocalPort = {local}\nremotePort = {remote or free_port()}\n'
    )
    return client_config(server, f'serverAddr = "{address}"\n' + toml + proxy)


async def works_through(toml: str) -> int:
    """Run a tunnel whose frpc has ``toml``; returns the port of frps."""
    remote = free_port()
    data = bytes(range(256)) * 100
    async with local_service(echo) as local, running_server(server_config()) as server:
        port = server.address[1]
        async with running_client(config(port, toml, local, remote)):
            assert await exchange(remote, data) == data
    return port


async def failing(toml: str) -> str:
    """Why frpc with ``toml`` cannot log in."""
    with pytest.raises(LoginFailed) as raised:
        async with running_client(config(7000, toml)):
            pass
    return str(raised.value)


def through(kind: str, seen: Seen, login: str = "") -> str:
    return f'transport.proxyURL = "{kind}://{login}127.0.0.1:{seen.port}"\n'


def request(setting: str, port: int) -> bytes:
    """What the reference sends to a proxy, for another port of the server."""
    (case,) = [case for case in DIAL if setting in case["setting"] and "sent_first" in case]
    sent: str = case["sent_first"]
    return sent.replace(":7000", f":{port}").encode()


# Proxies


@pytest.mark.parametrize("protocol", ["tcp", "websocket", "wss"])
async def test_http(protocol: str) -> None:
    async with http_proxy() as seen:
        toml = through("http", seen, "us:pw@") + f'transport.protocol = "{protocol}"\n' + LOCAL_IP
        port = await works_through(toml)
    assert seen.heads == [request("http://us:pw@", port)]
    assert seen.sources == ["127.0.0.9"]


async def test_every_connection_goes_through_the_proxy_without_mux() -> None:
    async with http_proxy() as seen:
        remote = free_port()
        async with (
            local_service(echo) as local,
            running_server(server_config("transport.tcpMux = false")) as server,
            running_client(
                config(server.address[1], "transport.tcpMux = false\n" + through("http", seen), local, remote)
            ),
        ):
            assert await exchange(remote, b"x") == b"x"
    assert len(seen.heads) >= 2


async def test_https(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_bytes(authority().ca)
    monkeypatch.setenv("SSL_CERT_FILE", str(ca))
    async with http_proxy(tls=authority().server_context()) as seen:
        port = await works_through(through("https", seen, "us:pw@"))
    assert seen.heads == [request("http://us:pw@", port)]


async def test_https_of_an_authority_nobody_knows() -> None:
    async with http_proxy(tls=authority().server_context()) as seen:
        reason = await failing(through("https", seen))
    assert "TLS handshake with HTTPS proxy: TLS: the peer's certificate was refused" in reason
    assert not seen.heads


@pytest.mark.parametrize("login", [None, ("us", "pw")])
async def test_socks5(login: tuple[str, str] | None) -> None:
    async with socks_proxy(login) as seen:
        await works_through(through("socks5", seen, "us:pw@" if login else "") + LOCAL_IP)
    assert seen.heads == [b"\0\2" if login else b"\0", NAME.encode()]


async def test_ntlm() -> None:
    offer = base64.b64encode(CHALLENGE)
    challenge = (
        b"HTTP/1.1 407 x\r\nProxy-Authenticate: Negotiate " + offer + b"\r\nContent-Length: 2\r\n\r\nno"
    )
    async with http_proxy(challenge, b"HTTP/1.1 200 OK\r\n\r\n") as seen:
        port = await works_through(through("ntlm", seen, "DOM%5Cus:pw@"))
    start, _, fields = request("ntlm", port).partition(b"TlRMTVNTUAAB")
    assert seen.heads[0].startswith(start + b"TlRMTVNTUAAB")
    assert seen.heads[0].endswith(b"\r\n" + fields.partition(b"\r\n")[2])
    first, second = (base64.b64decode(head.partition(b"Negotiate ")[2]) for head in seen.heads)
    answer = judge(first, CHALLENGE, second, "pw")
    assert (answer.domain, answer.user) == ("DOM", "us")


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY"])
async def test_the_proxy_of_the_environment(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with http_proxy() as seen:
        monkeypatch.setenv(variable, f"http://127.0.0.1:{seen.port}")
        port = await works_through("")
    assert seen.heads == [request("environment http_proxy", port)]


async def test_proxies_that_refuse() -> None:
    async with http_proxy(b"HTTP/1.1 403 Forbidden\r\n\r\n") as seen:
        assert "DialTcpByHttpProxy error, StatusCode [403]" in await failing(through("http", seen))
        assert "DialTcpByNTLMHttpProxy error, StatusCode [403]" in await failing(
            through("ntlm", seen, "u:p@")
        )
    async with socks_proxy(failure=5) as seen:
        where = f"socks connect tcp 127.0.0.1:{seen.port}->{NAME}:7000"
        assert f"{where}: unknown error connection refused" in await failing(through("socks5", seen))
    async with socks_proxy(("us", "other")) as seen:
        assert "username/password authentication failed" in await failing(through("socks5", seen, "us:pw@"))


async def test_a_proxy_that_hangs_up_and_one_that_is_not_there() -> None:
    async with http_proxy(b"") as seen:
        assert "the peer hung up during the request to the proxy" in await failing(through("http", seen))
    reason = await failing(f'transport.proxyURL = "http://127.0.0.1:{free_port()}"\n')
    assert re.search(r"dial tcp 127\.0\.0\.1:\d+: connect: connection refused", reason)


async def test_a_kind_of_proxy_nobody_knows() -> None:
    error = next(case["error"] for case in DIAL if "ftp://" in case["setting"])
    assert error in await failing('transport.proxyURL = "ftp://127.0.0.1:1"\n')


# Names


async def test_every_look_up_goes_to_the_chosen_server_and_again_at_each_reconnect() -> None:
    """The server moves to another address; the local service is found by its name as well."""
    port, remote = free_port(), free_port()
    zone = {("frps.test", "A"): ["127.0.0.1"], ("local.test", "A"): ["127.0.0.1"]}
    server = server_config(port=port)
    async with local_service(echo) as local, name_server(zone) as names:
        toml = f'dnsServer = "127.0.0.1:{names.port}"\nloginFailExit = false\n'
        client = config(port, toml, address="frps.test", local=local, remote=remote)
        client = client.model_copy(
            update={"proxies": (client.proxies[0].model_copy(update={"local_ip": "local.test"}),)}
        )
        async with running_server(server) as first, running_client(client) as frpc:
            assert await exchange(remote, b"first") == b"first"
            await first.stop(grace=0)
            zone[("frps.test", "A")] = ["127.0.0.5"]
            async with running_server(server.model_copy(update={"bind_addr": "127.0.0.5"})):
                async with asyncio.timeout(10):
                    while _peer(frpc) != ("127.0.0.5", port):
                        await asyncio.sleep(0.02)
                    await frpc.proxies.settled()
                assert await exchange(remote, b"second") == b"second"
        assert {name for name, _ in names.asked} == {"frps.test", "local.test"}


def _peer(client: object) -> object:
    control = getattr(client, "_control", None)
    return control and control._stream.info("peername")
