"""Hooks as an ASGI application: every recorded request of frp is understood, and what hooks decide is answered."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from aiofrp.hooks import (
    ClientInfo,
    CloseProxy,
    Login,
    NewProxy,
    NewWorkConn,
    Ping,
    PluginApp,
    Refused,
    ServerHooks,
    UserInfo,
    replace,
)
from aiofrp.library.pluginapp import MAX_REQUEST

VECTORS = Path(__file__).parents[1] / "vectors" / "api"
ALICE = ClientInfo("alice", {"env": "lab"}, "97114302f6a73d7b")


def recorded(name: str) -> bytes:
    return (VECTORS / f"plugin_{name}.txt").read_bytes().partition(b"\n\n")[2].strip()


class Noting(ServerHooks):
    """Notes all six events."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    async def login(self, message: Login, address: str) -> Login:
        self.seen.append((message, address))
        return message

    async def new_proxy(self, message: NewProxy, client: ClientInfo) -> NewProxy:
        self.seen.append((message, client))
        return message

    async def close_proxy(self, message: CloseProxy, client: ClientInfo) -> None:
        self.seen.append((message, client))

    async def ping(self, message: Ping, client: ClientInfo) -> Ping:
        self.seen.append((message, client))
        return message

    async def new_work_conn(self, message: NewWorkConn, client: ClientInfo) -> NewWorkConn:
        self.seen.append((message, client))
        return message

    async def new_user_conn(self, user: UserInfo, client: ClientInfo) -> None:
        self.seen.append((user, client))


async def answered(hooks: ServerHooks, *body: bytes, method: str = "POST") -> tuple[int, Any]:
    """Status and answer of the application; JSON where it is."""
    pieces: list[dict[str, Any]] = [
        {"type": "http.request", "body": piece, "more_body": True} for piece in body
    ]
    pieces[-1]["more_body"] = False
    sent: list[Any] = []

    async def receive() -> Any:
        return pieces.pop(0)

    async def send(event: Any) -> None:
        sent.append(event)

    await PluginApp(hooks)({"type": "http", "method": method}, receive, send)
    start, rest = sent
    fields = dict(start["headers"])
    assert int(fields[b"content-length"]) == len(rest["body"])
    is_json = fields[b"content-type"] == b"application/json"
    return start["status"], json.loads(rest["body"]) if is_json else rest["body"].decode()


PASSES = (200, {"reject": False, "unchange": True})


async def test_every_recorded_request_is_understood() -> None:
    hooks = Noting()
    names = ("Login", "NewProxy_tcp", "CloseProxy", "Ping", "NewWorkConn", "NewUserConn")
    assert len(hooks.asked) == len(names)
    for name in names:
        body = recorded(name)
        assert await answered(hooks, body[:20], body[20:]) == PASSES
    (login, address), proxy, closed, ping, work, user = hooks.seen
    assert (login.user, login.metas, address) == ("alice", {"env": "lab"}, "127.0.0.1:38708")
    expected = NewProxy(
        proxy_name="alice.p-tcp-g1", proxy_type="tcp", group="grp", group_key="gk", remote_port=16010
    )
    assert proxy == (expected, ALICE)
    assert closed == (CloseProxy(proxy_name="alice.p-http"), ALICE)
    assert ping == (Ping(), ALICE)
    assert work == (NewWorkConn(run_id="97114302f6a73d7b"), ALICE)
    entering = UserInfo("alice.p-tcp", "tcp", ("127.0.0.1", 37598))
    assert user == (entering, ClientInfo("alice", {"env": "lab"}, "e9d9d0c4795a136e"))


async def test_what_hooks_change_replaces_the_content_and_keeps_whose_it_is() -> None:
    class Moving(ServerHooks):
        async def new_proxy(self, message: NewProxy, client: ClientInfo) -> NewProxy:
            return replace(message, remote_port=7)

        async def login(self, message: Login, address: str) -> Login:
            message.metas["more"] = "in place"
            return message

    for name, change in (
        ("NewProxy_tcp", {"remote_port": 7}),
        ("Login", {"metas": {"env": "lab", "more": "in place"}}),
    ):
        content = json.loads(recorded(name))["content"] | change
        expected = {"reject": False, "unchange": False, "content": content}
        assert await answered(Moving(), recorded(name)) == (200, expected)
    for name in ("Ping", "CloseProxy", "NewUserConn"):  # not overridden
        assert await answered(Moving(), recorded(name)) == PASSES


async def test_refusals_and_mistakes() -> None:
    class Refusing(ServerHooks):
        async def ping(self, message: Ping, client: ClientInfo) -> Ping:
            raise Refused("no\ud800")

        async def new_user_conn(self, user: UserInfo, client: ClientInfo) -> None:
            raise ZeroDivisionError("secret")

    refused = {"reject": True, "reject_reason": "no\ufffd"}
    assert await answered(Refusing(), recorded("Ping")) == (200, refused)
    assert await answered(Refusing(), recorded("NewUserConn")) == (500, "internal error of the plugin")


@pytest.mark.parametrize(
    ("body", "method", "status", "text"),
    [
        ([b""], "GET", 405, "POST"),
        ([b"{"], "POST", 400, "the request"),
        ([b"[]"], "POST", 400, "the request is no JSON object"),
        ([b'{"op":"Nope","content":{}}'], "POST", 400, "the operation 'Nope' is none of Login, NewProxy"),
        ([b'{"op":"NewProxy","content":{"remote_port":"x"}}'], "POST", 400, "remote_port"),
        ([b"x" * (MAX_REQUEST // 2)] * 3, "POST", 413, "more than 1048576 bytes"),
    ],
)
async def test_a_wrong_request_is_told_why(
    body: Iterable[bytes], method: str, status: int, text: str
) -> None:
    found, answer = await answered(Noting(), *body, method=method)
    assert found == status
    assert text in answer


async def test_the_lifespan_of_a_server_is_answered() -> None:
    events, sent = ["lifespan.startup", "lifespan.shutdown"], []

    async def receive() -> Any:
        return {"type": events.pop(0)}

    async def send(event: Any) -> None:
        sent.append(event["type"])

    await PluginApp(Noting())({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
