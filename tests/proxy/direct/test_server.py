"""xtcp on frps: a visitor's request reaches the client on a work connection, in both wire protocols."""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from aiofrp import logs
from aiofrp.errors import Closed, FrpError
from aiofrp.host.contexts import HoleOwner, ServerContext
from aiofrp.host.lease import Lease
from aiofrp.host.messages import Messages
from aiofrp.proxy.direct.server import DirectServer
from aiofrp.stream.base import Stream
from aiofrp.stream.memory import memory_pair
from aiofrp.wire.frp.codec import V1, Codec
from aiofrp.wire.frp.codec2 import V2
from aiofrp.wire.frp.messages import Message, NatHoleSid, NewProxy, StartWorkConn
from tests.support.ends import End, until


class FakeContext(SimpleNamespace):
    """frps with one work connection, which ``connection`` is, or none."""

    def __init__(self, message: NewProxy, codec: Codec = V1, connection: Stream | None = None) -> None:
        self.owners: dict[str, HoleOwner] = {}
        self.ended: list[str] = []
        self.started: list[StartWorkConn] = []
        self.connection = connection
        super().__init__(
            message=message,
            codec=codec,
            user="ann",
            messages=Messages(lambda message: None),
            log=logs.get("aiofrp.test"),
            holes=self,
        )

    async def claim(self, name: str, owner: HoleOwner) -> Lease:
        self.owners[name] = owner
        return Lease(lambda: self.ended.append(name))

    def take_work_connection(
        self, start: StartWorkConn, ready: Callable[[Stream], None], failed: Callable[[FrpError], None]
    ) -> None:
        self.started.append(start)
        if self.connection is None:
            failed(Closed("the session is over"))
        else:
            ready(self.connection)


def half(context: Any) -> DirectServer:
    """The half that frps makes with this context."""
    return DirectServer(cast("ServerContext", context))


@pytest.mark.parametrize("codec", [V1, V2])
async def test_the_client_gets_the_session_id_and_the_end(codec: Codec) -> None:
    ours, theirs = memory_pair()
    client = End(theirs).attach()
    context = FakeContext(NewProxy(proxy_name="ann.p", proxy_type="xtcp", sk="k"), codec, ours)
    await half(context).start()
    errors: list[FrpError] = []
    context.owners["ann.p"].ask("123abc", errors.append)
    await until(lambda: client.lost)
    messages: list[Message] = codec.decoder().receive_data(bytes(client.data))
    assert messages == [NatHoleSid(sid="123abc")]
    assert context.started == [StartWorkConn(proxy_name="ann.p")]
    assert not errors
    client.abort()


@pytest.mark.parametrize(("allowed", "users"), [((), ("ann",)), (("bob", "*"), ("bob", "*"))])
async def test_who_may_ask(allowed: tuple[str, ...], users: tuple[str, ...]) -> None:
    context = FakeContext(NewProxy(proxy_name="p", proxy_type="xtcp", sk="k", allow_users=allowed))
    proxy = half(context)
    assert await proxy.start() == ""
    owner = context.owners["p"]
    assert (owner.secret_key, owner.allow_users, owner.messages) == ("k", users, context.messages)
    assert "k'" not in repr(owner)
    await proxy.stop()
    assert context.ended == ["p"]


async def test_without_a_work_connection_log_and_visitor_get_the_cause(
    caplog: pytest.LogCaptureFixture,
) -> None:
    context = FakeContext(NewProxy(proxy_name="p", proxy_type="xtcp"))
    await half(context).start()
    with caplog.at_level(logging.WARNING, "aiofrp.test"):
        errors: list[FrpError] = []
        context.owners["p"].ask("1", errors.append)
    assert [str(error) for error in errors] == ["the session is over"]
    assert "write nat hole sid package error, the session is over" in caplog.text
