"""Names to addresses, at a chosen name server and by the system; names with several addresses."""

from __future__ import annotations

import asyncio
import contextvars
import socket
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from aiofrp.errors import ConnectFailed
from aiofrp.transport import resolve as resolving
from aiofrp.transport.net import dial, listen
from aiofrp.transport.resolve import hosts_entries, resolve, split_address, use_dns_server
from tests.support.dns import name_server
from tests.support.ports import free_port

pytestmark = pytest.mark.both_loops
T = TypeVar("T")


async def asking(port: int, call: Callable[[], Awaitable[T]]) -> T:
    """What ``call`` gives while the name server at 127.0.0.1:``port`` is the chosen one."""

    async def inside() -> T:
        use_dns_server(f"127.0.0.1:{port}")
        return await call()

    return await asyncio.get_running_loop().create_task(inside(), context=contextvars.copy_context())


async def hosts(name: str, port: int = 7) -> list[str]:
    return [info[4][0] for info in await resolve(name, port)]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("192.0.2.1", ("192.0.2.1", 53)),
        ("192.0.2.1:5353", ("192.0.2.1", 5353)),
        ("::1", ("::1", 53)),
        ("[::1]", ("::1", 53)),
        ("[::1]:5353", ("::1", 5353)),
        ("dns.example:1", ("dns.example", 1)),
    ],
)
def test_addresses_of_servers(text: str, parts: tuple[str, int]) -> None:
    assert split_address(text, 53) == parts


def test_the_hosts_file() -> None:
    lines = [
        "127.0.0.1 localhost",
        "# 192.0.2.9 commented",
        "192.0.2.1\tA.example  b  # c.example",
        "::2 b",
        "",
    ]
    assert list(hosts_entries("a.EXAMPLE.", lines)) == ["192.0.2.1"]
    assert list(hosts_entries("b", lines)) == ["192.0.2.1", "::2"]
    assert not list(hosts_entries("c.example", lines))
    assert not list(hosts_entries("commented", lines))


async def test_the_chosen_server_is_asked_for_both_kinds_and_nobody_else_asks_it() -> None:
    async with name_server(
        {("a.test", "A"): ["127.0.0.3", "127.0.0.4"], ("a.test", "AAAA"): ["::1"]}
    ) as server:
        assert sorted(await asking(server.port, lambda: hosts("a.test"))) == ["127.0.0.3", "127.0.0.4", "::1"]
        assert sorted(server.asked) == [("a.test", "A"), ("a.test", "AAAA")]
        with pytest.raises(ConnectFailed):
            await hosts("a.test")
        assert len(server.asked) == 2


async def test_one_kind_of_address_is_enough() -> None:
    async with name_server({("a.test", "A"): ["127.0.0.3"]}) as server:
        infos = await asking(server.port, lambda: resolve("a.test", 9, socket.SOCK_DGRAM))
        assert [(info[0], info[1], info[4]) for info in infos] == [
            (socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.3", 9))
        ]


async def test_nothing_is_remembered() -> None:
    async with name_server({("a.test", "A"): ["127.0.0.3"]}) as server:
        assert await asking(server.port, lambda: hosts("a.test")) == ["127.0.0.3"]
        server.zone[("a.test", "A")] = ["127.0.0.4"]
        assert await asking(server.port, lambda: hosts("a.test")) == ["127.0.0.4"]


async def test_addresses_and_localhost_need_no_server() -> None:
    async with name_server({}) as server:
        assert await asking(server.port, lambda: hosts("192.0.2.1")) == ["192.0.2.1"]
        assert await asking(server.port, lambda: hosts("::1")) == ["::1"]
        assert "127.0.0.1" in await asking(server.port, lambda: hosts("localhost"))
        assert await asking(server.port, lambda: hosts("x.localhost")) == ["::1", "127.0.0.1"]
        assert not server.asked


async def test_names_that_lead_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolving, "LIFETIME", 0.2)
    async with name_server({}) as server:
        server.silent.add("silent.test")
        server.broken.add("broken.test")
        where = f"on 127.0.0.1:{server.port}"
        for name, reason in (
            ("no.test", "no such host"),
            ("silent.test", "i/o timeout"),
            ("broken.test", "server misbehaving"),
        ):
            with pytest.raises(ConnectFailed, match=f"lookup {name} {where}: {reason}"):
                await asking(server.port, lambda name=name: hosts(name))  # type: ignore[misc]


async def test_an_impossible_name() -> None:
    for name in ("a..b", "x" * 300):
        with pytest.raises(ConnectFailed, match="no such host"):
            await hosts(name)


# Dialling names


async def dialled(port: int, name: str, target: int, local_ip: str = "") -> str:
    """The address a name was reached at."""
    stream = await asking(port, lambda: dial(name, target, timeout=5, local_ip=local_ip))
    peer: str = stream.info("peername")[0]
    stream.abort()
    return peer


async def test_the_first_address_that_answers_wins() -> None:
    """One refuses, one is silent (TEST-NET-1 leads nowhere), one answers."""
    port = free_port()
    listener = await listen("127.0.0.3", port, lambda stream: None)
    zone = {("a.test", "A"): ["127.0.0.4", "127.0.0.3"], ("a.test", "AAAA"): ["::1"]}
    async with name_server(zone) as server:
        assert await dialled(server.port, "a.test", port) == "127.0.0.3"
    listener.close()


async def test_a_silent_address_does_not_hold_up_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """A listener whose queue is full does not answer: the stagger, not the time-out, moves on."""
    port = free_port()
    listener = await listen("127.0.0.3", port, lambda stream: None)
    with socket.socket() as silent:
        silent.bind(("127.0.0.4", port))
        silent.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.4", port))
        async with name_server({("a.test", "A"): ["127.0.0.4", "127.0.0.3"]}) as server:
            assert await dialled(server.port, "a.test", port) == "127.0.0.3"
        for filler in fillers:
            filler.close()
    listener.close()


async def test_a_name_with_one_address_and_a_source_address() -> None:
    port = free_port()
    peers: list[str] = []
    listener = await listen("127.0.0.3", port, lambda stream: peers.append(stream.info("peername")[0]))
    async with name_server(
        {("a.test", "A"): ["127.0.0.3"], ("b.test", "A"): ["127.0.0.4", "127.0.0.3"]}
    ) as server:
        for name in ("a.test", "b.test"):
            assert await dialled(server.port, name, port, "127.0.0.9") == "127.0.0.3"
    async with asyncio.timeout(5):
        while len(peers) < 2:
            await asyncio.sleep(0)
    assert peers == ["127.0.0.9", "127.0.0.9"]
    listener.close()


async def test_no_address_that_answers() -> None:
    port = free_port()
    async with name_server({("a.test", "A"): ["127.0.0.4", "127.0.0.3"]}) as server:
        with pytest.raises(ConnectFailed, match=f"dial tcp a.test:{port}: connect: connection refused"):
            await dialled(server.port, "a.test", port)
        with pytest.raises(
            ConnectFailed, match=f"dial tcp no.test:{port}: lookup no.test on .*: no such host"
        ):
            await dialled(server.port, "no.test", port)


@pytest.mark.parametrize("name", ["a\0b", "a..b", "x" * 300])
async def test_what_is_no_name_is_not_found(name: str) -> None:
    with pytest.raises(ConnectFailed, match="no such host"):
        await resolve(name, 80)
    with pytest.raises(ConnectFailed, match="no such host"):
        await dial(name, 80, timeout=5.0)
