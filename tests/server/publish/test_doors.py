"""Doors of secret proxies: who gets in, and which refusal comes first."""

from __future__ import annotations

import pytest

from aiofrp.errors import FrpError
from aiofrp.host.contexts import Door
from aiofrp.host.route import DIRECT, Origin
from aiofrp.server.publish.doors import Visitors
from aiofrp.stream.base import Stream
from aiofrp.wire.frp.auth import sign_key
from aiofrp.wire.frp.messages import NewVisitorConn


class Inside:
    def accept(self, stream: Stream, early: bytes = b"", info: Origin = DIRECT) -> None:
        raise AssertionError("nobody enters in these tests")


route = Inside()


async def opened(*users: str) -> Visitors:
    visitors = Visitors()
    await visitors.claim("alice.ssh", Door("abc", users, route))
    return visitors


def asks(name: str = "alice.ssh", key: str = "abc") -> NewVisitorConn:
    return NewVisitorConn(proxy_name=name, sign_key=sign_key(key, 7), timestamp=7)


@pytest.mark.parametrize(
    ("users", "user"), [(("alice",), "alice"), (("*",), "bob"), (("",), ""), (("a", "b"), "b")]
)
async def test_who_gets_in(users: tuple[str, ...], user: str) -> None:
    assert (await opened(*users)).find(asks(), user).route is route


@pytest.mark.parametrize(
    ("message", "user", "error"),
    [
        (asks("ssh", "wrong"), "bob", "custom listener for [ssh] doesn't exist"),
        (asks(key="wrong"), "bob", "visitor connection of [alice.ssh] auth failed"),
        (asks(), "bob", "visitor connection of [alice.ssh] user [bob] not allowed"),
        (asks(), "", "visitor connection of [alice.ssh] user [] not allowed"),
    ],
)
async def test_refusals_in_their_order(message: NewVisitorConn, user: str, error: str) -> None:
    with pytest.raises(FrpError) as refused:
        (await opened("alice")).find(message, user)
    assert str(refused.value) == error


async def test_a_name_has_one_door_until_it_is_closed() -> None:
    visitors = Visitors()
    lease = await visitors.claim("alice.ssh", Door("abc", ("alice",), route))
    with pytest.raises(FrpError, match=r"^custom listener for \[alice.ssh\] is repeated$"):
        await visitors.claim("alice.ssh", Door("", (), route))
    lease.end()
    lease.end()
    assert not len(visitors)


def test_a_door_does_not_show_its_key() -> None:
    assert "no hexadecimal" not in repr(Door("no hexadecimal", (), route))
