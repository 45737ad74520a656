"""The API of frps: answers recorded from the reference, counting, guards, metrics."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families
from yarl import URL

from aiofrp import registry
from aiofrp.client.service import Client
from aiofrp.errors import FrpError
from aiofrp.proxy.base import ProxyType
from aiofrp.server.api import views
from aiofrp.server.api.statistics import Statistics
from aiofrp.server.service import Server
from aiofrp.wire.frp.messages import NewProxy
from tests.support.ports import free_port
from tests.support.tunnel import (
    PATIENCE,
    client_config,
    echo,
    exchange,
    local_service,
    running_client,
    running_server,
    server_config,
)

VECTORS = Path(__file__).parent.parent.parent / "vectors" / "api"


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Api:
    """Calls one frps's API."""

    def __init__(self, session: aiohttp.ClientSession, port: int) -> None:
        self._session = session
        self._url = f"http://127.0.0.1:{port}"

    async def __call__(
        self,
        path: str,
        method: str = "GET",
        *,
        auth: tuple[str, str] | None = ("u", "p"),
        headers: dict[str, str] | None = None,
        body: str = "",
    ) -> Answer:
        async with self._session.request(
            method,
            URL(self._url + path, encoded=True),
            data=body or None,
            headers=(headers or {}) | (_credentials(*auth) if auth else {}),
            allow_redirects=False,
        ) as response:
            told = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status, told, await response.text())


def _credentials(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@asynccontextmanager
async def serving(toml: str = "") -> AsyncIterator[tuple[Server, Api]]:
    """frps with its API on, and a way to call it."""
    port = free_port()
    web = f'webServer.port = {port}\nwebServer.user = "u"\nwebServer.password = "p"\n'
    async with running_server(server_config(web + toml)) as server, aiohttp.ClientSession() as session:
        yield server, Api(session, port)


# The recorded answers

ALICE = """
user = "alice"
clientID = "laptop"
udpPacketSize = 1500
[[proxies]]
name = "p-tcp"
type = "tcp"
localPort = 1
annotations = {{ "example.com/note" = "hello" }}
metadatas = {{ k1 = "v1" }}
remotePort = {tcp}
[[proxies]]
name = "p-tcp-g1"
type = "tcp"
localPort = 1
remotePort = {group}
loadBalancer = {{ group = "grp", groupKey = "gk" }}
[[proxies]]
name = "p-tcp-rand"
type = "tcp"
localPort = 1
[[proxies]]
name = "p-udp"
type = "udp"
localPort = 1
[[proxies]]
name = "p-http"
type = "http"
localPort = 1
customDomains = ["web.test", "*.wild.test"]
subdomain = "sub"
locations = ["/", "/api"]
hostHeaderRewrite = "rewritten.local"
httpUser = "hu"
httpPassword = "hp"
transport = {{ useEncryption = true, useCompression = true, bandwidthLimit = "1MB", bandwidthLimitMode = "server" }}
[[proxies]]
name = "p-http2"
type = "http"
localPort = 1
customDomains = ["plain.test"]
[[proxies]]
name = "p-https"
type = "https"
localPort = 1
customDomains = ["tls.test"]
[[proxies]]
name = "p-mux"
type = "tcpmux"
localPort = 1
multiplexer = "httpconnect"
customDomains = ["mux.test"]
routeByHTTPUser = "ru"
[[proxies]]
name = "p-mux2"
type = "tcpmux"
localPort = 1
multiplexer = "httpconnect"
customDomains = ["mux2.test"]
"""
SECRET = """
[[proxies]]
name = "p-{0}"
type = "{0}"
localPort = 1
secretKey = "s"
"""
BOB = """
user = "bob"
transport.wireProtocol = "v2"
[[proxies]]
name = "tmp"
type = "tcp"
localPort = 1
"""
#: The types this release of frps serves.
SERVED = [kind for kind, row in registry.PROXIES.items() if registry.load(row, ProxyType).Server is not None]


@pytest.fixture
async def recorded() -> AsyncIterator[tuple[Api, AsyncExitStack]]:
    """The clients and proxies of the recording; the stack ends the second client."""
    toml = (
        f"vhostHTTPPort = {free_port()}\nvhostHTTPSPort = {free_port()}\n"
        f'tcpmuxHTTPConnectPort = {free_port()}\nsubDomainHost = "frps.test"\nmaxPortsPerClient = 10\n'
        "allowPorts = [{ start = 10000, end = 64999 }, { single = 65200 }]\n"
    )
    alice = ALICE.format(tcp=free_port(), group=free_port())
    alice += "".join(SECRET.format(kind) for kind in ("stcp", "sudp", "xtcp") if kind in SERVED)
    async with serving(toml) as (server, api), AsyncExitStack() as second:
        port = server.address[1]
        async with running_client(client_config(port, alice)):
            await second.enter_async_context(running_client(client_config(port, BOB)))
            yield api, second


def vector(name: str) -> tuple[str, str, Answer]:
    """Method, path and answer of a recording."""
    text = (VECTORS / f"http_{name}.txt").read_text("utf-8")
    first, _, rest = text.partition("\n")
    head, _, body = rest.partition("\n\n")
    status, *lines = head.splitlines()
    headers = dict(line.split(": ", 1) for line in lines)
    method, path = first.split(" ")[:2]
    return method, path, Answer(int(status.split(" ")[1]), headers, body)


#: What differs between two runs.
VOLATILE = [
    (r'"(runID|hostname|lastStartTime|lastCloseTime|allowPortsStr)":"[^"]*"', r'"\1":"…"'),
    (r'"(key|clientID)":"(bob\.)?[0-9a-f]{16}"', r'"\1":"\2…"'),
    (r',"lastCloseAt":\d+', ""),
    (r'"([a-z]\w*(Port|At)|(today|total)?[tT]raffic(In|Out)|curConns|total|proxyCount)":\d+', r'"\1":0'),
    (r'"traffic(In|Out)":\[[\d,]+\]', r'"traffic\1":[]'),
    (r'"date":"[-\d]+"', '"date":""'),
]


def steady(body: str) -> str:
    for pattern, text in VOLATILE:
        body = re.sub(pattern, text, body)
    return body.removesuffix("\n")


def served_only(body: str) -> str:
    """A recorded body without the proxies this frps cannot serve."""
    for kind in sorted({"stcp", "sudp", "xtcp"} - set(SERVED)):
        body = re.sub(rf',{{"name":"alice.p-{kind}".*?"lastStartAt":0}}}}', "", body)
        body = re.sub(rf'"{kind}":1,?', "", body)
    return body.replace(",}", "}")


SAME = [
    *("client_404", "client_detail", "clients", "delete_bad", "healthz", "method_bad", "notfound"),
    *("proxies_name", "proxy_bogus", "proxy_http", "proxy_https", "proxy_tcp", "proxy_tcp_name", "root"),
    *("proxy_tcp_name_404", "proxy_tcpmux", "proxy_udp", "serverinfo", "traffic", "traffic_404"),
    *("v2_badstatus", "v2_client_404", "v2_client_detail", "v2_clients", "v2_notfound", "v2_page_beyond"),
    *("v2_proxies", "v2_proxies_badpage", "v2_proxies_badsize", "v2_proxies_badtype", "v2_proxies_filtered"),
    *("v2_proxy_404", "v2_proxy_badesc", "v2_proxy_detail", "v2_proxy_slash", "v2_prune_bad"),
    *("v2_prune_missing", "v2_system_info", "v2_traffic", "v2_users"),
    *(f"proxy_{kind}" for kind in ("stcp", "sudp", "xtcp") if kind in SERVED),
]


async def check(api: Api, name: str, *, credentials: bool = True) -> None:
    """One call gives what was recorded."""
    method, path, expected = vector(name)
    answer = await api(path, method, auth=("u", "p") if credentials else None)
    assert answer.status == expected.status, name
    assert steady(answer.body) == served_only(steady(expected.body)), name
    for header, value in expected.headers.items():
        if header not in ("Date", "Content-Length", "Transfer-Encoding"):
            assert answer.headers[header.lower()] == value, (name, header)


async def test_the_recorded_answers(recorded: tuple[Api, AsyncExitStack]) -> None:
    api, _ = recorded
    for name in SAME:
        await check(api, name)
    await check(api, "noauth", credentials=False)


@pytest.mark.parametrize("kind", ["stcp", "sudp", "xtcp"])
def test_recorded_proxies_without_an_address(kind: str) -> None:
    counted = Statistics()
    message = NewProxy(proxy_name=f"alice.p-{kind}", proxy_type=kind, sk="s")
    counted.proxy_opened(message.proxy_name, kind, "alice", "laptop")
    (record,) = counted.proxies(kind)
    shown = {"proxies": [views.proxy(record, (message, ""), counted.today, str)]}
    _, _, expected = vector(f"proxy_{kind}")
    assert steady(json.dumps(shown, separators=(",", ":"))) == steady(expected.body)


async def test_the_recorded_answers_about_who_left(recorded: tuple[Api, AsyncExitStack]) -> None:
    api, second = recorded
    await second.aclose()
    await until(lambda: offline(api, "bob.tmp"))
    for name in ("clients_after", "proxies_name_offline", "v2_proxy_offline"):
        await check(api, name)
    answer = await api("/api/v2/system/prune?type=OFFLINE_proxies", "POST")
    assert answer.json["data"]["cleared"] == 1
    await check(api, "delete_ok")
    assert (await api("/api/proxies/bob.tmp")).status == 404


async def offline(api: Api, name: str) -> bool:
    return bool((await api(f"/api/proxies/{name}")).json["status"] == "offline")


async def until(condition: Callable[[], Any]) -> None:
    """Ask until it is so."""
    async with asyncio.timeout(PATIENCE):
        while not await condition():
            await asyncio.sleep(0.005)


# Counting


async def test_traffic_is_counted(free_ports: Callable[[], int]) -> None:
    tcp, udp = free_ports(), free_ports()
    async with serving() as (server, api), local_service(echo) as local:
        toml = (
            f'[[proxies]]\nname = "t"\ntype = "tcp"\nlocalPort = {local}\nremotePort = {tcp}\n'
            f'[[proxies]]\nname = "d"\ntype = "udp"\nlocalPort = {local}\nremotePort = {udp}\n'
        )
        async with running_client(client_config(server.address[1], toml)):
            assert await exchange(tcp, b"x" * 1000) == b"x" * 1000
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
                datagrams.sendto(b"hello", ("127.0.0.1", udp))

            async def counted() -> bool:
                totals = (await api("/api/serverinfo")).json
                return (totals["totalTrafficIn"], totals["curConns"]) == (1005, 0)

            await until(counted)
            assert (await api("/api/traffic/t")).json == {
                "name": "t",
                "trafficIn": [1000, 0, 0, 0, 0, 0, 0],
                "trafficOut": [1000, 0, 0, 0, 0, 0, 0],
            }
            assert (await api("/api/proxy/udp/d")).json["todayTrafficIn"] == 5
            history = (await api("/api/v2/proxies/t/traffic")).json["data"]["history"]
            assert [day["trafficIn"] for day in history] == [0, 0, 0, 0, 0, 0, 1000]
            reader, writer = await asyncio.open_connection("127.0.0.1", tcp)
            writer.write(b"?")
            assert await reader.readexactly(1) == b"?"
            assert (await api("/api/proxies/t")).json["curConns"] == 1
            writer.close()


async def test_nothing_is_counted_without_the_api() -> None:
    async with running_server(server_config()) as server:
        assert server.statistics is None
        assert server.tables.observers == []


async def test_a_client_with_an_id_is_remembered() -> None:
    async with serving() as (server, api):
        toml = 'user = "u9"\nclientID = "cc"\n'
        async with running_client(client_config(server.address[1], toml)):
            (record,) = (await api("/api/clients?status=online&user=u9&clientId=cc")).json
            assert record["key"] == "u9.cc"
            assert (await api("/api/clients?status=offline")).json == []
            assert (await api(f"/api/clients?runId={record['runID']}")).json == [record]
            assert (await api("/api/clients?runId=other")).json == []

        async def gone() -> bool:
            return bool((await api("/api/clients?status=OFFLINE")).json)

        await until(gone)
        left = (await api("/api/v2/clients/u9.cc")).json["data"]
        assert (left["runID"], left["online"], left["status"]["phase"]) == ("", False, "offline")
        assert list(left)[-3:] == ["disconnectedAt", "online", "status"]
        assert (await api("/api/serverinfo")).json["clientCounts"] == 0


# Filters and pages


async def test_filters_of_v2(recorded: tuple[Api, AsyncExitStack], caplog: pytest.LogCaptureFixture) -> None:
    api, _ = recorded

    async def names(query: str, what: str = "proxies", key: str = "name") -> list[str]:
        return [item[key] for item in (await api(f"/api/v2/{what}?{query}")).json["data"]["items"]]

    assert await names("user=bob") == ["bob.tmp"]
    assert await names("user=") == []
    assert await names("clientID=laptop&q=WILD") == ["alice.p-http"]
    assert await names("q=sub") == ["alice.p-http"]
    assert await names("q=mux2.test&type=TCPMUX") == ["alice.p-mux2"]
    assert await names("status=offline") == []
    assert await names("type=tcp&page=2&pageSize=3") == ["bob.tmp"]
    assert await names("q=v2", "clients", "user") == ["bob"]
    assert await names("status=all&user=alice", "clients", "key") == ["alice.laptop"]
    assert await names("runID=x", "clients", "key") == []
    assert await names("q=BO", "users", "user") == ["bob"]
    for query, message in [
        ("pageSize=x", "pageSize must be a positive integer"),
        ("page=-1", "page must be a positive integer"),
        ("page=9223372036854775807", "page is too large"),
    ]:
        assert (await api(f"/api/v2/users?{query}")).json == {"code": 400, "msg": message, "data": None}
        assert f"http response [/api/v2/users]: error: {message}" in caplog.messages


# Guards and the socket


@pytest.mark.parametrize(
    ("method", "path"),
    [("DELETE", "/api/proxies?status=offline"), ("POST", "/api/v2/system/prune?type=offline_proxies")],
)
async def test_other_web_sites_change_nothing(method: str, path: str) -> None:
    async with serving() as (_, api):
        assert (await api(path, method, headers={"Origin": "http://evil.example"})).status == 403
        assert (await api(path, method, headers={"Sec-Fetch-Site": "cross-site"})).status == 403
        assert (await api(path, method, headers={"Referer": "http://evil.example/"})).status == 403
        assert (await api(path, method, headers={"User-Agent": "Mozilla/5.0"})).status == 403
        assert (await api(path, method)).status == 200


async def test_without_a_password_a_name_of_another_web_site_is_not_served() -> None:
    port = free_port()
    web = f'webServer.port = {port}\nwebServer.addr = "localhost"\n'
    async with running_server(server_config(web)), aiohttp.ClientSession() as session:
        api = Api(session, port)
        paths = (
            ("/api/serverinfo", "GET"),
            ("/api/v2/clients", "GET"),
            ("/api/proxies?status=offline", "DELETE"),
        )
        for path, method in paths:
            answer = await api(path, method, auth=None, headers={"Host": f"evil.example:{port}"})
            assert (answer.status, answer.json["Code"]) == (403, 403)
            assert "DNS rebinding" in answer.json["Msg"]
            assert (await api(path, method, auth=None, headers={"Host": "LocalHost."})).status == 200


async def test_paths_with_too_many_slashes() -> None:
    async with serving() as (_, api):
        answer = await api("//evil.example//x?a=b", auth=None)
        assert (answer.status, answer.headers["location"]) == (301, "/evil.example/x?a=b")


async def test_names_are_harmless_in_html() -> None:
    async with serving() as (server, api):
        toml = '[[proxies]]\nname = "<a&b>"\ntype = "tcp"\nlocalPort = 1\n'
        async with running_client(client_config(server.address[1], toml)):
            answer = await api("/api/proxies/%3Ca&b%3E")
            assert answer.json["name"] == "<a&b>"
            assert '"name":"\\u003ca\\u0026b\\u003e"' in answer.body
            assert (await api("/api/v2/proxies/%3Ca%26b%3E")).json["data"]["name"] == "<a&b>"


async def test_a_taken_port_ends_the_start() -> None:
    async with serving() as (server, _):
        config = server_config(f"webServer.port = {server.config.web_server.port}\n")
        taken = Server(config)
        text = f"(?m)^listen tcp 127.0.0.1:{config.web_server.port}: bind: address already in use$"
        with pytest.raises(FrpError, match=text):
            await taken.start()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", config.bind_port))


async def test_a_failed_start_leaves_no_api() -> None:
    async with serving() as (server, _):
        port = free_port()
        broken = Server(server_config(f"webServer.port = {port}\n", port=server.address[1]))
        with pytest.raises(FrpError, match=r"^create server listener error, "):
            await broken.start()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))


async def test_lines_of_the_start(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "aiofrp")
    async with serving() as (server, _):
        texts = [record.getMessage() for record in caplog.records]
        where = f"dashboard listen on 127.0.0.1:{server.config.web_server.port}"
        assert texts[-2:] == ["frps started successfully", where]


# Prometheus


async def test_metrics_are_off_by_default() -> None:
    async with serving() as (_, api):
        assert (await api("/metrics")).status == 404


def families(text: str) -> dict[str, tuple[str, str, list[tuple[str, ...]]]]:
    """Name → help, type and the label names of frp's families."""
    return {
        family.name: (
            family.documentation,
            family.type,
            sorted({tuple(sorted(s.labels)) for s in family.samples}),
        )
        for family in text_string_to_metric_families(text)
        if family.name.startswith("frp_")
    }


async def test_metrics_as_recorded(free_ports: Callable[[], int]) -> None:
    remote = free_ports()
    async with serving("enablePrometheus = true\n") as (server, api), local_service(echo) as local:
        toml = f'[[proxies]]\nname = "t"\ntype = "tcp"\nlocalPort = {local}\nremotePort = {remote}\n'
        async with running_client(client_config(server.address[1], toml)):
            assert "frp_server_traffic_in" not in (await api("/metrics")).body
            await exchange(remote, b"12345")

            async def counted() -> bool:
                return 'frp_server_connection_counts{name="t",type="tcp"} 0' in (await api("/metrics")).body

            await until(counted)
            answer = await api("/metrics", "POST")
            assert (
                answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8; escaping=values"
            )
            expected = families((VECTORS / "metrics_full.txt").read_text("utf-8"))
            assert families(answer.body) == expected
            for line in (
                "frp_server_client_counts 1",
                'frp_server_proxy_counts{type="tcp"} 1',
                'frp_server_proxy_counts_detailed{name="t",type="tcp"} 1',
                'frp_server_traffic_in{name="t",type="tcp"} 5',
                'frp_server_traffic_out{name="t",type="tcp"} 5',
            ):
                assert line in answer.body.splitlines()
            headers = re.findall(r"^# (?:HELP|TYPE) frp_.*", (VECTORS / "metrics_full.txt").read_text(), re.M)
            assert [line for line in headers if line not in answer.body.splitlines()] == []

        async def closed() -> bool:
            body = (await api("/metrics")).body
            return 'frp_server_proxy_counts_detailed{name="t",type="tcp"} 0' in body.splitlines()

        await until(closed)
        assert (await api("/metrics", auth=None)).status == 401


async def test_two_servers_count_for_themselves() -> None:
    async with (
        serving("enablePrometheus = true\n") as (first, api),
        serving("enablePrometheus = true\n") as (_, other),
        running_client(client_config(first.address[1])) as client,
    ):
        assert isinstance(client, Client)
        await until(lambda: _says(api, "frp_server_client_counts 1"))
        assert "frp_server_client_counts 0" in (await other("/metrics")).body


async def _says(api: Api, line: str) -> bool:
    return line in (await api("/metrics")).body.splitlines()


@pytest.mark.parametrize(
    ("path", "made"),
    [
        ("/api/proxy/http", 3000),
        ("/api/v2/proxies?type=http&pageSize=20&page=3", 20),
        ("/api/v2/proxies?q=nowhere", 3000),
    ],
)
async def test_others_take_their_turn_while_many_proxies_are_shown(
    path: str, made: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 0
    seen = [0]
    async with serving() as (server, api):
        assert server.statistics is not None
        for number in range(3000):
            server.statistics.proxy_opened(f"p{number:04}", "http", "u", "c")
        shown_by = "proxy_v2" if "v2" in path else "proxy"
        make = getattr(views, shown_by)

        def shown(*args: Any) -> Any:
            nonlocal count
            count += 1
            return make(*args)

        monkeypatch.setattr(views, shown_by, shown)
        asking = asyncio.create_task(api(path))
        while not asking.done():
            await asyncio.sleep(0)
            seen.append(count)
        assert (await asking).status == 200
    assert count == made
    assert max(after - before for before, after in pairwise(seen)) <= 100
