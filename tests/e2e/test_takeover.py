"""A client that comes back as a new session while its old one is dead gets its names and ports at once; one that is
alive keeps them.

``AIOFRP_SOAK=1`` runs 50 rounds on each link and prints how long they took.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from aiofrp.client.service import Client
from aiofrp.errors import LoginFailed
from aiofrp.server.service import Server
from aiofrp.server.session import probe
from aiofrp.stream.kcp import stream as kcp_stream
from tests.e2e.matrix import TRANSPORTS
from tests.support.halfopen import Relay, relay
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

ROUNDS = int(os.environ.get("AIOFRP_ROUNDS", "50")) if os.environ.get("AIOFRP_SOAK") else 1


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait less for the dead, for rounds that are measured as long as users do, and less for a peer's last segments."""
    if ROUNDS == 1:
        monkeypatch.setattr(probe, "ANSWER_TIMEOUT", 1.0)
    monkeypatch.setattr(probe, "FRESH", 0.0)
    monkeypatch.setattr(kcp_stream, "LINGER", 2.0)


LINKS = [
    pytest.param(protocol, mux, id=f"{protocol}-{'mux' if mux else 'plain'}")
    for protocol in TRANSPORTS
    for mux in (True, False)
    if protocol != "wss" and (mux or protocol != "quic")  # wss differs by TLS alone; QUIC has its own streams
]


class Site:
    """A frps with an echo service behind it, and a link that can be cut."""

    def __init__(self, server: Server, way: Relay, common: str, local: int) -> None:
        self.server = server
        self.way = way
        self.remote = free_port()
        self._common = common
        self._local = local

    def client(
        self, *, cut: bool = False, name: str = "echo", more: str = ""
    ) -> AbstractAsyncContextManager[Client]:
        """A client of its own, over the link that may be ``cut`` or directly. ``more``: lines of its file."""
        text = f"""
{more}
{self._common}
[[proxies]]
name = "{name}"
type = "tcp"
localPort = {self._local}
remotePort = {self.remote}
"""
        port = self.way.port if cut else self.server.address[1]
        return running_client(client_config(port, text))


@asynccontextmanager
async def site(protocol: str = "tcp", mux: bool = True) -> AsyncIterator[Site]:
    bind = free_port()
    common = f"transport.tcpMux = {str(mux).lower()}\n"
    datagrams = protocol in ("kcp", "quic")
    server = server_config(common + TRANSPORTS[protocol].server.format(bind=bind), port=bind)
    async with (
        local_service(echo) as local,
        running_server(server) as frps,
        relay(bind, datagrams=datagrams) as way,
    ):
        yield Site(frps, way, f'{common}transport.protocol = "{protocol}"\n', local)


def error_of(client: Client) -> str:
    (running,) = client.proxies.running()
    return running.state.error


@pytest.mark.parametrize(("protocol", "mux"), LINKS)
async def test_a_dead_session_gives_way(protocol: str, mux: bool) -> None:
    clock = asyncio.get_running_loop().time
    took = []
    async with site(protocol, mux) as here:
        for _ in range(ROUNDS):
            async with here.client(cut=True) as old:
                assert await exchange(here.remote, b"hello") == b"hello"
                here.way.swallow()
                began = clock()
                async with here.client() as new:
                    assert error_of(new) == ""
                    assert await exchange(here.remote, b"hello") == b"hello"
                    took.append(clock() - began)
                    old.stop()
                here.way.heal(revive=False)
                here.way.bury()
    print(f"{protocol} mux={mux}: {min(took):.2f} to {max(took):.2f} s")


@pytest.mark.parametrize(("protocol", "mux"), LINKS)
async def test_a_live_session_keeps_what_it_has(protocol: str, mux: bool) -> None:
    async with site(protocol, mux) as here, here.client(cut=True) as old:
        (session,) = here.server.tables.sessions.all()
        for _ in range(ROUNDS):
            async with here.client() as same, here.client(name="other") as other:
                assert "proxy [echo] already exists" in error_of(same)
                assert "port already used" in error_of(other)
                assert await exchange(here.remote, b"hello") == b"hello"
        assert session in here.server.tables.sessions.all()
        assert error_of(old) == ""


async def test_the_port_of_a_dead_session_is_enough() -> None:
    async with site() as here, here.client(cut=True):
        here.way.swallow()
        async with here.client(name="other") as new:
            assert error_of(new) == ""
        here.way.heal(revive=False)
        here.way.bury()


async def test_a_domain_of_a_dead_session_is_free_and_of_a_live_one_is_not() -> None:
    def web(name: str, *domains: str) -> str:
        return (
            f'[[proxies]]\nname = "{name}"\ntype = "http"\nlocalPort = 1\ncustomDomains = {list(domains)}\n'
        )

    bind = free_port()
    server = server_config(f"vhostHTTPPort = {free_port()}", port=bind)
    async with (
        running_server(server) as frps,
        relay(bind, datagrams=False) as way,
        running_client(client_config(way.port, web("one", "a.test"))),
        running_client(client_config(way.port, web("two", "b.test"))) as second,
    ):
        direct = client_config(bind, web("new", "c.test", "a.test", "b.test"))
        async with running_client(direct) as refused:
            assert error_of(refused) == "router config conflict"
        assert error_of(second) == ""
        way.swallow()
        async with running_client(direct) as new:  # takes the domains of two sessions
            assert error_of(new) == ""
            assert len(frps.tables.sessions.all()) == 1
        way.heal(revive=False)
        way.bury()


async def test_a_client_id_of_a_dead_session_is_free_and_of_a_live_one_is_not() -> None:
    mine = 'clientID = "c"'
    async with site() as here, here.client(cut=True, more=mine):
        with pytest.raises(LoginFailed, match="already online"):
            async with here.client(more=mine):
                pass
        here.way.swallow()
        async with here.client(more=mine) as new:
            assert error_of(new) == ""
        here.way.heal(revive=False)
        here.way.bury()


async def test_another_user_gets_nothing_of_a_dead_session() -> None:
    async with site() as here, here.client(cut=True):
        here.way.swallow()
        async with here.client(more='user = "other"') as new:
            assert "port already used" in error_of(new)
        here.way.heal(revive=False)
        here.way.bury()
