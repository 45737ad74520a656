"""Connections to a service: kept for the next exchange, dropped when they are doubtful, each counted."""

from __future__ import annotations

import pytest

from aiofrp.errors import Closed, ConnectFailed, FrpError
from aiofrp.http import upstream as module
from aiofrp.http.upstream import Upstream, UpstreamConnection
from aiofrp.stream.base import NullReceiver
from aiofrp.stream.memory import memory_pair
from tests.http.upstreams import Openings
from tests.support.ends import End, until

SOURCE = ("192.0.2.1", 1)


class Rig:
    """An upstream, and what it gave."""

    def __init__(self, *, half_closes: bool = True) -> None:
        self.openings = Openings()
        self.upstream = Upstream("one", self.openings.open, self.openings, half_closes=half_closes)
        self.given: list[UpstreamConnection] = []
        self.errors: list[FrpError] = []

    def take(self, *, fresh: bool = False) -> UpstreamConnection:
        self.upstream.take(SOURCE, self.given.append, self.errors.append, fresh=fresh)
        connection = self.given[-1]
        connection.user = NullReceiver()
        return connection


async def test_an_idle_connection_serves_the_next_exchange_unless_it_must_be_fresh() -> None:
    rig = Rig()
    first = rig.take()
    first.release()
    assert rig.take() is first
    assert first.reused
    first.release()
    assert rig.take(fresh=True) is not first
    assert len(rig.openings.running) == 2
    rig.given[-1].close()
    rig.upstream.close()
    await until(lambda: not rig.openings.running)


@pytest.mark.parametrize("what", ["bytes", "an end", "a loss"])
async def test_an_idle_connection_on_which_something_happens_is_dropped(what: str) -> None:
    rig = Rig()
    first = rig.take()
    first.release()
    (service,) = rig.openings.services
    if what == "bytes":
        service.stream.write(b"HTTP/1.1 200 OK\r\n\r\n")
    elif what == "an end":
        service.stream.close()
    else:
        service.stream.abort()
    await until(lambda: not rig.openings.running)
    assert rig.take() is not first
    rig.given[-1].close()
    rig.upstream.close()
    await until(lambda: not rig.openings.running)


async def test_few_idle_connections_stay_after_a_burst(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SURPLUS_SECONDS", 0.0)
    monkeypatch.setattr(module, "_CHECK_EVERY", 0.01)
    rig = Rig()
    for connection in [rig.take() for _ in range(20)]:
        connection.release()
    await until(lambda: len(rig.openings.running) == module.KEPT)
    rig.upstream.close()
    await until(lambda: not rig.openings.running)


async def test_a_connection_that_was_half_closed_serves_no_other() -> None:
    rig = Rig()
    connection = rig.take()
    connection.write_eof()
    connection.release()
    assert rig.take() is not connection
    rig.given[-1].close()
    await until(lambda: not rig.openings.running)


async def test_a_service_that_would_not_answer_then_is_not_half_closed() -> None:
    """In TLS a peer may drop what it has to send when the other one finished sending (RFC 5246 §7.2.1)."""
    rig = Rig(half_closes=False)
    connection = rig.take()
    connection.write(b"request")
    connection.write_eof()
    service = await rig.openings.service()
    await until(lambda: bytes(service.data) == b"request")
    assert not service.eofs
    connection.release()
    assert rig.take() is connection
    connection.close()
    rig.upstream.close()
    await until(lambda: not rig.openings.running)


async def test_failures_are_passed_on_and_nothing_opens_after_the_end() -> None:
    rig = Rig()
    rig.openings.error = ConnectFailed("refused")
    rig.upstream.take(SOURCE, rig.given.append, rig.errors.append)
    rig.upstream.close()
    rig.upstream.take(SOURCE, rig.given.append, rig.errors.append)
    rig.upstream.take_stream(SOURCE, lambda stream, gone: None, rig.errors.append)
    assert [str(error) for error in rig.errors] == ["refused", "the proxy is closed", "the proxy is closed"]
    assert isinstance(rig.errors[-1], Closed)
    assert not rig.given


async def test_a_tunnel_is_counted_in_place_of_its_connection() -> None:
    rig = Rig()
    connection = rig.take()
    far, near = memory_pair()
    user = End(far).attach()
    connection.tunnel(near, b"early", b"answer")
    (service,) = rig.openings.services
    await until(lambda: service.data == b"early" and user.data == b"answer")
    (tunnel,) = rig.openings.running
    assert tunnel is not connection
    assert (tunnel.bytes_in, tunnel.bytes_out) == (5, 6)
    user.stream.close()
    service.stream.close()
    await until(lambda: not rig.openings.running)
