"""The usage examples of frp's documentation with the programs they are about: ssh, nginx, curl, dnsmasq, dig.

Configurations and commands stand as they are written there; :mod:`tests.support.usage` replaces what must differ on
one machine. One example of each kind runs with the reference's programs as well, in both directions.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from tests.e2e.test_tcpmux import OPEN
from tests.support.certs import authority
from tests.support.peers import needs_go
from tests.support.ports import free_port
from tests.support.procs import Side
from tests.support.realservices import Nginx, Sshd, dnsmasq, needs, new_key, nginx, sshd
from tests.support.usage import EXAMPLES, LAN, VISITOR, Form, Site
from tests.support.web import user_of

Sides = tuple[Side, Side]  # frps, frpc

OURS: Sides = ("ours", "ours")
MIXED: list[Sides] = [("ours", "go"), ("go", "ours")]
FORMS: list[Form] = ["toml", "ini"]
#: Frps's port for web pages where the documentation types an address without one.
WEB: dict[Form, str] = {"toml": "vhostHTTPPort = 80\n", "ini": "vhost_http_port = 80\n"}
ADDRESS = "192.0.2.53"


def kinds(forms: Iterable[Form] = FORMS) -> pytest.MarkDecorator:
    """Ours in each form, and the mixed pairs with the first."""
    forms = list(forms)
    ours = [pytest.param(OURS, form, id=f"ours-{form}") for form in forms]
    mixed = [pytest.param(sides, forms[0], id="-".join(sides), marks=needs_go) for sides in MIXED]
    return pytest.mark.parametrize(("sides", "form"), [*ours, *mixed])


in_each_form = pytest.mark.parametrize("form", FORMS)
with_ssh = needs("sshd", "ssh", "ssh-keygen")
with_web = needs("nginx", "curl")
with_dns = needs("dnsmasq", "dig")


def test_toml_is_as_documented() -> None:
    documents = json.loads((EXAMPLES.parent / "config" / "documents.json").read_text(encoding="utf-8"))
    known = {document["content"].strip() for document in documents}
    strays = [
        path.name for path in EXAMPLES.glob("*.toml") if path.read_text(encoding="utf-8").strip() not in known
    ]
    assert not strays


# ssh


@asynccontextmanager
async def ssh_server(site: Site, name: str = "a") -> AsyncIterator[Sshd]:
    """An SSH server that the visitor may enter; makes the visitor's key at the first call."""
    key = site.folder / "key"
    public = key.with_name("key.pub").read_text() if key.exists() else new_key(key)
    async with sshd(site.folder, name, public) as server:
        yield server


async def enter(site: Site, ssh: str, name: str, *, of: str = "public") -> None:
    """The command line ``ssh`` leads to the machine ``name``, and files go through whole, both ways."""
    assert await site.type(f"{ssh} 'echo $MACHINE'", of=of) == f"{name}\n"
    data = site.folder / "data"
    data.write_bytes(os.urandom(3_000_000))
    await site.type(f"{ssh} cat {data} >{site.got}", of=of)
    assert site.got.read_bytes() == data.read_bytes()
    await site.type(f"{ssh} 'cat >{site.folder}/put' <{data}", of=of)
    assert (site.folder / "put").read_bytes() == data.read_bytes()


@with_ssh
@kinds()
async def test_ssh(tmp_path: Path, sides: Sides, form: Form) -> None:
    site = Site(tmp_path, form)
    async with (
        ssh_server(site) as server,
        site.frps(side=sides[0]),
        site.frpc("ssh.frpc", local={22: server.port}, side=sides[1]),
    ):
        site.new_visitor(tmp_path / "key", {"x.x.x.x:6000": server})
        await enter(
            site, "ssh -o Port=6000 test@x.x.x.x" if form == "toml" else "ssh -oPort=6000 test@x.x.x.x", "a"
        )


@with_ssh
@pytest.mark.parametrize(
    ("parts", "also", "form"),
    [
        pytest.param("encryption.frpc", "", "toml", id="encryption"),
        pytest.param("encryption.frpc", "", "ini", id="encryption-ini"),
        pytest.param("health-tcp.frpc", "", "toml", id="health"),
        pytest.param("kcp.frps kcp.frpc encryption.frpc", "", "toml", id="kcp"),
        pytest.param("kcp.frps kcp.frpc encryption.frpc", "", "ini", id="kcp-ini"),
        pytest.param("quic.frps quic.frpc encryption.frpc", "", "toml", id="quic"),
        pytest.param("encryption.frpc", "transport.tcpMux = false\n", "toml", id="no-mux"),
        pytest.param("encryption.frpc", "tcp_mux = false\n", "ini", id="no-mux-ini"),
        pytest.param("encryption.frpc", 'auth.token = "abc"\n', "toml", id="token"),
    ],
)
async def test_ssh_in_other_ways(tmp_path: Path, parts: str, also: str, form: Form) -> None:
    site = Site(tmp_path, form)
    for_frps = [part for part in parts.split() if part.endswith("frps")]
    for_frpc = [part for part in parts.split() if part.endswith("frpc")]
    async with (
        ssh_server(site) as server,
        site.frps(*for_frps, also=also),
        site.frpc(*for_frpc, local={22: server.port}, also=also),
    ):
        site.new_visitor(tmp_path / "key", {"x.x.x.x:6000": server})
        await enter(site, "ssh -o Port=6000 test@x.x.x.x", "a")


@with_ssh
async def test_ssh_with_connections_in_reserve(tmp_path: Path) -> None:
    site = Site(tmp_path)
    async with (
        ssh_server(site) as server,
        site.frps(also="transport.maxPoolCount = 5\n"),
        site.frpc("encryption.frpc", local={22: server.port}, also="transport.poolCount = 1\n"),
    ):
        site.new_visitor(tmp_path / "key", {"x.x.x.x:6000": server})
        await enter(site, "ssh -o Port=6000 test@x.x.x.x", "a")


@with_ssh
async def test_ssh_with_a_limit(tmp_path: Path) -> None:
    """Of 3 MB, at 1 MiB/s, one goes at once; there is no upper bound on what a busy machine takes."""
    site = Site(tmp_path)
    clock = asyncio.get_running_loop().time
    (tmp_path / "data").write_bytes(os.urandom(3_000_000))
    async with (
        ssh_server(site) as server,
        site.frps(),
        site.frpc("bandwidth.frpc", local={22: server.port}),
    ):
        site.new_visitor(tmp_path / "key", {"x.x.x.x:6000": server})
        start = clock()
        await site.type(f"ssh -o Port=6000 test@x.x.x.x cat {tmp_path}/data >{site.got}")
        assert clock() - start > 1.5
    assert site.got.read_bytes() == (tmp_path / "data").read_bytes()


@with_ssh
@needs("openssl", "bash")
@kinds(["toml"])
async def test_ssh_between_programs_that_prove_who_they_are(tmp_path: Path, sides: Sides, form: Form) -> None:
    """Certificates made by the commands of the documentation, verified by both programs."""
    site = Site(tmp_path, form, {"/to/cert/path": str(tmp_path), "/to/ca/path": str(tmp_path)})
    await site.type(f"bash -e {EXAMPLES}/certificates.sh", at=tmp_path)
    pair = """transport.tls.certFile = "/to/cert/path/{name}.crt"
transport.tls.keyFile = "/to/cert/path/{name}.key"
transport.tls.trustedCaFile = "/to/ca/path/ca.crt"
"""
    async with (
        ssh_server(site) as server,
        site.frps(also=pair.format(name="server"), side=sides[0]),
        site.frpc("encryption.frpc", local={22: server.port}, also=pair.format(name="client"), side=sides[1]),
    ):
        site.new_visitor(tmp_path / "key", {"x.x.x.x:6000": server})
        assert await site.type("ssh -o Port=6000 test@x.x.x.x 'echo $MACHINE'") == "a\n"


@with_ssh
async def test_ssh_with_settings_of_the_environment(tmp_path: Path) -> None:
    site = Site(tmp_path)
    environment = {"FRP_SERVER_ADDR": "127.0.0.1", "FRP_SSH_REMOTE_PORT": str(site.port(6000))}
    async with (
        ssh_server(site) as server,
        site.frps(),
        site.frpc("environment.frpc", local={22: server.port}, environment=environment),
    ):
        site.new_visitor(tmp_path / "key", {"x.x.x.x:6000": server})
        await enter(site, "ssh -o Port=6000 test@x.x.x.x", "a")


@with_ssh
async def test_ssh_with_included_files(tmp_path: Path) -> None:
    site = Site(tmp_path)
    async with ssh_server(site) as server, site.frps():
        site.file("confd/test.toml", "includes.test", local={22: server.port})
        async with site.frpc("includes.frpc"):
            site.new_visitor(tmp_path / "key", {"x.x.x.x:6000": server})
            await enter(site, "ssh -o Port=6000 test@x.x.x.x", "a")


@with_ssh
@in_each_form
async def test_reload_and_status(tmp_path: Path, form: Form) -> None:
    site = Site(tmp_path, form)
    async with (
        ssh_server(site) as server,
        site.frps(),
        site.frpc("reload.frpc", local={22: server.port}, proxies=0) as client,
    ):
        site.new_visitor(tmp_path / "key", {"x.x.x.x:6000": server})
        site.change_frpc("reload.frpc", "encryption.frpc")
        await site.type(f"frpc reload -c ./frpc.{form}", at=tmp_path / LAN)
        await client.line("start proxy success")
        await enter(site, "ssh -o Port=6000 test@x.x.x.x", "a")
        status = await site.type(f"frpc status -c ./frpc.{form}", at=tmp_path / LAN)
        assert ["ssh", "running", f"127.0.0.1:{server.port}"] in [
            line.split()[:3] for line in status.splitlines()
        ]


# ssh through one port: tcpmux

SOCAT = "ssh -o 'proxycommand socat - PROXY:x.x.x.x:%h:%p,proxyport=5002' test@{name}"
#: Any other program that speaks to HTTP proxies will do, says the documentation.
OTHERS = [
    "ssh -o 'proxycommand nc -X connect -x x.x.x.x:5002 %h %p' test@{name}",
    "ssh -o 'proxycommand proxytunnel -q -p x.x.x.x:5002 -d %h:%p' test@{name}",
]


@with_ssh
@needs("socat", "nc", "proxytunnel")
@kinds(["toml"])
async def test_many_ssh_servers_behind_one_port(tmp_path: Path, sides: Sides, form: Form) -> None:
    site = Site(tmp_path, form)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(site.frps("tcpmux-ssh.frps", side=sides[0]))
        known = {}
        for name in ("a", "b"):
            server = await stack.enter_async_context(ssh_server(site, name))
            client = site.frpc(f"tcpmux-ssh.{name}", local={22: server.port}, machine=name, side=sides[1])
            await stack.enter_async_context(client)
            known[f"machine-{name}.example.com"] = server
        site.new_visitor(tmp_path / "key", known)
        await enter(site, SOCAT.format(name="machine-a.example.com"), "a")
        for ssh in (SOCAT, *OTHERS):
            command = ssh.format(name="machine-b.example.com")
            assert await site.type(f"{command} 'echo $MACHINE'") == "b\n"


@with_web
@needs("nc")
@kinds(["toml"])
async def test_connect_with_a_bare_name(tmp_path: Path, sides: Sides, form: Form) -> None:
    """``CONNECT test1``, without a port and without a field Host."""
    site = Site(tmp_path, form)
    async with (
        nginx(tmp_path, {"one": 0, "two": 0}) as web,
        site.frps("tcpmux.frps", side=sides[0]),
        site.frpc(
            "tcpmux.frpc", local={80: web.ports["one"], 8080: web.ports["two"]}, side=sides[1], proxies=2
        ),
    ):
        for name, page in (("test1", "one"), ("test2", "two")):
            async with user_of(site.port(1337)) as user:
                user.send(f"CONNECT {name} HTTP/1.1\r\n\r\n".encode())
                assert await user.read_until(b"\r\n\r\n") == OPEN
                user.send(b"GET / HTTP/1.0\r\n\r\n")
                assert (await user.read_until(page.encode())).startswith(b"HTTP/1.1 200 OK\r\n")
            if sides[0] == "ours":  # the reference loses what comes along with the CONNECT
                lines = rf"CONNECT {name} HTTP/1.1\r\n\r\nGET / HTTP/1.0\r\n\r\n"
                answer = await site.type(f"printf '{lines}' | nc x.x.x.x 1337")
                assert answer.startswith("HTTP/1.1 200 OK\n")
                assert answer.endswith(f"\n\n{page}\n")
            assert await site.type(f"curl -q -s -p -x http://x.x.x.x:1337 http://{name}/") == f"{page}\n"


# Web pages by name


@asynccontextmanager
async def pages(
    site: Site, example: str, sites: dict[str, int], *, frps: tuple[str, ...] = (), sides: Sides = OURS
) -> AsyncIterator[Nginx]:
    """An example of the type http with nginx behind it; ``sites`` is name → port in the example."""
    also = "" if any(part.startswith("web") for part in frps) else WEB[site.form]
    async with (
        nginx(site.folder, dict.fromkeys(sites, 0)) as web,
        site.frps(*frps, also=also, side=sides[0]),
        site.frpc(
            f"{example}.frpc",
            local={port: web.ports[name] for name, port in sites.items()},
            side=sides[1],
            proxies=len(sites),
        ),
    ):
        yield web


@with_web
@kinds()
async def test_web(tmp_path: Path, sides: Sides, form: Form) -> None:
    site = Site(tmp_path, form)
    names = {"web": 80, "web2": 8080} if form == "toml" else {"web": 80}
    async with pages(site, "web", names, frps=("web.frps",), sides=sides) as web:
        assert await site.type("curl http://www.yourdomain.com:8080") == "web\n"
        if form == "toml":
            assert await site.type("curl http://www.yourdomain2.com:8080") == "web2\n"
        assert await site.type("curl -o /dev/null -w '%{http_code}' http://www.yourdomain3.com:8080") == "404"
        await site.type(f"curl -o {site.got} http://www.yourdomain.com:8080/file")
        assert site.got.read_bytes() == web.file.read_bytes()
        await site.type(f"curl --data-binary @{site.got} http://www.yourdomain.com:8080/put")
        first, *_, last = await web.seen(len(names) + 2)
    assert first["host"] == f"www.yourdomain.com:{site.port(8080)}"
    assert first["forwarded"] == VISITOR
    assert first["real"] == (VISITOR if sides[0] == "ours" else "")
    assert (last["method"], last["uri"]) == ("POST", "/put")


@with_web
@in_each_form
async def test_web_with_another_host(tmp_path: Path, form: Form) -> None:
    site = Site(tmp_path, form)
    async with pages(site, "host", {"web": 80}) as web:
        assert await site.type("curl http://test.yourdomain.com") == "web\n"
        assert [request["host"] for request in await web.seen(1)] == ["dev.yourdomain.com"]


@with_web
@in_each_form
async def test_web_with_fields_added(tmp_path: Path, form: Form) -> None:
    site = Site(tmp_path, form)
    async with pages(site, "headers", {"web": 80}) as web:
        answer = await site.type("curl -i http://test.yourdomain.com")
        assert (form == "toml") == ("foo: bar" in answer.lower())  # INI had no fields of responses
        (request,) = await web.seen(1)
    assert (request["host"], request["from_where"]) == ("dev.yourdomain.com", "frp")


@with_web
@kinds()
async def test_web_with_a_password(tmp_path: Path, sides: Sides, form: Form) -> None:
    site = Site(tmp_path, form)
    async with pages(site, "password", {"web": 80}, sides=sides) as web:
        for who in ("", "-u abc:abcd", "-u abcd:abc"):
            answer = await site.type(f"curl -i {who} http://test.yourdomain.com")
            assert answer.startswith("HTTP/1.1 401 Unauthorized\n")
            assert "www-authenticate: basic" in answer.lower()
        assert await site.type("curl -u abc:abc http://test.yourdomain.com") == "web\n"
        assert len(await web.seen(1)) == 1


@with_web
@in_each_form
async def test_web_with_a_subdomain(tmp_path: Path, form: Form) -> None:
    site = Site(tmp_path, form)
    async with pages(site, "subdomain", {"web": 80}, frps=("subdomain.frps",)) as web:
        assert await site.type("curl http://test.frps.com") == "web\n"
        assert [request["host"] for request in await web.seen(1)] == ["test.frps.com"]


@with_web
@kinds()
async def test_web_by_location(tmp_path: Path, sides: Sides, form: Form) -> None:
    site = Site(tmp_path, form)
    async with pages(site, "locations", {"web01": 80, "web02": 81}, sides=sides):
        for path in ("/news", "/news/today", "/newspaper", "/about?x"):
            assert await site.type(f"curl http://web.yourdomain.com{path}") == "web02\n"
        for path in ("/", "/new", "/abou/t"):
            assert await site.type(f"curl http://web.yourdomain.com{path}") == "web01\n"


@with_web
async def test_web_with_a_health_check(tmp_path: Path) -> None:
    site = Site(tmp_path)
    async with pages(site, "health-http", {"web": 80}) as web:
        assert await site.type("curl http://test.yourdomain.com") == "web\n"
        requests = await web.seen(2)
    assert [request["uri"] for request in requests] == ["/status", "/"]


@with_web
@pytest.mark.parametrize("shared", [False, True])
@kinds(["toml"])
async def test_https_with_real_addresses(tmp_path: Path, sides: Sides, form: Form, shared: bool) -> None:
    """nginx ends TLS and reads the PROXY protocol; frps's two ports may be one, says the documentation."""
    site = Site(tmp_path, form)
    server = "vhostHTTPSPort = 443\n" + ("bindPort = 443\n" if shared else "")
    client = "transport.tls.disableCustomTLSFirstByte = false\nserverPort = 443\n" if shared else ""
    pair = authority(host="test.yourdomain.com")
    (tmp_path / "ca.crt").write_bytes(pair.ca)
    async with (
        nginx(tmp_path, {"secure": 0}, options="ssl proxy_protocol", tls=pair) as web,
        site.frps(also=server, side=sides[0]),
        site.frpc("proxy-protocol-https.frpc", local={443: web.ports["secure"]}, also=client, side=sides[1]),
    ):
        get = f"curl --cacert {tmp_path}/ca.crt https://test.yourdomain.com"
        assert await site.type(get) == "secure\n"
        assert [request["proxied"] for request in await web.seen(1)] == [VISITOR]


# Other ports


@with_web
@in_each_form
async def test_load_balancing(tmp_path: Path, form: Form) -> None:
    site = Site(tmp_path, form)
    async with (
        nginx(tmp_path, {"one": 0, "two": 0}) as web,
        site.frps(),
        site.frpc("group.frpc", local={8080: web.ports["one"], 8081: web.ports["two"]}, proxies=2),
    ):
        answers = {await site.type("curl http://x.x.x.x") for _ in range(4)}
    assert answers == {"one\n", "two\n"}


@with_web
@in_each_form
async def test_a_range_of_ports(tmp_path: Path, form: Form) -> None:
    here, there = consecutive(8), consecutive(8)
    local, remote = (f"{first}-{first + 6},{first + 7}" for first in (here, there))
    ports = "6000-6006,6007"
    replaced = {
        f'"{ports}" "{ports}"': f'"{local}" "{remote}"',
        f"local_port = {ports}": f"local_port = {local}",
        f"remote_port = {ports}": f"remote_port = {remote}",
    }
    site = Site(tmp_path, form, replaced)
    site.place({6000 + number: there + number for number in range(8)})
    sites = {f"p{number}": here + number for number in range(8)}
    async with (
        nginx(tmp_path, sites),
        site.frps(),
        site.frpc("ports.frpc", proxies=8) as client,
    ):
        for number in range(8):
            assert await site.type(f"curl http://x.x.x.x:{6000 + number}") == f"p{number}\n"
        named = f"tcp-{here + 7}" if form == "toml" else "test_tcp_7"
        await client.line(rf"\[{named}\] start proxy success")


def consecutive(count: int) -> int:
    """The first of ``count`` free ports in a row."""
    ports = [free_port()]
    while len(ports) < count:
        port = free_port()
        ports = [*ports, port] if port == ports[-1] + 1 else [port]
    return ports[0]


@with_web
async def test_the_dashboard_for_prometheus(tmp_path: Path) -> None:
    site = Site(tmp_path)
    async with site.frps("dashboard.frps", also="enablePrometheus = true\n"):
        url = "http://x.x.x.x:7500/metrics"
        assert await site.type(f"curl -o /dev/null -w '%{{http_code}}' {url}") == "401"
        metrics = await site.type(f"curl -u admin:admin {url}")
        assert re.search(r"^frp_server_client_counts 0$", metrics, re.MULTILINE)


@with_web
async def test_the_admin_interface_from_outside(tmp_path: Path) -> None:
    site = Site(tmp_path)
    async with site.frps(), site.frpc("admin.frpc", "admin-ui.frpc"):
        answer = json.loads(await site.type("curl -u admin:admin http://x.x.x.x:7400/api/status"))
    (proxy,) = answer["tcp"]
    assert (proxy["name"], proxy["status"]) == ("admin_ui", "running")


# Name servers

BAIDU = "dig @x.x.x.x -p 6000 www.baidu.com"
GOOGLE = "dig @x.x.x.x -p 6000 www.google.com"
NAMES = {"www.baidu.com": ADDRESS, "www.google.com": ADDRESS}
#: A text that an answer of one datagram, with EDNS, still holds.
LONG = ",".join(["x" * 200] * 5)


@with_dns
@kinds()
async def test_dns(tmp_path: Path, sides: Sides, form: Form) -> None:
    site = Site(tmp_path, form)
    async with (
        dnsmasq(tmp_path, NAMES, [f"--txt-record=long.test,{LONG}"]) as port,
        site.frps(side=sides[0]),
        site.frpc("dns.frpc", local={53: port}, side=sides[1]),
    ):
        for dig in (BAIDU, GOOGLE):
            answer = await site.type(dig)
            assert ADDRESS in answer
            assert "(UDP)" in answer
        assert (await site.type("dig +short @x.x.x.x -p 6000 long.test TXT")).count("x" * 200) == 5
        assert "status: REFUSED" in await site.type("dig @x.x.x.x -p 6000 unknown.test")


@with_dns
async def test_dns_over_tcp(tmp_path: Path) -> None:
    """A name server answers over TCP too: the same example with the other type."""
    site = Site(tmp_path, replaced={'type = "udp"': 'type = "tcp"'})
    async with dnsmasq(tmp_path, NAMES) as port, site.frps(), site.frpc("dns.frpc", local={53: port}):
        answer = await site.type(f"{BAIDU} +tcp")
    assert ADDRESS in answer
    assert "(TCP)" in answer


# Secret services


@with_ssh
@kinds()
async def test_secret_ssh(tmp_path: Path, sides: Sides, form: Form) -> None:
    site = Site(tmp_path, form)
    async with (
        ssh_server(site) as server,
        site.frps(side=sides[0]),
        site.frpc("secret-ssh.frpc", local={22: server.port}, side=sides[1]),
        site.frpc("secret-ssh.visitor", machine="guest", side=sides[1], proxies=0, visitors=1),
    ):
        site.new_visitor(tmp_path / "key", {"127.0.0.1:6000": server}, of="guest")
        await enter(site, "ssh -o Port=6000 test@127.0.0.1", "a", of="guest")


@with_ssh
async def test_secret_services_with_yaml_anchors(tmp_path: Path) -> None:
    site = Site(tmp_path, "yaml", {'"secret_ssh"': '"ssh"'})
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(ssh_server(site))
        await stack.enter_async_context(site.frps())
        environment = {"FRPC_SECRET_KEY": "abcdefg"}
        client = site.frpc("secret-anchors.frpc", local={22: server.port}, proxies=2, environment=environment)
        await stack.enter_async_context(client)
        site.form = "toml"
        visitor = site.frpc("secret-ssh.visitor", machine="guest", proxies=0, visitors=1)
        await stack.enter_async_context(visitor)
        site.new_visitor(tmp_path / "key", {"127.0.0.1:6000": server}, of="guest")
        await enter(site, "ssh -o Port=6000 test@127.0.0.1", "a", of="guest")


@with_dns
@kinds(["toml"])
async def test_secret_dns(tmp_path: Path, sides: Sides, form: Form) -> None:
    """sudp is used as stcp is, says the documentation: its example with the other type and service."""
    site = Site(tmp_path, form, {'"stcp"': '"sudp"'})
    async with (
        dnsmasq(tmp_path, NAMES) as port,
        site.frps(side=sides[0]),
        site.frpc("secret-ssh.frpc", local={22: port}, side=sides[1]),
        site.frpc("secret-ssh.visitor", machine="guest", side=sides[1], proxies=0, visitors=1),
    ):
        for _ in range(2):
            answer = await site.type("dig @127.0.0.1 -p 6000 www.baidu.com", of="guest")
            assert ADDRESS in answer


# Plugins


@with_web
@in_each_form
async def test_a_unix_socket(tmp_path: Path, form: Form) -> None:
    socket = tmp_path / "s"
    site = Site(tmp_path, form, {"/var/run/docker.sock": str(socket)})
    async with nginx(tmp_path, {"docker": socket}) as web, site.frps(), site.frpc("unix-socket.frpc"):
        assert await site.type("curl http://x.x.x.x:6000/version") == "docker\n"
        assert [request["uri"] for request in await web.seen(1)] == ["/version"]


@with_web
@in_each_form
async def test_an_http_proxy(tmp_path: Path, form: Form) -> None:
    """What the visitor names is reached from the machine of frpc: a target in a request, and one of CONNECT."""
    site = Site(tmp_path, form)
    async with nginx(tmp_path, {"web": 0}) as web, site.frps(), site.frpc("http-proxy.frpc"):
        site.place({8000: web.ports["web"]})
        for tunnel in ("", "--proxytunnel "):
            get = f"curl {tunnel}-x http://abc:abc@x.x.x.x:6000 http://x.x.x.x:8000/page"
            assert await site.type(get) == "web\n"
        wrong = "curl -o /dev/null -w '%{http_code}' -x http://abc:wrong@x.x.x.x:6000 http://x.x.x.x:8000"
        assert await site.type(wrong) == "407"
        assert [request["host"] for request in await web.seen(2)] == [site.command("x.x.x.x:8000")] * 2


@needs("curl")
@in_each_form
async def test_files(tmp_path: Path, form: Form) -> None:
    site = Site(tmp_path, form, {"/tmp/file": str(tmp_path / "files")})
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "page.txt").write_text("a page\n")
    async with site.frps(), site.frpc("static-file.frpc"):
        url = "http://x.x.x.x:6000/static/"
        assert await site.type(f"curl -o /dev/null -w '%{{http_code}}' {url}") == "401"
        assert "page.txt" in await site.type(f"curl -u abc:abc {url}")
        assert await site.type(f"curl -u abc:abc {url}page.txt") == "a page\n"


@with_web
async def test_https_for_an_http_service(tmp_path: Path) -> None:
    site = Site(tmp_path)
    pair = authority(host="test.yourdomain.com")
    (tmp_path / LAN).mkdir()
    for name, content in (("server.crt", pair.certificate), ("server.key", pair.key), ("ca.crt", pair.ca)):
        (tmp_path / LAN / name).write_bytes(content)
    async with (
        nginx(tmp_path, {"plain": 0}) as web,
        site.frps("https2http.frps"),
        site.frpc("https2http.frpc", local={80: web.ports["plain"]}),
    ):
        get = f"curl --cacert {tmp_path / LAN}/ca.crt https://test.yourdomain.com"
        assert await site.type(get) == "plain\n"
        (request,) = await web.seen(1)
    assert (request["host"], request["from_where"]) == ("127.0.0.1", "frp")
