"""How a visitor asks to be let in, over streams in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from aiofrp.config.models.proxy import VisitorConfig
from aiofrp.errors import Closed, FrpError, ProtocolError, ProxyError, TimedOut
from aiofrp.host.contexts import VisitorContext
from aiofrp.proxy import secret
from aiofrp.proxy.secret import VisitorConnections, wire_name
from aiofrp.proxy.stcp import StcpVisitorConfig
from aiofrp.stream.base import Stream
from aiofrp.stream.memory import MemoryStream, memory_pair
from aiofrp.wire.frp.auth import sign_key
from aiofrp.wire.frp.codec import V1
from aiofrp.wire.frp.messages import NewVisitorConn, NewVisitorConnResp, Pong
from tests.support.ends import End, until


def config(**more: Any) -> VisitorConfig:
    return StcpVisitorConfig(name="v", server_name="s", **more)


class Visitor:
    """A visitor, what it was given and what it was told."""

    def __init__(self) -> None:
        self.servers: list[MemoryStream] = []
        self.ready: list[Stream] = []
        self.errors: list[FrpError] = []
        context = SimpleNamespace(codec=V1, run_id="run", user="me", open=self._opened)
        self.connections = VisitorConnections(cast(VisitorContext, context), config())

    def open(self) -> None:
        self.connections.open(self.ready.append, self.errors.append)

    def _opened(self, ready: Callable[[Stream], None], failed: Callable[[FrpError], None]) -> None:
        ours, theirs = memory_pair()
        self.servers.append(theirs)
        ready(ours)


async def test_a_visitor_asks_and_gets_the_bytes_behind_the_answer() -> None:
    visitor = Visitor()
    visitor.open()
    server = End(visitor.servers[0]).attach()
    await until(lambda: server.data)
    (message,) = V1.decoder().receive_data(bytes(server.data))
    assert isinstance(message, NewVisitorConn)
    assert (message.run_id, message.proxy_name) == ("run", "me.s")
    assert message.sign_key == sign_key("", message.timestamp)
    server.write(V1.encode(NewVisitorConnResp(proxy_name="me.s")) + b"hello")
    await until(lambda: visitor.ready)
    user = End(visitor.ready[0]).attach()
    await until(lambda: user.data)
    assert bytes(user.data) == b"hello"
    visitor.connections.close()  # the connection goes on
    user.write(b"more")
    await until(lambda: server.data.endswith(b"more"))
    server.close()
    await until(lambda: user.eofs)
    user.close()
    await until(lambda: server.lost and user.lost)
    assert not visitor.errors


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        (V1.encode(NewVisitorConnResp(proxy_name="s", error="no")), ProxyError, "connection error: no"),
        (V1.encode(Pong()), ProxyError, "the server answered with Pong"),
        (b"?", ProtocolError, "unknown message type"),
        (None, Closed, "EOF"),
    ],
)
async def test_any_other_answer_fails_it_once(answer: bytes | None, error: type[FrpError], text: str) -> None:
    visitor = Visitor()
    visitor.open()
    server = End(visitor.servers[0]).attach()
    if answer is None:
        server.write_eof()
    else:
        server.write(answer)
    await until(lambda: visitor.errors and server.lost)
    (raised,) = visitor.errors
    assert isinstance(raised, error)
    assert text in str(raised)
    visitor.connections.close()
    assert len(visitor.errors) == 1
    assert not visitor.ready


async def test_a_server_that_does_not_answer_and_a_visitor_that_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret, "ANSWER_TIMEOUT", 0.02)
    visitor = Visitor()
    visitor.open()
    await until(lambda: visitor.errors)
    assert isinstance(visitor.errors[0], TimedOut)
    visitor.open()
    visitor.connections.close()
    assert isinstance(visitor.errors[1], Closed)
    servers = [End(server).attach() for server in visitor.servers]
    await until(lambda: all(server.lost for server in servers))


async def test_a_mistake_of_ours_behind_the_answer_fails_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a visitor of sudp would wait for its connection for ever, and send nothing."""
    monkeypatch.setattr(secret, "ANSWER_TIMEOUT", 0.02)

    def fails(visitor: VisitorConnections, stream: Stream) -> Stream:
        raise LookupError("a mistake")

    monkeypatch.setattr(VisitorConnections, "plain", fails)
    visitor = Visitor()
    visitor.open()
    server = End(visitor.servers[0]).attach()
    server.write(V1.encode(NewVisitorConnResp(proxy_name="s")))
    await until(lambda: visitor.errors and server.lost)
    assert not visitor.ready


async def test_few_wait_for_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret, "MAX_WAITING", 3)
    visitor = Visitor()
    for _ in range(5):
        visitor.open()
    assert [str(error) for error in visitor.errors] == ["3 users are already waiting for the server"] * 2
    visitor.connections.close()
    assert len(visitor.errors) == 5
    await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("user", "server_user", "name"),
    [("", "", "s"), ("me", "", "me.s"), ("me", "you", "you.s"), ("", "you", "you.s")],
)
def test_the_name_of_the_proxy_on_the_wire(user: str, server_user: str, name: str) -> None:
    assert wire_name(user, config(server_user=server_user)) == name
