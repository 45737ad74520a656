"""Load balancing groups: whose turn it is, what members must have in common, joining and leaving."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from tests.e2e.test_https import https, secure
from tests.e2e.test_tcpmux import OPEN, connect, naming, tcpmux
from tests.support.ends import until
from tests.support.ports import free_port
from tests.support.tunnel import Handler, client_config, exchange, running_client
from tests.support.vhosts import Proxy, Rig, ask_tls, refusals, rig
from tests.support.web import saying, user_of

GROUP = ('loadBalancer.group = "g"', 'loadBalancer.groupKey = "k"')
NAMES = ("a", "b", "c")


async def ask_tcp(port: int) -> str:
    return (await exchange(port, b"")).decode().rstrip(":")


async def ask_https(port: int) -> str:
    return (await ask_tls(port, "g.test", b"\n")).decode().split()[0]


async def ask_tcpmux(port: int) -> str:
    async with user_of(port) as user:
        user.send(connect("g.test"))
        user.writer.write_eof()
        return (await user.rest()).removeprefix(OPEN).decode().rstrip(":")


async def ask_http(port: int) -> str:
    async with user_of(port) as user:
        return (await user.get("g.test")).body.decode()


def tcp(service: str, port: int, *lines: str) -> Proxy:
    return Proxy(service, "tcp", (f"remotePort = {port}", *lines))


def http(service: str, *lines: str, domains: str = '"g.test"') -> Proxy:
    return Proxy(service, "http", (f"customDomains = [{domains}]", *lines))


KINDS: dict[str, tuple[Callable[[int], Awaitable[str]], Callable[..., Proxy], str]] = {
    "tcp": (ask_tcp, lambda name, port: tcp(name, port, *GROUP), ""),
    "https": (ask_https, lambda name, port: https(name, "g.test", lines=GROUP), "vhostHTTPSPort"),
    "tcpmux": (ask_tcpmux, lambda name, port: tcpmux(name, "g.test", *GROUP), "tcpmuxHTTPConnectPort"),
    "http": (ask_http, lambda name, port: http(name, *GROUP), "vhostHTTPPort"),
}


def services_for(kind: str) -> dict[str, Handler]:
    makers: dict[str, Callable[[str], Handler]] = {"https": secure, "http": saying}
    make = makers.get(kind, naming)
    return {name: make(name) for name in NAMES}


@pytest.mark.parametrize("kind", KINDS)
async def test_members_take_turns_and_may_leave(kind: str) -> None:
    ask, proxy, key = KINDS[kind]
    port = free_port()
    proxies = {name: proxy(name, port) for name in NAMES}
    async with rig(services_for(kind), proxies, [f"{key} = {port}"] if key else []) as running:
        asked = [await ask(port) for _ in range(6)]
        # http counts before it chooses, so the second member is the first to serve
        assert asked == (["b", "c", "a"] if kind == "http" else ["a", "b", "c"]) * 2
        await _keep(running, {"a", "c"})
        assert sorted([await ask(port) for _ in range(4)]) == ["a", "a", "c", "c"]
        await _keep(running, set())
        assert len(running.server.tables.groups[kind]) == 0
        if kind == "tcp":
            with pytest.raises(ConnectionRefusedError):
                await ask(port)
        else:
            assert len(running.server.tables.vhosts[kind].routes) == 0


async def _keep(running: Rig, names: set[str]) -> None:
    """Withdraw all other proxies."""
    kept = [proxy.config for proxy in running.client.proxies.running() if proxy.config.name in names]
    await running.client.proxies.update(kept)
    await until(lambda: len(running.server.proxies) == len(names))


async def test_requests_of_one_http_connection_take_turns() -> None:
    port = free_port()
    proxies = {name: http(name, *GROUP) for name in NAMES}
    async with rig(services_for("http"), proxies, [f"vhostHTTPPort = {port}"]), user_of(port) as user:
        assert [(await user.get("g.test")).body for _ in range(4)] == [b"b", b"c", b"a", b"b"]


@pytest.mark.parametrize("kind", KINDS)
async def test_another_client_may_join_with_the_key(kind: str) -> None:
    ask, proxy, key = KINDS[kind]
    port = free_port()
    async with rig(
        services_for(kind), {"a": proxy("a", port)}, [f"{key} = {port}"] if key else []
    ) as running:
        text = proxy("b", port).text("b", running.services["b"])
        async with running_client(client_config(running.server.address[1], text)) as other:
            assert refusals(other) == {"b": ""}
            assert {await ask(port) for _ in range(2)} == {"a", "b"}
        await until(lambda: len(running.server.proxies) == 1)
        assert [await ask(port) for _ in range(2)] == ["a", "a"]
        wrong = text.replace('groupKey = "k"', 'groupKey = "x"')
        async with running_client(client_config(running.server.address[1], wrong)) as other:
            assert refusals(other) == {"b": "group auth failed"}


OTHER = "group params invalid"


@pytest.mark.parametrize(
    ("first", "second", "error"),
    [
        (http("a", *GROUP), http("b", *GROUP, domains='"other.test"'), OTHER),
        (http("a", *GROUP), http("b", *GROUP, 'locations = ["/x"]'), OTHER),
        (http("a", *GROUP), http("b", *GROUP, 'routeByHTTPUser = "x"'), OTHER),
        (http("a", *GROUP), http("b", GROUP[0]), "group auth failed"),
        (http("a", *GROUP), http("b", GROUP[0], domains='"other.test"'), OTHER),
        (http("a", *GROUP), http("b"), "router config conflict"),
        (http("a"), http("b", *GROUP), "router config conflict"),
        (https("a", "g.test", lines=GROUP), https("b", "x.test", lines=GROUP), OTHER),
        (https("a", "g.test", lines=GROUP), https("b", "g.test", lines=GROUP[:1]), "group auth failed"),
        (tcpmux("a", "g.test", *GROUP), tcpmux("b", "x.test", *GROUP), OTHER),
        (tcpmux("a", "g.test", *GROUP), tcpmux("b", "g.test", *GROUP, 'httpUser = "x"'), OTHER),
        (tcpmux("a", "g.test", *GROUP), tcpmux("b", "g.test", *GROUP, 'httpPassword = "x"'), OTHER),
        (tcpmux("a", "g.test", *GROUP), tcpmux("b", "g.test", *GROUP, 'routeByHTTPUser = "x"'), OTHER),
        (tcpmux("a", "g.test", *GROUP), tcpmux("b", "g.test", GROUP[0]), "group auth failed"),
        (tcp("a", 0, *GROUP), tcp("b", 1, *GROUP), "group should have same remote port"),
        (tcp("a", 0, *GROUP), tcp("b", 0, GROUP[0]), "group auth failed"),
        (
            http("a", *GROUP),
            http("b", *GROUP, domains='"g.test", "g.test"'),
            "group proxy repeated",
        ),
        (http("a", *GROUP), http("b", *GROUP, domains='"g.test", "x.test"'), OTHER),
    ],
)
async def test_what_members_must_have_in_common(first: Proxy, second: Proxy, error: str) -> None:
    ports = [f"{key} = {free_port()}" for key in ("vhostHTTPPort", "vhostHTTPSPort", "tcpmuxHTTPConnectPort")]
    async with rig(services_for("http"), {"a": first, "b": second}, ports) as running:
        assert refusals(running.client) == {"a": "", "b": error}
        assert len(running.server.proxies) == 1
        await _keep(running, set())
        assert all(len(groups) == 0 for groups in running.server.tables.groups.values())
        assert all(len(vhost.routes) == 0 for vhost in running.server.tables.vhosts.values())


async def test_a_tcp_group_on_a_port_the_server_chooses() -> None:
    proxies = {name: tcp(name, 0, *GROUP) for name in NAMES}
    async with rig(services_for("tcp"), proxies) as running:
        (address,) = {proxy.state.remote_addr for proxy in running.client.proxies.running()}
        port = int(address.removeprefix(":"))
        assert [await ask_tcp(port) for _ in range(3)] == ["a", "b", "c"]
        assert running.server.tables.tcp_ports._used.keys() == {port}
        await _keep(running, set())
        assert running.server.tables.tcp_ports._used.keys() == set()


async def test_a_tcp_group_whose_port_is_taken_does_not_come_to_be() -> None:
    port = free_port()
    proxies = {"a": tcp("a", port), "b": tcp("b", port, *GROUP), "c": tcp("c", port, *GROUP)}
    async with rig(services_for("tcp"), proxies) as running:
        assert refusals(running.client) == {"a": "", "b": "port already used", "c": "port already used"}
        assert len(running.server.tables.groups["tcp"]) == 0
