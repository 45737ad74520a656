"""The store's API: calls recorded from the reference, the effect of changes at once, and changes that fail."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from aiofrp.client.api.bodies import MAX_BODY, MAX_NAME, MAX_VALUES
from aiofrp.client.service import Client
from aiofrp.client.states import Phase
from aiofrp.server.service import Server
from tests.support.admin import Caller, calling, running_file
from tests.support.ports import free_port
from tests.support.tunnel import PATIENCE, echo, exchange, local_service, running_server, server_config

RECORDED = json.loads((Path(__file__).parents[2] / "vectors/client-api/store-api.json").read_text("utf-8"))
PROXIES, VISITORS = "/api/store/proxies", "/api/store/visitors"


def file_of(folder: Path, server: int, text: str = "") -> Path:
    """A configuration with a store and an API."""
    path = folder / "frpc.toml"
    path.write_text(
        f'serverAddr = "127.0.0.1"\nserverPort = {server}\nloginFailExit = false\n'
        f'webServer.port = {free_port()}\nstore.path = "store/frpc.json"\n{text}'
    )
    return path


def tcp(name: str, local: int = 1, remote: int = 0, **more: Any) -> str:
    """The body for a tcp proxy."""
    block = {"localPort": local, "remotePort": remote, **more}
    return json.dumps({"name": name, "type": "tcp", "tcp": block})


def section(name: str, local: int, remote: int) -> str:
    """The same in a file."""
    return f'[[proxies]]\nname = "{name}"\ntype = "tcp"\nlocalPort = {local}\nremotePort = {remote}\n'


@asynccontextmanager
async def calls(path: Path, *, online: bool) -> AsyncIterator[tuple[Client, Caller]]:
    """frpc with a file, and calls to its API."""
    async with (
        running_file(path, online=online) as client,
        calling(client.config.web_server.port) as call,
    ):
        yield client, call


@pytest.fixture
async def offline(tmp_path: Path) -> AsyncIterator[Caller]:
    """The API of a frpc whose server is never there, with one proxy in its file."""
    async with calls(file_of(tmp_path, free_port(), section("filep", 1, 0)), online=False) as (_, call):
        yield call


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with running_server(server_config()) as server:
        yield server


def stored(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """The store's file."""
    content: dict[str, list[dict[str, Any]]] = json.loads((folder / "store/frpc.json").read_text("utf-8"))
    return content


# The recorded calls


def first_line(body: str) -> Any:
    """A body; of one that says what is wrong the reference's part, for we explain more."""
    if not body.startswith('{"Code"'):
        return body
    answer = json.loads(body)
    return answer | {"Msg": answer["Msg"].splitlines()[0]}


async def test_the_recorded_calls(offline: Caller) -> None:
    for recorded in RECORDED:
        asked = [recorded["method"], recorded["path"], recorded.get("body", "")]
        status, headers, body = await offline(asked[0], asked[1], body=asked[2])
        assert (status, headers.get("content-type", "")) == (recorded["status"], recorded["type"]), asked
        assert first_line(body) == first_line(recorded["answer"]), asked


async def test_a_name_with_a_slash_can_be_addressed(offline: Caller) -> None:
    assert (await offline("POST", PROXIES, body=tcp("a/b")))[0] == 200
    assert json.loads((await offline("GET", f"{PROXIES}/a%2Fb"))[2])["name"] == "a/b"
    assert (await offline("PUT", f"{PROXIES}/a%2Fb", body=tcp("a/b", 2)))[0] == 200
    assert (await offline("DELETE", f"{PROXIES}/a%2Fb"))[0] == 200
    assert json.loads((await offline("GET", PROXIES))[2]) == {"proxies": []}


async def test_without_a_store_there_are_no_routes(tmp_path: Path) -> None:
    path = file_of(tmp_path, free_port())
    path.write_text(path.read_text().replace("store.path", "user"))
    async with calls(path, online=False) as (_, call):
        for method, where in (("GET", PROXIES), ("POST", VISITORS), ("DELETE", f"{PROXIES}/a")):
            status, headers, body = await call(method, where, body="{}" if method == "POST" else "")
            assert (status, body) == (404, "404 page not found\n")
            assert headers["content-type"].startswith("text/plain")


# Effect


async def running(client: Client, name: str, phase: Phase = Phase.RUNNING) -> None:
    """Wait until a proxy is in a phase."""
    async with asyncio.timeout(PATIENCE):
        while {p.config.name: p.state.phase for p in client.proxies.running()}.get(name) is not phase:
            await asyncio.sleep(0.005)


async def serves(client: Client, port: int, text: bytes) -> None:
    """The proxy ``web`` runs, and its service answers at ``port``."""
    await running(client, "web")
    assert await exchange(port, text) == text


async def refused(port: int) -> None:
    """Wait until nothing listens at a port."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await exchange(port, b"")
            except ConnectionRefusedError:
                return
            await asyncio.sleep(0.005)


async def test_changes_take_effect_at_once_and_last(server: Server, tmp_path: Path) -> None:
    in_file, first, second = free_port(), free_port(), free_port()
    async with local_service(echo) as local:
        path = file_of(tmp_path, server.address[1], section("web", local, in_file))
        async with calls(path, online=True) as (client, call):
            await serves(client, in_file, b"the file's")
            assert (await call("POST", PROXIES, body=tcp("web", local, first)))[0] == 200
            await serves(client, first, b"the store's")
            await refused(in_file)
            assert (await call("PUT", f"{PROXIES}/web", body=tcp("web", local, second)))[0] == 200
            await serves(client, second, b"changed")
            await refused(first)
            (shown,) = json.loads((await call("GET", "/api/status"))[2])["tcp"]
            assert (shown["source"], shown["remote_addr"]) == ("store", f"127.0.0.1:{second}")
            # A reload of the file keeps the store.
            path.write_text(path.read_text() + section("more", local, 0))
            assert (await call("GET", "/api/reload"))[0] == 200
            await running(client, "more")
            await serves(client, second, b"reloaded")
            # A change of the store does not load the file.
            path.write_text("not toml [")
            off = tcp("web", local, second, enabled=False)
            assert (await call("PUT", f"{PROXIES}/web", body=off))[0] == 200
            await serves(client, in_file, b"the file's again")
            await refused(second)
            assert (await call("PUT", f"{PROXIES}/web", body=tcp("web", local, second)))[0] == 200
        path = file_of(tmp_path, server.address[1], section("web", local, in_file))
        async with calls(path, online=True) as (client, call):
            await serves(client, second, b"after a restart")
            assert (await call("DELETE", f"{PROXIES}/web"))[0] == 200
            await serves(client, in_file, b"the file's at last")
            assert stored(tmp_path) == {}


async def test_visitors_take_effect_at_once(server: Server, tmp_path: Path) -> None:
    port, moved = free_port(), free_port()
    block: dict[str, Any] = {"serverName": "p", "secretKey": "s", "bindPort": port}
    body = {"name": "v", "type": "stcp", "stcp": block}
    async with local_service(echo) as local:
        proxy = {"name": "p", "type": "stcp", "stcp": {"secretKey": "s", "localPort": local}}
        async with calls(file_of(tmp_path, server.address[1]), online=True) as (client, call):
            assert (await call("POST", PROXIES, body=json.dumps(proxy)))[0] == 200
            await running(client, "p")
            assert (await call("POST", VISITORS, body=json.dumps(body)))[0] == 200
            assert await exchange(port, b"hello") == b"hello"
            block["bindPort"] = moved
            assert (await call("PUT", f"{VISITORS}/v", body=json.dumps(body)))[0] == 200
            assert await exchange(moved, b"moved") == b"moved"
            await refused(port)
            assert (await call("DELETE", f"{VISITORS}/v"))[0] == 200
            await refused(moved)


async def test_concurrent_changes_are_made_one_after_the_other(offline: Caller, tmp_path: Path) -> None:
    names = [f"p{number:02}" for number in range(20)]
    answers = await asyncio.gather(*(offline("POST", PROXIES, body=tcp(name)) for name in names * 2))
    assert sorted(status for status, _, _ in answers) == [200] * 20 + [409] * 20
    answers = await asyncio.gather(
        *(offline("DELETE", f"{PROXIES}/{name}") for name in names[:10]),
        *(offline("PUT", f"{PROXIES}/{name}", body=tcp(name, 7)) for name in names[10:]),
        offline("GET", "/api/reload"),
    )
    assert {status for status, _, _ in answers} == {200}
    assert [(item["name"], item["localPort"]) for item in stored(tmp_path)["proxies"]] == [
        (name, 7) for name in names[10:]
    ]


# What fails


async def test_a_change_that_cannot_be_written_is_none(server: Server, tmp_path: Path) -> None:
    kept = free_port()
    async with (
        local_service(echo) as local,
        calls(file_of(tmp_path, server.address[1]), online=True) as (client, call),
    ):
        assert (await call("POST", PROXIES, body=tcp("web", local, kept)))[0] == 200
        await serves(client, kept, b"before")
        file = tmp_path / "store/frpc.json"
        before = file.read_bytes()
        (tmp_path / "store/frpc.json.tmp").mkdir()  # no file can be made beside the store's
        for method, path, body in (
            ("POST", PROXIES, tcp("new", local)),
            ("PUT", f"{PROXIES}/web", tcp("web", local, free_port())),
            ("DELETE", f"{PROXIES}/web", ""),
        ):
            status, _, answer = await call(method, path, body=body)
            assert status == 500
            message = json.loads(answer)["Msg"]
            assert message.startswith("failed to persist: failed to create temp file: open ")
            assert message.endswith("frpc.json.tmp: is a directory")
        assert file.read_bytes() == before
        assert [proxy["name"] for proxy in json.loads((await call("GET", PROXIES))[2])["proxies"]] == ["web"]
        await serves(client, kept, b"after")
        (tmp_path / "store/frpc.json.tmp").rmdir()
        assert (await call("DELETE", f"{PROXIES}/web"))[0] == 200


async def test_a_body_has_a_limit(offline: Caller, tmp_path: Path) -> None:
    long = tcp("long", metadatas={"a": "x" * MAX_BODY})
    for method, path in (("POST", PROXIES), ("PUT", f"{VISITORS}/long")):
        status, _, body = await offline(method, path, body=long)
        assert (status, json.loads(body)["Msg"]) == (413, f"a definition may have {MAX_BODY} bytes")
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ('{"a":' * 30_000 + "1" + "}" * 30_000, "the values are nested too deeply"),
        (tcp("a").replace("1,", "[" * 50_000 + "]" * 50_000 + ","), "the values are nested too deeply"),
        (
            json.dumps({"name": "a", "tcp": {"metadatas": {str(n): 1 for n in range(10_000)}}}),
            f"{MAX_VALUES} values",
        ),
        (json.dumps({"name": "a", "http": {"locations": [1] * 50_000}}), f"{MAX_VALUES} values"),
        (tcp("n" * (MAX_NAME + 1)), f"proxy name has more than {MAX_NAME} characters"),
    ],
    ids=["deep", "deep inside", "many keys", "many items", "long name"],
)
async def test_bodies_that_would_take_long_are_refused(offline: Caller, body: str, error: str) -> None:
    status, _, answer = await offline("POST", PROXIES, body=body)
    assert status == 400
    assert error in json.loads(answer)["Msg"]


async def test_a_proxy_that_no_message_can_hold_harms_no_other(server: Server, tmp_path: Path) -> None:
    port = free_port()
    async with (
        local_service(echo) as local,
        calls(file_of(tmp_path, server.address[1], section("web", local, port)), online=True) as (
            client,
            call,
        ),
    ):
        run_id = client.run_id
        large = tcp("large", local, metadatas={"a": "x" * 20_000})
        assert (await call("POST", PROXIES, body=large))[0] == 200
        await running(client, "large", Phase.START_ERROR)
        await serves(client, port, b"the session goes on")
        assert client.run_id == run_id
        shown = {
            entry["name"]: entry["err"] for entry in json.loads((await call("GET", "/api/status"))[2])["tcp"]
        }
        assert "wire protocol v1 allows 10249" in shown["large"]


async def test_other_web_sites_change_nothing(offline: Caller) -> None:
    evil = {"Origin": "http://evil.example"}
    for method, path in (("POST", PROXIES), ("PUT", f"{PROXIES}/a"), ("DELETE", f"{VISITORS}/a")):
        status, _, _ = await offline(method, path, body=tcp("a") if method != "DELETE" else "", headers=evil)
        assert status == 403
    assert json.loads((await offline("GET", PROXIES, headers=evil))[2]) == {"proxies": []}


# Checks without a change


async def test_a_check_changes_nothing_and_names_the_fields(offline: Caller, tmp_path: Path) -> None:
    assert (await offline("POST", PROXIES, body=tcp("old")))[0] == 200
    before = stored(tmp_path)
    good = tcp("new", transport={"bandwidthLimit": "1MB"})
    assert (await offline("POST", f"{PROXIES}?check=1", body=good))[0] == 200
    assert (await offline("PUT", f"{PROXIES}/old?check=1", body=tcp("old", 2)))[0] == 200
    assert (await offline("POST", f"{PROXIES}?check=1", body=tcp("old")))[0] == 409
    assert (await offline("PUT", f"{PROXIES}/new?check=1", body=tcp("new")))[0] == 404
    wrong = {
        tcp("new", 70_000): "localPort",
        tcp("new", transport={"bandwidthLimit": "x"}): "transport.bandwidthLimit",
        tcp("new", transport={"bandwidthLimitMode": "x"}): "transport.bandwidthLimitMode",
        tcp("new", plugin={"type": "unix_domain_socket"}): "plugin.unixPath",
        tcp("new", plugin={"type": "nothing"}): "plugin.type",
        tcp("new", healthCheck={"type": "http"}): "healthCheck.path",
        tcp(""): "name",
        tcp("new", remotePort="x"): "remotePort",
    }
    for body, field in wrong.items():
        status, _, text = await offline("POST", f"{PROXIES}?check=1", body=body)
        answer = json.loads(text)
        assert (status, list(answer["fields"])) == (400, [field]), text
        assert answer["fields"][field] in answer["Msg"] or ";" in answer["fields"][field]
        assert "fields" not in json.loads((await offline("POST", PROXIES, body=body))[2])
    visitor = json.dumps({"name": "v", "type": "stcp", "stcp": {"serverName": "s"}})
    status, _, text = await offline("POST", f"{VISITORS}?check=1", body=visitor)
    assert (status, list(json.loads(text)["fields"])) == (400, ["bindPort"])
    assert stored(tmp_path) == before
