"""The engine without frp and without sockets: users and services are streams in memory."""

from __future__ import annotations

import pytest

from aiofrp.errors import ConnectFailed, FrpError
from aiofrp.http import serve
from aiofrp.http.answers import Answer, empty
from aiofrp.http.exchange import Failure
from aiofrp.http.serve import Engine
from aiofrp.http.site import RequestRoute, ServiceRoute, Site, SiteUser
from aiofrp.http.upstream import Upstream
from aiofrp.stream.memory import MemoryStream, memory_pair
from aiofrp.wire.http.forward import NO_CHANGES
from aiofrp.wire.http.head import Field, RequestHead
from tests.http.upstreams import Openings
from tests.support.ends import End, until

GET = b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nDate: x\r\n\r\nok"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


class OneService(Site, ServiceRoute):
    """Everything goes to one service; ``log`` has the failures."""

    rewrite = b""
    changes = response = NO_CHANGES

    def __init__(self) -> None:
        self.openings = Openings()
        self.upstream = Upstream("one", self.openings.open, self.openings)
        self.log: list[str] = []

    def judge(self, request: RequestHead, user: SiteUser) -> RequestRoute | Answer:
        return empty(403, b"Forbidden") if request.path == b"/no" else self

    def failed(self, request: RequestHead, failure: Failure, error: FrpError) -> Answer:
        self.log.append(f"{failure.value}: {error}")
        return empty(502, b"Bad Gateway")

    def broke_off(self, request: RequestHead, error: Exception | None) -> None:
        self.log.append(f"broke off: {error}")

    def next(self) -> Upstream:
        return self.upstream

    def about(self, request: RequestHead, peer: bytes) -> list[Field]:
        return [(b"Peer", peer)]


class NoHttp2(OneService):
    http2 = False


def user_of(engine: Engine) -> End:
    """A new user of the engine."""
    far, near = memory_pair()
    engine.accept(near, ("192.0.2.1", 1))
    return End(far).attach()


async def counted(end: End, data: bytes, number: int) -> None:
    """Wait until ``data`` has come ``number`` times."""
    await until(lambda: end.data.count(data) == number)


async def received(end: End, data: bytes) -> None:
    """Wait until ``data`` is the last that came."""
    await until(lambda: bytes(end.data).endswith(data))


@pytest.mark.both_loops
async def test_requests_go_to_the_service_and_responses_back() -> None:
    site = OneService()
    user = user_of(Engine(site))
    for number in range(1, 4):
        user.stream.write(GET)
        service = await site.openings.service()
        await counted(service, b"\r\n\r\n", number)
        service.stream.write(OK)
        await counted(user, b"\r\n\r\nok", number)
    assert bytes(service.data) == b"GET / HTTP/1.1\r\nHost: a.test\r\nPeer: 192.0.2.1\r\n\r\n" * 3
    assert (len(site.openings.sources), site.log) == (1, [])
    site.upstream.close()
    user.stream.close()
    await until(lambda: not site.openings.running)


async def test_the_site_answers_for_itself_and_for_services_that_fail() -> None:
    site = OneService()
    user = user_of(Engine(site))
    user.stream.write(GET.replace(b"/ ", b"/no "))
    await received(user, b"Content-Length: 0\r\n\r\n")
    assert user.data.startswith(b"HTTP/1.1 403 Forbidden\r\n")
    site.openings.error = ConnectFailed("refused")
    user.stream.write(GET)
    await until(lambda: b"HTTP/1.1 502 Bad Gateway\r\n" in user.data)
    assert site.log == ["nobody: refused"]
    site.openings.error = None
    user.stream.write(GET)
    service = await site.openings.service()
    service.stream.write(OK[:-1])
    await received(user, b"o")
    service.stream.abort()
    await until(lambda: user.lost)
    assert site.log[1:] == ["broke off: the peer aborted the connection"]


async def test_http2_is_spoken_where_the_site_allows_it() -> None:
    users = user_of(Engine(OneService())), user_of(Engine(NoHttp2()))
    for user in users:
        user.stream.write(PREFACE)
    await until(lambda: len(users[0].data) >= 9 and b"505" in users[1].data)
    assert users[0].data[3] == 4  # SETTINGS
    assert users[1].data.startswith(b"HTTP/1.1 505 HTTP Version Not Supported")
    for user in users:
        user.stream.abort()


async def test_the_longest_idle_user_is_cut_for_a_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "MAX_IDLE", 2)
    engine = Engine(OneService())
    users = [user_of(engine) for _ in range(3)]
    await until(lambda: users[0].eofs or users[0].lost)
    assert len(engine.idle) == 2
    assert not users[1].lost
    engine.abort()
    await until(lambda: users[1].lost and users[2].lost)


async def test_a_closed_engine_ends_idle_users_and_finishes_responses() -> None:
    site = OneService()
    engine = Engine(site)
    idle, busy = user_of(engine), user_of(engine)
    busy.stream.write(GET)
    service = await site.openings.service()
    await until(lambda: service.data)
    engine.close()
    site.upstream.close()
    await until(lambda: idle.eofs or idle.lost)
    service.stream.write(OK)
    await received(busy, b"Connection: close\r\n\r\nok")
    late, near = memory_pair()
    engine.accept(near, ("192.0.2.1", 1))
    ends = [End(late).attach(), busy]
    for end in ends:
        end.stream.write_eof()
    await until(lambda: all(end.lost or end.eofs for end in ends))
    assert isinstance(late, MemoryStream)
    await until(lambda: not engine.users and not site.openings.running)
