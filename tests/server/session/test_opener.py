"""Work connections that frps opens itself: the choice, the first message, and clients that do not take them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from aiofrp import logs
from aiofrp.client import control as control_of_frpc
from aiofrp.client.auth import TokenCredentials
from aiofrp.errors import Closed, FrpError
from aiofrp.server.session import opener
from aiofrp.server.session.auth import NEW_WORK_CONNS, TokenVerifier, Vouched
from aiofrp.server.session.opener import WorkOpener, opener_of
from aiofrp.server.session.workpool import WorkConnection, WorkPool
from aiofrp.stream.base import Pause, Stream
from aiofrp.stream.memory import memory_pair
from aiofrp.stream.mux.session import MuxSession
from aiofrp.wire.frp.codec import V1
from aiofrp.wire.frp.messages import Login, NewWorkConn, Pong, StartWorkConn
from tests.client.test_control import tunnel
from tests.support.ends import End, until
from tests.support.ports import free_port
from tests.support.tunnel import (
    client_config,
    echo,
    exchange,
    local_service,
    running_client,
    running_server,
    server_config,
)

START = StartWorkConn(proxy_name="p", src_addr="192.0.2.1", src_port=4711)


class Carrier:
    """Streams in memory; the client acknowledges those it is asked to."""

    def __init__(self) -> None:
        self.far: list[End] = []
        self.acknowledge: list[Callable[[], None]] = []
        self.closed = False

    def open_with(
        self, first: bytes, acknowledged: Callable[[], None], ready: Callable[[Stream], None]
    ) -> None:
        if self.closed:
            raise Closed("the session is closed")
        near, far = memory_pair()
        near.write(first)
        self.far.append(End(far).attach())
        self.acknowledge.append(acknowledged)
        ready(near)


class Rig:
    """Users of one client."""

    def __init__(self, timeout: float = 60.0) -> None:
        self.carrier = Carrier()
        self.opener = WorkOpener(self.carrier, V1, timeout, logs.get("tests"))
        self.served: list[Stream] = []
        self.failures: list[FrpError] = []

    def user(self) -> None:
        self.opener.take(START, self.served.append, self.failures.append)


async def test_a_user_gets_a_stream_in_the_same_call_and_the_client_its_first_message() -> None:
    rig = Rig()
    rig.user()
    assert len(rig.served) == 1
    await until(lambda: rig.carrier.far[0].data)
    assert V1.decoder().receive_data(bytes(rig.carrier.far[0].data)) == [START]


async def test_a_stream_that_is_not_acknowledged_in_time_ends_with_a_line_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rig = Rig(timeout=0.1)
    rig.user()
    rig.user()
    rig.carrier.acknowledge[1]()
    first, second = (End(stream).attach() for stream in rig.served)
    await until(lambda: first.lost)
    assert not second.lost
    assert "timeout trying to get work connection" in caplog.text
    rig.carrier.acknowledge[0]()  # too late, and harmless


async def test_only_so_many_wait_for_a_client_that_acknowledges_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(opener, "MAX_UNACKNOWLEDGED", 2)
    rig = Rig()
    for _ in range(3):
        rig.user()
    assert len(rig.served) == 2
    assert [str(error) for error in rig.failures] == ["2 users are already waiting for a work connection"]
    rig.carrier.acknowledge[0]()
    rig.user()
    assert len(rig.served) == 3


async def test_a_carrier_that_has_ended_refuses_the_user_and_keeps_nothing() -> None:
    rig = Rig(timeout=0.01)
    rig.carrier.closed = True
    rig.user()
    assert [type(error) for error in rig.failures] == [Closed]
    await asyncio.sleep(0.05)
    assert rig.served == []


@pytest.mark.parametrize(
    ("takes", "carrier", "verifier", "opens"),
    [
        (True, Carrier(), TokenVerifier("", ()), True),
        (False, Carrier(), TokenVerifier("", ()), False),
        (True, None, TokenVerifier("", ()), False),
        (True, Carrier(), TokenVerifier("", (NEW_WORK_CONNS,)), False),
        (True, Carrier(), Vouched("ssh"), True),
        (True, Carrier(), object(), False),  # one that awaits
    ],
)
async def test_streams_are_opened_for_clients_that_take_them_and_need_no_proof(
    takes: bool, carrier: object, verifier: object, opens: bool
) -> None:
    made = opener_of(Login(takes_streams=takes), carrier, V1, verifier, 10, logs.get("tests"))  # type: ignore[arg-type]
    assert (made is not None) is opens


async def test_with_an_opener_the_pool_asks_for_nothing_and_uses_what_comes() -> None:
    rig = Rig()
    requests: list[None] = []
    pool = WorkPool(5, lambda: requests.append(None), 10, rig.opener)
    pool.fill()
    here, there = memory_pair()
    pool.add(WorkConnection(here, V1))
    offered = End(there).attach()
    pool.take(START, rig.served.append, rig.failures.append)
    await until(lambda: offered.data)
    assert not rig.carrier.far
    pool.take(START, rig.served.append, rig.failures.append)
    assert len(rig.carrier.far) == 1
    assert not requests
    pool.close()
    pool.take(START, rig.served.append, rig.failures.append)
    assert [type(error) for error in rig.failures] == [Closed]


# With real programs


def proxy(local: int, remote: int) -> str:
    return f'[[proxies]]\nname = "p"\ntype = "tcp"\nlocalPort = {local}\nremotePort = {remote}\n'


@pytest.mark.parametrize("protocol", ["tcp", "quic", "kcp"])
@pytest.mark.parametrize("wire", ["v1", "v2"])
async def test_a_client_of_ours_is_never_asked_for_work_connections(
    protocol: str, wire: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[None] = []
    monkeypatch.setattr(
        "aiofrp.client.control.ClientControl._open_work_connection", lambda *args: asked.append(None)
    )
    remote, port = free_port(), free_port()
    ports = f"quicBindPort = {port}\n" if protocol == "quic" else f"kcpBindPort = {port}\n"
    toml = f'transport.protocol = "{protocol}"\ntransport.wireProtocol = "{wire}"\n'
    async with (
        local_service(echo) as local,
        running_server(server_config(ports)) as server,
        running_client(
            client_config(server.address[1] if protocol == "tcp" else port, toml + proxy(local, remote))
        ),
    ):
        answers = await asyncio.gather(*(exchange(remote, b"hello %d" % number) for number in range(20)))
        assert answers == [b"hello %d" % number for number in range(20)]
        assert not asked


async def test_a_client_whose_work_connections_are_checked_is_asked_for_them() -> None:
    shown: list[str] = []

    class Noting(TokenCredentials):
        def make_work_connection(self, run_id: str) -> NewWorkConn:
            shown.append(run_id)
            return super().make_work_connection(run_id)

    remote = free_port()
    async with tunnel(Noting("t", ("HeartBeats", "NewWorkConns")), remote):
        assert await exchange(remote, b"hello") == b"hello"
    assert shown


@asynccontextmanager
async def connected(toml: str = "") -> AsyncIterator[tuple[int, Any, MuxSession]]:
    """A tcp proxy: its port, the control session of frpc, and frps's side of the carrier."""
    remote = free_port()
    async with (
        local_service(echo) as local,
        running_server(server_config(toml)) as server,
        running_client(client_config(server.address[1], proxy(local, remote))) as client,
    ):
        carrier = server.tables.sessions.find(client.run_id).carrier
        assert isinstance(carrier, MuxSession)
        yield remote, client._control, carrier


async def test_a_client_that_takes_nothing_costs_its_users_their_connections_in_time() -> None:
    async with connected("userConnTimeout = 1\n") as (remote, control, _):
        assert await exchange(remote, b"hello") == b"hello"
        carrier = control._session._mux.carrier
        carrier.pause_reading(Pause.WAIT)
        with suppress(ConnectionError):
            assert await exchange(remote, b"hello") == b""
        carrier.resume_reading(Pause.WAIT)
        assert await exchange(remote, b"hello") == b"hello"


async def test_streams_of_the_server_without_their_message_are_limited_and_harm_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(control_of_frpc, "MAX_IDLE_WORK", 3)
    async with connected() as (remote, control, carrier):
        silent = [End(carrier.open()).attach() for _ in range(3)]
        await until(lambda: len(control.idle_work) == 3)
        with suppress(ConnectionError):  # the fourth is reset
            assert await exchange(remote, b"hello") == b""
        silent[0].write(V1.encode(Pong()))  # no work connection begins so
        silent[1].write(b"\xff" * 100)
        await until(lambda: silent[0].eofs and silent[1].lost)
        assert await exchange(remote, b"hello") == b"hello"
        assert not silent[2].lost
