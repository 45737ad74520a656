"""Proxies with as many domains and locations as a message holds: the limit, one log line, turns for everybody else
while they begin, fail and leave, and nothing left of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import pairwise

import pytest

from aiofrp.config.load.warnings import client_warnings
from aiofrp.config.models.proxy import MAX_ROUTES
from aiofrp.errors import ProxyError
from aiofrp.server.publish import proxies as server_proxies
from aiofrp.server.service import Server
from aiofrp.server.session.control import ServerControl
from aiofrp.wire.frp.messages import NewProxy
from tests.support.ports import free_port
from tests.support.tunnel import (
    PATIENCE,
    client_config,
    echo,
    exchange,
    local_service,
    running_client,
    running_server,
    server_config,
)
from tests.support.vhosts import refusals

#: Domains and locations by shape; each is about what one message of the first wire version may hold.
SHAPES = {
    "square": (280, 280),
    "domains only": (1001, 1),
    "locations only": (1, 1001),
    "wide": (30, 34),
}


def proxy(name: str, domains: int, locations: int = 0, *, kind: str = "http", extra: str = "") -> str:
    hosts = ", ".join(f'"{name}{number}"' for number in range(domains))
    paths = ", ".join(f'"/{number}"' for number in range(locations))
    return (
        f'[[proxies]]\nname = "{name}"\ntype = "{kind}"\nlocalPort = 1\ncustomDomains = [{hosts}]\n{extra}\n'
        + (f"locations = [{paths}]\n" if locations else "")
        + ('multiplexer = "httpconnect"\n' if kind == "tcpmux" else "")
    )


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    keys = ("vhostHTTPPort", "vhostHTTPSPort", "tcpmuxHTTPConnectPort")
    async with running_server(server_config("".join(f"{key} = {free_port()}\n" for key in keys))) as server:
        yield server


@contextmanager
def observed(server: Server, kind: str = "http") -> Iterator[list[int]]:
    """The numbers of routes that the turns of the event loop see, each once in a row."""
    seen: list[int] = []
    running = True

    def look() -> None:
        count = len(server.tables.vhosts[kind].routes)
        if not seen or seen[-1] != count:
            seen.append(count)
        if running:
            asyncio.get_running_loop().call_soon(look)

    look()
    try:
        yield seen
    finally:
        running = False


async def empty(server: Server) -> None:
    """Wait until nothing is published."""
    async with asyncio.timeout(PATIENCE):
        while len(server.proxies) or any(len(vhost.routes) for vhost in server.tables.vhosts.values()):
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("shape", SHAPES)
async def test_more_routes_than_one_proxy_may_have_are_refused_and_the_number_is_told(
    shape: str,
) -> None:
    domains, locations = SHAPES[shape]
    routes = domains * locations
    async with local_service(echo) as local, serving() as server:
        remote = free_port()
        good = f'[[proxies]]\nname = "good"\ntype = "tcp"\nlocalPort = {local}\nremotePort = {remote}\n'
        toml = 'transport.wireProtocol = "v2"\n' + proxy("p", domains, locations)
        async with running_client(client_config(server.address[1], good)):
            with observed(server) as seen:
                async with running_client(client_config(server.address[1], toml)) as client:
                    assert refusals(client) == {
                        "p": f"{domains} domains with {locations} locations are {routes} routes;"
                        f" one proxy may have {MAX_ROUTES}"
                    }
                    assert await exchange(remote, b"others go on") == b"others go on"
            assert seen == [0]


@pytest.mark.parametrize("kind", ["http", "https", "tcpmux"])
async def test_others_take_their_turns_while_a_proxy_of_many_routes_begins_and_leaves(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "aiofrp")
    domains, locations = (100, 10) if kind == "http" else (1000, 0)
    async with serving() as server:
        toml = 'transport.wireProtocol = "v2"\n' + proxy("p", domains, locations, kind=kind)
        with observed(server, kind) as seen:
            async with running_client(client_config(server.address[1], toml)) as client:
                (running,) = client.proxies.running()
                assert (running.state.error, seen[-1]) == ("", 1000)
                assert len(running.state.remote_addr) < 5000
            await empty(server)
        steps = [abs(after - before) for before, after in pairwise(seen)]
        assert max(steps) <= 100
        assert len(steps) >= 2 * (1000 // 100 - 1)
    lines = [record.getMessage() for record in caplog.records if "for host [" in record.getMessage()]
    assert len(lines) == 1
    assert len(lines[0]) < 9000


async def test_a_failed_start_is_undone_and_leaves_the_routes_of_others() -> None:
    async with serving() as server:
        first = proxy("a", 2)
        async with running_client(client_config(server.address[1], first)):
            hosts = ", ".join(f'"x{number}"' for number in range(998))
            second = (
                f'[[proxies]]\nname = "b"\ntype = "http"\nlocalPort = 1\ncustomDomains = [{hosts}, "A1"]\n'
            )
            with observed(server) as seen:
                toml = 'transport.wireProtocol = "v2"\n' + second
                async with running_client(client_config(server.address[1], toml)) as client:
                    assert refusals(client) == {"b": "router config conflict"}
                    assert len(server.tables.vhosts["http"].routes) == 2
            assert max(abs(b - a) for a, b in pairwise(seen)) <= 100
            assert max(seen) > 900
        await empty(server)


async def test_a_session_that_ends_while_its_proxy_begins_leaves_nothing() -> None:
    async with serving() as server:
        toml = 'transport.wireProtocol = "v2"\n' + proxy("p", 1000)
        ended: list[int] = []

        def cut() -> None:
            count = len(server.tables.vhosts["http"].routes)
            if 0 < count < 1000 and not ended:
                ended.append(count)
                for control in server.tables.sessions.all():
                    assert isinstance(control, ServerControl)
                    control._end()
            elif not ended:
                asyncio.get_running_loop().call_soon(cut)

        cut()
        async with running_client(client_config(server.address[1], toml), settle=False):
            async with asyncio.timeout(PATIENCE):
                while not ended:
                    await asyncio.sleep(0.001)
            await empty(server)
        assert ended
        await empty(server)


async def test_the_routes_and_proxies_of_one_client_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_proxies, "MAX_CLIENT_ROUTES", 30)
    monkeypatch.setattr(server_proxies, "MAX_PROXIES", 3)
    async with serving() as server:
        for toml, error in (
            (proxy("a", 5, 3) + proxy("b", 15) + proxy("c", 1), "may have 30 routes together"),
            ("".join(proxy(name, 1) for name in "abcd"), "one client may have 3 proxies"),
        ):
            async with running_client(client_config(server.address[1], toml)) as client:
                errors = list(refusals(client).values())
                assert error in errors.pop()
                assert set(errors) == {""}
            await empty(server)


async def test_a_client_that_registers_all_it_may_delays_others_little() -> None:
    """Three shapes at once, 8,000 routes: each answer of a neighbour comes within a second."""
    async with local_service(echo) as local, serving() as server:
        remote = free_port()
        good = f'[[proxies]]\nname = "good"\ntype = "tcp"\nlocalPort = {local}\nremotePort = {remote}\n'
        large = 'transport.wireProtocol = "v2"\n'
        large += "".join(proxy(f"w{number}", 31, 32) for number in range(3))
        large += "".join(proxy(f"d{number}", 1000, kind="https") for number in range(3))
        large += "".join(proxy(f"l{number}", 1, 1000) for number in range(2))
        waited: list[float] = []
        async with running_client(client_config(server.address[1], good)):

            async def users() -> None:
                while True:
                    began = time.monotonic()
                    assert await exchange(remote, b"hello") == b"hello"
                    waited.append(time.monotonic() - began)

            using = asyncio.create_task(users())
            async with running_client(client_config(server.address[1], large)) as client:
                assert set(refusals(client).values()) == {""}
            using.cancel()
            await asyncio.wait([using])
            assert using.cancelled()
        assert max(waited) < 1


async def test_others_take_their_turn_after_each_message_and_each_closed_proxy() -> None:
    """200 small proxies in one burst: no turn of the event loop begins or ends more than a few."""
    async with serving() as server:
        toml = "".join(proxy(f"p{number}-", 1) for number in range(200))
        with observed(server) as seen:
            async with running_client(client_config(server.address[1], toml)) as client:
                assert set(refusals(client).values()) == {""}
            await empty(server)
        assert max(seen) == 200
        assert max(abs(after - before) for before, after in pairwise(seen)) <= 3


async def test_what_a_refusal_tells_fits_into_its_message() -> None:
    notes = ", ".join(f'"!{number}" = ""' for number in range(1000))
    bad = proxy("p", 1, extra="annotations = { " + notes + " }")
    message = client_config(1, bad).proxies[0]
    with pytest.raises(ProxyError) as caught:
        server_proxies._check_annotations(NewProxy(annotations=message.annotations))
    assert str(caught.value).count("\n") == 9
    assert len(str(caught.value)) < 4096


def test_verify_warns_of_more_routes_than_a_frps_takes() -> None:
    config = client_config(
        1, proxy("large", 40, 30) + proxy("good", 10, 100) + proxy("plain", 1001, kind="https")
    )
    limit = "routes (domains times locations); aiofrp's frps refuses more than 1000 for one proxy"
    assert client_warnings(config) == [f"proxy large: 1200 {limit}", f"proxy plain: 1001 {limit}"]
