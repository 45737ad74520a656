"""Servers, clients and exposed services in the event loop of another program."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

import aiofrp
from aiofrp.client.service import LOGIN_TIMEOUT
from aiofrp.config.load.decode import decode_client, decode_server
from aiofrp.errors import ConfigError, FrpError, ProxyError, TimedOut
from tests.library.apps import App
from tests.support import procs
from tests.support.peers import needs_go
from tests.support.tunnel import PATIENCE, echo, exchange, local_service, unix_service

AUTH = {"token": "secret"}


@asynccontextmanager
async def frps(**options: Any) -> AsyncIterator[aiofrp.Server]:
    async with aiofrp.Server(bind_addr="127.0.0.1", bind_port=0, auth=AUTH, **options) as server:
        yield server


def port_of(tunnel: aiofrp.Tunnel) -> int:
    return int(tunnel.address.rpartition(":")[2])


# The package


def test_importing_the_package_loads_nothing() -> None:
    code = (
        "import sys, aiofrp; print([m for m in sys.modules if m.startswith(('aiofrp.', 'pydantic', 'asyncio'))]);"
        "aiofrp.expose, aiofrp.Server, aiofrp.Client, aiofrp.Tunnel;"
        "print('uvicorn' in sys.modules, 'aiohttp' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["['aiofrp.version']", "False False"]


def test_names_of_the_package() -> None:
    assert set(aiofrp.__all__) <= set(dir(aiofrp))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = aiofrp.nothing


# Servers and clients


async def test_a_server_and_a_client() -> None:
    async with frps() as server, local_service(echo) as local:
        proxy = {"name": "a", "type": "tcp", "local_port": local, "transport": {"use_encryption": True}}
        client = aiofrp.Client(server_addr="127.0.0.1", server_port=server.port, auth=AUTH, proxies=[proxy])
        await client.start()
        (status,) = client.proxies()
        assert (status.name, status.type, status.phase, status.error) == ("a", "tcp", "running", "")
        assert await exchange(int(status.remote_addr[1:]), b"hello") == b"hello"
        waiting = asyncio.create_task(client.wait())
        await client.stop()
        await waiting
        assert client.proxies() == []


async def test_a_server_is_waited_for() -> None:
    server = await aiofrp.Server({"bindAddr": "127.0.0.1"}, bind_port=0).start()
    waiting = asyncio.create_task(server.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    await server.stop()
    await server.stop()
    await waiting


async def test_finished_configurations(free_ports: Callable[[], int]) -> None:
    config = decode_server({"bindAddr": "127.0.0.1", "bindPort": free_ports()})
    async with aiofrp.Server(config) as server:
        assert server.port == config.bind_port
        assert server.address == f"127.0.0.1:{config.bind_port}"
        login = decode_client({"serverAddr": "127.0.0.1", "serverPort": server.port})
        async with aiofrp.Client(login) as client:
            assert client.config is login
    with pytest.raises(ConfigError, match=r"takes no further options \(bind_addr\)"):
        aiofrp.Server(config, bind_addr="127.0.0.1")


async def test_many_in_one_loop() -> None:
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(frps()) for _ in range(3)]
        local = await stack.enter_async_context(local_service(echo))
        tunnels = [
            await stack.enter_async_context(aiofrp.expose(local, server.address, token="secret"))
            for server in servers
            for _ in range(2)
        ]
        assert len({tunnel.address for tunnel in tunnels}) == 6
        answers = await asyncio.gather(*(exchange(port_of(tunnel), b"?") for tunnel in tunnels))
        assert answers == [b"?"] * 6


async def test_signals_stay_the_programs_own() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    async with frps() as server, aiofrp.Client(server_addr="127.0.0.1", server_port=server.port, auth=AUTH):
        now = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
        assert now == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bind_prt": 1}, 'unknown field "bind_prt"'),
        ({"bindPort": "x"}, "cannot unmarshal string"),
        ({"bind_port": 70000}, "bindPort"),
        ({"transport": {"tcp_mux": "yes"}}, "tcpMux"),
    ],
)
def test_wrong_settings_of_a_server(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        aiofrp.Server(options)


def test_a_model_inside_a_dictionary_is_told() -> None:
    config = decode_server({})
    with pytest.raises(ConfigError, match="transport: write it as a dictionary, as in a file"):
        aiofrp.Server(transport=config.transport)


async def test_a_failed_login_is_raised_and_nothing_runs_on(free_port: int) -> None:
    client = aiofrp.Client(server_addr="127.0.0.1", server_port=free_port)
    with pytest.raises(FrpError, match=r"login to the server failed: .*connection refused"):
        await client.start()
    with pytest.raises(FrpError, match="login to the server failed"):
        await client.wait()


# Exposed services


@pytest.mark.parametrize("form", ["{}", "127.0.0.1:{}", "localhost:{}"])
async def test_a_port_is_exposed(form: str) -> None:
    async with frps() as server, local_service(echo) as local:
        target: int | str = local if form == "{}" else form.format(local)
        async with aiofrp.expose(target, server.address, token="secret") as tunnel:
            assert tunnel.address == f"127.0.0.1:{port_of(tunnel)}"
            assert await exchange(port_of(tunnel), b"hello") == b"hello"
            port = port_of(tunnel)
        with pytest.raises(ConnectionRefusedError):
            await exchange(port, b"")


async def test_settings_of_a_tunnel(free_ports: Callable[[], int]) -> None:
    remote = free_ports()
    async with frps() as server, local_service(echo) as local:
        async with aiofrp.expose(
            local,
            server=server.address,
            token="secret",
            remote_port=remote,
            name="mine",
            proxy={"transport": {"useEncryption": True, "use_compression": True}},
            client={"user": "me", "transport": {"wire_protocol": "v2"}},
        ) as tunnel:
            assert (tunnel.name, tunnel.type, tunnel.addresses) == ("mine", "tcp", (f"127.0.0.1:{remote}",))
            assert await exchange(remote, b"hello" * 1000) == b"hello" * 1000
            waiting = asyncio.create_task(tunnel.wait())
            await asyncio.sleep(0)
            assert not waiting.done()
        await waiting


async def test_domains_are_addresses(free_ports: Callable[[], int]) -> None:
    http, https = free_ports(), free_ports()
    options = {"vhost_http_port": http, "vhost_https_port": https, "sub_domain_host": "example.org"}
    async with frps(**options) as server:
        async with aiofrp.expose(
            1, server.address, token="secret", type="http", custom_domains=["a.test", "b.test"], subdomain="c"
        ) as tunnel:
            assert tunnel.addresses == tuple(
                f"http://{name}:{http}" for name in ("a.test", "b.test", "c.example.org")
            )
        async with aiofrp.expose(
            1, server.address, token="secret", type="https", custom_domains=["a.test"]
        ) as tunnel:
            assert tunnel.address == f"https://a.test:{https}"


async def test_a_plugin_serves_what_is_exposed(tmp_path: Path) -> None:
    async with (
        frps() as server,
        unix_service(str(tmp_path / "s"), echo),
        aiofrp.expose(
            server=server.address, token="secret", plugin="unix_domain_socket", unix_path=str(tmp_path / "s")
        ) as tunnel,
    ):
        assert await exchange(port_of(tunnel), b"hello") == b"hello"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"plugin": "nothing"}, "plugin is one of http_proxy, "),
        ({"plugin": "unix_domain_socket"}, "plugin unix_domain_socket: unixPath is required"),
        ({"plugin": "socks5", "target": 1}, "a plugin serves users itself: leave target out"),
        ({"plugin": "socks5", "colour": 1}, "colour"),
        ({"target": 1, "unix_path": "s"}, "without a plugin there is no option unix_path"),
        ({}, 'target is a port number, "host:port" or an ASGI application, not None'),
    ],
)
async def test_plugins_that_cannot_be(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        async with aiofrp.expose(server="127.0.0.1:1", **options):
            pass
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("target", "server", "message"),
    [
        (True, "h:1", 'target is a port number, "host:port" or an ASGI application, not True'),
        (None, "h:1", "target is a port number"),
        ("8000", "h:1", "target must be .*not '8000'"),
        (8000, "h", "server must be .*such as .*not 'h'"),
        (8000, "h:99999", "server must be"),
        pytest.param(8000, "h:" + "9" * 5000, "server must be", id="digits"),
        (80000, "h:7000", "localPort"),
    ],
)
async def test_wrong_targets_and_servers(target: Any, server: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        async with aiofrp.expose(target, server):
            pass


async def test_a_wrong_token_is_told() -> None:
    async with frps() as server:
        with pytest.raises(
            FrpError, match=r"(?s)token in login.*\nhint: auth.token here is not the token of frps"
        ):
            async with aiofrp.expose(1, server.address, token="wrong"):
                pass


async def test_a_refused_proxy_is_told() -> None:
    async with frps() as server, aiofrp.expose(1, server.address, token="secret") as tunnel:
        with pytest.raises(ProxyError, match=r"(?s)port already used\n.*Choose another remotePort"):
            async with aiofrp.expose(1, server.address, token="secret", remote_port=port_of(tunnel)):
                pass
        with pytest.raises(ProxyError, match="Set vhostHTTPPort in frps's file"):
            async with aiofrp.expose(
                1, server.address, token="secret", type="http", custom_domains=["a.test"]
            ):
                pass


async def test_a_server_that_says_nothing() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)

    async with local_service(silent) as port:
        began = asyncio.get_running_loop().time()
        with pytest.raises(TimedOut, match=f"no tunnel within 0.1 s: is 127.0.0.1:{port} a frps"):
            async with aiofrp.expose(1, f"127.0.0.1:{port}", timeout=0.1):
                pass
        assert asyncio.get_running_loop().time() - began < LOGIN_TIMEOUT / 2, "the login is not given up"


# Applications


@pytest.mark.parametrize("encrypted", [False, True])
async def test_an_application_needs_no_port(encrypted: bool) -> None:
    app = App()
    proxy = {"transport": {"useEncryption": encrypted, "useCompression": encrypted}}
    async with frps() as server, aiohttp.ClientSession() as session:
        async with aiofrp.expose(app, server.address, token="secret", proxy=proxy) as tunnel:
            assert app.lived == ["startup"]
            url = f"http://{tunnel.address}"
            for size in (0, 5, 500_000):  # over one connection
                async with session.post(url + "/a%20b?c", data=b"x" * size) as response:
                    told = await response.json()
                    assert response.headers["date"]
                assert (told["method"], told["path"], told["size"]) == ("POST", "/a b", size)
                assert told["client"][0] == "127.0.0.1"
                assert told["server"] == ["127.0.0.1", port_of(tunnel)]
            async with session.ws_connect(url) as talk:
                await talk.send_str("hello")
                assert await talk.receive_str() == "HELLO"
        assert app.lived == ["startup", "shutdown"]


async def test_an_application_behind_a_domain(free_port: int) -> None:
    async with (
        frps(vhost_http_port=free_port) as server,
        aiofrp.expose(App(), server.address, token="secret", type="http", custom_domains=["app.test"]),
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{free_port}/x", headers={"Host": "app.test"}) as response,
    ):
        told = await response.json()
        assert (told["path"], told["client"]) == ("/x", None)


async def test_an_application_that_does_not_start() -> None:
    async with frps() as server:
        with pytest.raises(FrpError, match="the ASGI application failed to start"):
            async with aiofrp.expose(App(fails=True), server.address, token="secret"):
                pass


async def test_a_request_may_finish_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    from aiofrp.library import asgi

    monkeypatch.setattr(asgi, "GRACE", 0.05)
    began = asyncio.Event()

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            began.set()
            await asyncio.sleep(3600)

    async with frps() as server:
        async with aiofrp.expose(app, server.address, token="secret") as tunnel:
            reader, writer = await asyncio.open_connection("127.0.0.1", port_of(tunnel))
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            async with asyncio.timeout(PATIENCE):
                await began.wait()
        async with asyncio.timeout(PATIENCE):
            await reader.read(-1)
        writer.close()


async def test_an_application_over_udp_is_refused() -> None:
    with pytest.raises(ConfigError, match="an ASGI application speaks HTTP"):
        async with aiofrp.expose(App(), "127.0.0.1:1", type="udp"):
            pass


def test_without_uvicorn_the_cure_is_named() -> None:
    code = (
        "import sys; sys.modules['uvicorn'] = None; sys.modules['uvicorn.config'] = None\n"
        "from aiofrp.library.asgi import AsgiServer\n"
        "from aiofrp.errors import FrpError\n"
        "try: AsgiServer(print)\n"
        "except FrpError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'aiofrp[asgi]'" in done.stdout


# A real frps


@needs_go
@pytest.mark.parametrize("wire", ["v1", "v2"])
async def test_at_a_real_frps(wire: str, tmp_path: Path, free_ports: Callable[[], int]) -> None:
    port, http = free_ports(), free_ports()
    toml = f'bindAddr = "127.0.0.1"\nbindPort = {port}\nvhostHTTPPort = {http}\nauth.token = "secret"\n'
    client = {"transport": {"wireProtocol": wire}}
    where: dict[str, Any] = {"server": f"127.0.0.1:{port}", "token": "secret", "client": client}
    async with procs.frps(tmp_path, toml, side="go"):
        async with local_service(echo) as local, aiofrp.expose(local, **where) as tunnel:
            reader, writer = await asyncio.open_connection("127.0.0.1", port_of(tunnel))
            writer.write(b"hello")
            assert await reader.readexactly(5) == b"hello"
            writer.close()
        async with (
            aiofrp.expose(App(), type="http", custom_domains=["app.test"], **where) as tunnel,
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{http}/x", headers={"Host": "app.test"}) as response,
        ):
            assert tunnel.address == f"http://app.test:{http}"
            assert (await response.json())["path"] == "/x"
