"""The admin API of frpc: calls recorded from the reference, guards, TLS."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from aiofrp import logs
from aiofrp.cli.admin.api import AdminError, Api
from aiofrp.cli.admin.place import ApiPlace, place_of
from aiofrp.client.service import Client
from aiofrp.client.sources.file import ConfigSource
from aiofrp.client.states import Phase
from aiofrp.errors import FrpError
from tests.support.admin import Caller, basic, calling, listening, running_file
from tests.support.certs import authority
from tests.support.peers import GoPeers
from tests.support.ports import free_port
from tests.support.tunnel import PATIENCE, running_server, server_config

RECORDED = json.loads((Path(__file__).parents[2] / "vectors/client-api/admin-api.json").read_text("utf-8"))
CALLS = {call["label"]: call for call in RECORDED}


# The recorded session


class Ports:
    """Free ports in place of the recorded ones, the same for the same; those beyond 18000 are refused there too."""

    def __init__(self) -> None:
        self._free: dict[str, str] = {}

    def __call__(self, text: str) -> str:
        return re.sub(r"\b1[78]\d{3}\b", lambda found: self._one(found.group()), text)

    def _one(self, recorded: str) -> str:
        if recorded not in self._free:
            self._free[recorded] = str(free_port())
        return self._free[recorded]


@pytest.fixture
def ports() -> Ports:
    return Ports()


@pytest.fixture
async def recorded(ports: Ports, tmp_path: Path) -> AsyncIterator[Caller]:
    """The API of a frpc configured like the recorded one, at a frps like the recorded one."""
    path = tmp_path / "frpc.toml"
    path.write_text(ports(CALLS["config get"]["body"]))
    allowed = ",".join(
        f"{{ single = {ports(str(port))} }}" for port in (*range(17100, 17105), *range(17110, 17116))
    )
    server = f"""
        vhostHTTPPort = {ports("17080")}
        vhostHTTPSPort = {ports("17443")}
        tcpmuxHTTPConnectPort = {ports("17337")}
        auth.token = "t"
        allowPorts = [{allowed}]
    """
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(running_server(server_config(server, port=int(ports("17000")))))
        await answered(await stack.enter_async_context(running_file(path, online=False)))
        yield await stack.enter_async_context(calling(int(ports("17400")), basic("admin", "adminpw")))


async def answered(client: Client) -> None:
    """Wait until the server answered for every proxy but the one whose service is dead."""
    waiting = {Phase.NEW, Phase.WAIT_START}
    names = {proxy.name for proxy in client.config.proxies} - {"checked"}
    async with asyncio.timeout(PATIENCE):
        while names:
            done = {p.config.name for p in client.proxies.running() if p.state.phase not in waiting}
            names -= done
            await asyncio.sleep(0.01)


#: In the recorded order; the states of proxies are compared elsewhere. The recorded program was built without pages.
LABELS = [
    *("healthz no auth", "healthz any method", "status without auth", "status wrong auth", "root redirect"),
    *("unknown path", "wrong method on status", "config get", "config put empty"),
    *(
        "proxy config tcp",
        "proxy config http",
        "proxy config plugin",
        "proxy config health",
        "proxy config xtcp",
    ),
    *("proxy config missing", "proxy config of a disabled file proxy", "visitor config stcp"),
    *("visitor config xtcp", "visitor config missing"),
    *(
        label
        for label in CALLS
        if label == "proxy config of disabled store proxy"
        or (label.startswith("store ") and "request" in CALLS[label])
    ),
    *("config put", "reload", "config put invalid toml", "reload broken", "config put unknown field"),
    *("reload lenient with unknown field", "reload strict with unknown field", "config put invalid proxy"),
    *("reload invalid proxy", "config restore", "reload ok", "stop wrong method"),
]


async def test_the_recorded_calls(recorded: Caller, ports: Ports) -> None:
    right = recorded.credentials
    for label in LABELS:
        call = CALLS[label]
        request = call["request"]
        wrong = basic("admin", "wrong") if label == "status wrong auth" else ""
        recorded.credentials = right if request["authenticated"] and not wrong else wrong
        status, headers, body = await recorded(
            request["method"], request["path"], body=ports(request.get("body") or "")
        )
        assert status == call["status"], (label, body)
        assert first_line(body) == first_line(ports(call["body"])), label
        for name, value in call["headers"].items():
            if name != "Content-Length" or status != 400:  # we explain more
                assert headers[name.lower()] == value, (label, name)


def first_line(body: str) -> Any:
    """A body; of one that says what is wrong only the reference's part."""
    if not body.startswith('{"Code"'):
        return body
    answer = json.loads(body)
    return answer | {"Msg": answer["Msg"].splitlines()[0]}


async def test_the_recorded_status(recorded: Caller, ports: Ports) -> None:
    status, headers, body = await recorded("GET", "/api/status")
    assert (status, headers["content-type"]) == (200, "application/json")
    assert body.endswith("}\n")
    expected = json.loads(ports(json.dumps(CALLS["status"]["json"])))
    seen = json.loads(body)
    assert list(seen) == sorted(seen)
    for entry in (entry for entries in seen.values() for entry in entries):  # what is ours
        urls, hint = entry.pop("urls", []), entry.pop("hint", "")
        assert bool(urls) == (entry["status"] == "running" and bool(entry["remote_addr"]))
        assert not hint or entry["err"]
    names = {"tcp-ok", "tcp-denied", "udp-ok", "web", "tls", "mux"}
    for kind, entries in expected.items():
        wanted = [entry for entry in entries if entry["name"] in names]
        assert [entry for entry in seen[kind] if entry["name"] in names] == wanted
        assert [entry["name"] for entry in seen[kind]] == [entry["name"] for entry in entries]


# While there is no server


@pytest.fixture
def offline(tmp_path: Path) -> Path:
    """A configuration whose server is never there."""
    path = tmp_path / "frpc.toml"
    path.write_text(
        f'serverAddr = "127.0.0.1"\nserverPort = {free_port()}\nloginFailExit = false\n'
        f"webServer.port = {free_port()}\n[[proxies]]\n"
        'name = "a"\ntype = "tcp"\nlocalPort = 1\n'
    )
    return path


async def test_the_api_answers_before_the_login(offline: Path) -> None:
    async with running_file(offline, online=False) as client, calling(client.config.web_server.port) as call:
        assert (await call("GET", "/healthz"))[0] == 200
        assert (await call("GET", "/api/status"))[2] == "{}\n"
        assert (await call("GET", "/api/reload"))[0] == 200
        assert (await call("GET", "/api/config"))[2] == offline.read_text()


async def test_stop_ends_the_program_after_the_answer(offline: Path) -> None:
    source = ConfigSource(str(offline))
    client = Client(source.start().config, source)
    task = asyncio.create_task(client.run())
    port = client.config.web_server.port
    async with asyncio.timeout(PATIENCE):
        await listening(port)
        async with calling(port) as call:
            assert (await call("POST", "/api/stop"))[::2] == (200, "")
        await task


async def test_an_api_without_a_file(offline: Path) -> None:
    config = ConfigSource(str(offline)).start().config
    client = Client(config)
    task = asyncio.create_task(client.run())
    port = config.web_server.port
    await listening(port)
    async with calling(port) as call:
        for method, path in (("GET", "/api/config"), ("PUT", "/api/config"), ("GET", "/api/reload")):
            status, _, body = await call(method, path, body="x" if method == "PUT" else "")
            assert (status, json.loads(body)["Msg"]) == (
                400,
                "invalid argument: frpc has no config file path",
            )
    client.stop()
    await task


async def test_a_taken_port_ends_the_start(offline: Path) -> None:
    async with running_file(offline, online=False) as client:
        port = client.config.web_server.port
        with pytest.raises(
            FrpError, match=f"(?m)^listen tcp 127.0.0.1:{port}: bind: address already in use$"
        ):
            await Client(client.config).run()


# Guards

CHANGES = [("GET", "/api/reload"), ("PUT", "/api/config"), ("POST", "/api/stop")]


@pytest.mark.parametrize(
    ("headers", "accepted"),
    [
        ({}, True),
        ({"Origin": "http://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "http://[not-an-address"}, False),
        ({"Origin": "http://{host}"}, True),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://behind-a-proxy.example"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site", "Origin": "http://{host}"}, False),
        ({"Referer": "http://evil.example/"}, False),
        ({"Referer": "http://{host}/static/", "User-Agent": "Mozilla/5.0"}, True),
        ({"User-Agent": "Mozilla/5.0"}, False),
        ({"User-Agent": "Go-http-client/1.1"}, True),
        ({"Origin": "http://["}, False),
    ],
)
async def test_other_web_sites_change_nothing(offline: Path, headers: dict[str, str], accepted: bool) -> None:
    async with running_file(offline, online=False) as client, calling(client.config.web_server.port) as call:
        host = f"127.0.0.1:{client.config.web_server.port}"
        sent = {name: value.format(host=host) for name, value in headers.items()}
        for method, path in CHANGES:
            text = offline.read_text()
            status, _, _ = await call(method, path, body=text if method == "PUT" else "", headers=sent)
            assert status == (200 if accepted else 403), path
        assert (await call("GET", "/api/status", headers=sent))[0] == 200  # reading is no change


async def test_the_commands_of_frp_are_served(offline: Path, go_peers: GoPeers) -> None:
    async with running_file(offline, online=False):
        for command in ("reload", "status", "stop"):
            words = [*go_peers.command("frpc"), command, "-c", str(offline)]
            process = await asyncio.create_subprocess_exec(
                *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
            )
            async with asyncio.timeout(PATIENCE):
                told, _ = await process.communicate()
            assert process.returncode == 0, told
            assert {"reload": b"reload success", "status": b"Proxy Status", "stop": b"stop success"}[
                command
            ] in told


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "localhost.evil.example", "127.0.0.1.evil.example:{port}"]
)
async def test_without_a_password_a_name_of_another_web_site_is_not_served(offline: Path, host: str) -> None:
    """DNS rebinding: a page makes the browser believe that its own name is an address of this machine."""
    text = offline.read_text()
    async with running_file(offline, online=False) as client, calling(client.config.web_server.port) as call:
        port = client.config.web_server.port
        sent = {"Host": host.format(port=port), "Sec-Fetch-Site": "same-origin"}
        for method, path in (("GET", "/api/config"), ("GET", "/api/status"), *CHANGES):
            body = "serverPort = 1\n" if method == "PUT" else ""
            status, _, answer = await call(method, path, body=body, headers=sent)
            assert status == 403, path
            assert f"the host [{sent['Host']}] is not served" in json.loads(answer)["Msg"]
            assert "set webServer.user and webServer.password" in answer
        assert offline.read_text() == text
        assert (await call("GET", "/healthz", headers=sent))[0] == 200
        for own in (f"127.0.0.1:{port}", f"localhost:{port}", "[::1]", "10.1.2.3"):
            assert (await call("GET", "/api/status", headers={"Host": own}))[0] == 200


async def test_refused_names_do_not_fill_the_log(
    offline: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiofrp.webserver.server._refused", logs.get("aiofrp").limited(logs.Rate(5, 1)))
    caplog.set_level(logging.INFO, "aiofrp")
    async with running_file(offline, online=False) as client, calling(client.config.web_server.port) as call:
        before = len(caplog.records)
        for _ in range(100):
            assert (await call("GET", "/api/status", headers={"Host": "evil.example"}))[0] == 403
        assert 5 <= len(caplog.records) - before < 40


async def test_with_a_password_every_name_is_served(offline: Path) -> None:
    offline.write_text('webServer.user = "u"\nwebServer.password = "p"\n' + offline.read_text())
    async with (
        running_file(offline, online=False) as client,
        calling(client.config.web_server.port, basic("u", "p")) as call,
    ):
        assert (await call("GET", "/api/status", headers={"Host": "frpc.example"}))[0] == 200


@pytest.mark.parametrize(
    ("user", "password", "given", "admitted"),
    [
        ("u", "p", ("u", "p"), True),
        ("u", "p", ("u", "x"), False),
        ("u", "p", ("x", "p"), False),
        ("u", "", ("u", ""), True),
        ("", "p", ("", "p"), True),
        ("", "p", ("any", "p"), False),
        ("ü", "pä:ß", ("ü", "pä:ß"), True),
        ("", "", None, True),
        ("u", "p", None, False),
    ],
)
async def test_credentials(
    offline: Path, user: str, password: str, given: tuple[str, str] | None, admitted: bool
) -> None:
    offline.write_text(
        f'webServer.user = "{user}"\nwebServer.password = "{password}"\n' + offline.read_text()
    )
    credentials = basic(*given) if given else ""
    async with (
        running_file(offline, online=False) as client,
        calling(client.config.web_server.port, credentials) as call,
    ):
        began = time.monotonic()
        assert (await call("GET", "/api/status"))[0] == (200 if admitted else 401)
        assert admitted or time.monotonic() - began > 0.19


@pytest.mark.parametrize(
    "header", ["Basic", "Basic !", "Bearer dTpw", "basic dTpw ", "Basic ZGVmIDpw", "dTpw"]
)
async def test_odd_credentials(offline: Path, header: str) -> None:
    offline.write_text('webServer.user = "u"\nwebServer.password = "p"\n' + offline.read_text())
    async with running_file(offline, online=False) as client, calling(client.config.web_server.port) as call:
        status, _, _ = await call("GET", "/api/status", headers={"Authorization": header})
        assert status == (200 if header.strip() == "basic dTpw" else 401)


async def test_a_body_has_a_limit(offline: Path) -> None:
    async with running_file(offline, online=False) as client, calling(client.config.web_server.port) as call:
        status, _, body = await call("PUT", "/api/config", body="#" * (11 * 1024 * 1024))
        assert (status, json.loads(body)["Code"]) == (413, 413)


# TLS, as the commands use it


@pytest.fixture
def secured(offline: Path) -> Path:
    pair = authority()
    (offline.parent / "api.crt").write_bytes(pair.certificate)
    (offline.parent / "api.key").write_bytes(pair.key)
    folder = offline.parent
    tls = f'webServer.tls = {{ certFile = "{folder}/api.crt", keyFile = "{folder}/api.key", trustedCaFile = "none" }}\n'
    offline.write_text(tls + offline.read_text())
    return offline


async def test_the_api_over_tls(secured: Path) -> None:
    async with running_file(secured, online=False) as client:
        web = client.config.web_server
        url, trusting = f"https://127.0.0.1:{web.port}/healthz", authority().client_context()
        async with aiohttp.ClientSession() as session, session.get(url, ssl=trusting) as answer:
            assert answer.status == 200
        place = place_of(str(secured), strict=True)
        assert place.secured
        assert await asyncio.to_thread(Api(place, PATIENCE).call, "GET", "/api/status") == b"{}\n"


async def test_the_commands_trust_the_configured_certificate_only(secured: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.crt"
    other.write_bytes(authority("another").certificate)
    async with running_file(secured, online=False) as client:
        wrong = ApiPlace("127.0.0.1", client.config.web_server.port, secured=True, cert_file=str(other))
        with pytest.raises(AdminError, match=r'^Get "https://127'):
            await asyncio.to_thread(Api(wrong, PATIENCE).call, "GET", "/api/status")
