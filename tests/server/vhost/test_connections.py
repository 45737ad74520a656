"""Users of a shared port until their domain is known: in memory, with CONNECT requests."""

from __future__ import annotations

import pytest

from aiofrp.host.route import DIRECT, Origin
from aiofrp.proxy.tcpmux import TcpMuxRoute
from aiofrp.server.vhost import connections
from aiofrp.server.vhost.connections import TcpMuxUsers, UndecidedUsers
from aiofrp.server.vhost.pages import TUNNEL_OPEN, TUNNEL_UNAUTHORIZED, Pages
from aiofrp.stream.base import Stream
from aiofrp.stream.memory import memory_pair
from aiofrp.wire.frp.messages import NewProxy
from aiofrp.wire.router import Router
from tests.support.ends import End, settle, until

CONNECT = b"CONNECT one.test:1 HTTP/1.1\r\nHost: one.test:1\r\n\r\n"


class Port:
    """A tcpmux port with one domain."""

    def __init__(self, *, passthrough: bool = False, user: str = "") -> None:
        self.routes: Router[TcpMuxRoute] = Router()
        route = TcpMuxRoute(NewProxy(http_user=user))
        route.add(self)
        self.routes.add("one.test", "", "", route)
        self.undecided = UndecidedUsers()
        self.users = TcpMuxUsers(self.undecided, self.routes, Pages(), passthrough)
        self.early: list[bytes] = []

    def accept(self, stream: Stream, early: bytes = b"", info: Origin = DIRECT) -> None:
        """The proxy that serves the domain."""
        assert info is DIRECT
        self.early.append(early)

    def enter(self, early: bytes = b"") -> End:
        here, there = memory_pair()
        self.users.accept(here, early)
        return End(there).attach()


@pytest.mark.parametrize("cut", [0, 1, len(CONNECT) - 1, len(CONNECT)])
async def test_a_request_leads_to_its_route_with_what_came_after_it(cut: int) -> None:
    """Bytes that another receiver has read come first."""
    port = Port()
    user = port.enter(CONNECT[:cut])
    user.write(CONNECT[cut:] + b"after")
    await until(lambda: user.data == TUNNEL_OPEN)
    await until(lambda: port.early)
    assert port.early == [b"" if cut == len(CONNECT) else b"after"]
    assert not len(port.undecided)


async def test_passed_through_the_service_gets_the_request_itself() -> None:
    port = Port(passthrough=True)
    user = port.enter()
    user.write(CONNECT + b"after")
    await until(lambda: port.early)
    assert (port.early, bytes(user.data)) == ([CONNECT + b"after"], b"")


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (CONNECT.replace(b"one", b"two"), Pages().tunnel_not_found()),
        (b"GET / HTTP/1.1\r\nHost: one.test\r\n\r\n", b""),
        (b"nonsense\r\n\r\n", b""),
        (b"x" * (64 * 1024 + 1), b""),
    ],
)
async def test_what_has_no_route_is_answered_and_closed(request_: bytes, answer: bytes) -> None:
    port = Port()
    user = port.enter()
    user.write(request_)
    await until(lambda: user.eofs)
    assert (bytes(user.data), port.early, len(port.undecided)) == (answer, [], 0)


async def test_a_wrong_credential_is_refused_before_anything_is_opened() -> None:
    port = Port(user="u")
    user = port.enter()
    user.write(CONNECT)
    await until(lambda: user.eofs)
    assert (bytes(user.data), port.early) == (TUNNEL_UNAUTHORIZED, [])


@pytest.mark.parametrize("end", ["write_eof", "abort"])
async def test_a_user_who_ends_first_is_forgotten(end: str) -> None:
    port = Port()
    user = port.enter()
    user.write(CONNECT[:10])
    getattr(user, end)()
    await until(lambda: not len(port.undecided))
    assert port.early == []


async def test_the_oldest_goes_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MAX_UNDECIDED", 2)
    port = Port()
    users = [port.enter() for _ in range(3)]
    await until(lambda: users[0].lost)
    await settle(lambda: [user.lost for user in users])
    assert [user.lost for user in users] == [True, False, False]
    assert len(port.undecided) == 2


async def test_when_frps_stops_they_are_aborted_and_so_are_those_who_still_come() -> None:
    port = Port()
    before = port.enter()
    port.undecided.close()
    after = port.enter()
    await until(lambda: before.lost and after.lost)
    assert not len(port.undecided)
