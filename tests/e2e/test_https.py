"""https proxies through a whole tunnel: users end at the service of their server name, TLS and all."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from typing import TypeVar

import pytest

from aiofrp.server.vhost import connections as vhostuser
from tests.support.certs import authority
from tests.support.ends import until
from tests.support.ports import free_port
from tests.support.tunnel import Handler
from tests.support.vhosts import Proxy, ask_tls, refusals, rig
from tests.support.web import RECORDINGS, talk, user_of
from tests.wire.test_clienthello import HELLO, fragmented, hello_for

T = TypeVar("T")


def secure(name: str) -> Handler:
    """A TLS service that answers a line with its name."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came, goes = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = authority().server_context().wrap_bio(came, goes, server_side=True)

        async def done(step: Callable[[], T]) -> T:
            while True:
                try:
                    return step()
                except ssl.SSLWantReadError:
                    writer.write(goes.read())
                    came.write(await reader.readexactly(1))

        await done(tls.do_handshake)
        line = b""
        while not line.endswith(b"\n"):
            line += await done(lambda: tls.read(65536))
        tls.write(name.encode() + b" " + line)
        with contextlib.suppress(ssl.SSLWantReadError):
            tls.unwrap()
        writer.write(goes.read())

    return serve


def https(service: str, *domains: str, lines: tuple[str, ...] = ()) -> Proxy:
    listed = ", ".join(f'"{domain}"' for domain in domains)
    return Proxy(service, "https", (f"customDomains = [{listed}]", *lines))


async def test_each_name_ends_at_its_service() -> None:
    port = free_port()
    services = {name: secure(name) for name in ("one", "wild", "rest")}
    proxies = {
        "a": https("one", "one.test", "ONE.Other.test"),
        "b": https("wild", "*.wild.test"),
        "c": https("rest", "*"),
    }
    async with rig(services, proxies, [f"vhostHTTPSPort = {port}"]) as running:
        for name, service in (
            ("one.test", "one"),
            ("One.Other.Test", "one"),
            ("a.b.wild.test", "wild"),
            ("wild.test", "rest"),
            ("elsewhere.test", "rest"),
            (None, "rest"),
        ):
            assert await ask_tls(port, name, b"hello\n") == f"{service} hello\n".encode(), name
        states = {proxy.config.name: proxy.state.remote_addr for proxy in running.client.proxies.running()}
    assert states == {
        "a": f"one.test:{port},ONE.Other.test:{port}",
        "b": f"*.wild.test:{port}",
        "c": f"*:{port}",
    }


async def test_the_hello_reaches_the_service_as_it_came() -> None:
    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readexactly(len(hello)))
        writer.write_eof()

    port = free_port()
    for hello in (HELLO, fragmented(HELLO, 100), HELLO + b"more"):
        proxies = {"a": https("keep", "some.example.com")}
        async with rig({"keep": keep}, proxies, [f"vhostHTTPSPort = {port}"]), user_of(port) as user:
            for position in range(0, len(hello), 50):
                user.send(hello[position : position + 50])
                await asyncio.sleep(0)
            assert await user.rest() == hello


@pytest.mark.parametrize("name", ["none.test", None, "test"])
async def test_a_name_nobody_has_gets_the_recorded_alert(name: str | None) -> None:
    recorded = (RECORDINGS / "https_no_route_alert.txt").read_text().partition("(hex): ")[2].split()[0]
    port = free_port()
    proxies = {"a": https("one", "one.test", "*.one.test")}
    async with rig({"one": secure("one")}, proxies, [f"vhostHTTPSPort = {port}"]):
        assert await talk(port, hello_for(name)) == bytes.fromhex(recorded)


async def test_what_is_no_tls_is_closed_without_a_word() -> None:
    port = free_port()
    async with rig({"one": secure("one")}, {"a": https("one", "*")}, [f"vhostHTTPSPort = {port}"]):
        assert await talk(port, b"GET / HTTP/1.1\r\nHost: one.test\r\n\r\n") == b""
        async with user_of(port) as user:
            user.send(HELLO[:50])
            user.writer.write_eof()
            assert await user.rest() == b""


async def test_users_that_say_nothing_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vhostuser, "MAX_UNDECIDED", 3)
    port = free_port()
    async with (
        rig({"one": secure("one")}, {"a": https("one", "one.test")}, [f"vhostHTTPSPort = {port}"]),
        contextlib.AsyncExitStack() as stack,
    ):
        silent = [await stack.enter_async_context(user_of(port)) for _ in range(3)]
        for user in silent:
            user.send(HELLO[:50])
        assert await ask_tls(port, "one.test", b"hello\n") == b"one hello\n"
        with pytest.raises(ConnectionResetError):
            await silent[0].rest()
        assert await ask_tls(port, "one.test", b"hello\n") == b"one hello\n"


async def test_users_that_are_slow_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vhostuser, "HELLO_TIMEOUT", 0.2)
    port = free_port()
    async with (
        rig({"one": secure("one")}, {"a": https("one", "one.test")}, [f"vhostHTTPSPort = {port}"]),
        user_of(port) as user,
    ):
        user.send(HELLO[:50])
        with pytest.raises(ConnectionResetError):
            await user.rest()


async def test_refusals_and_routes_given_back() -> None:
    port = free_port()
    proxies = {
        "a": https("one", "one.test"),
        "b": https("one", "two.test", "ONE.test"),
        "c": https("one", "two.test"),
    }
    async with rig({"one": secure("one")}, proxies, [f"vhostHTTPSPort = {port}"]) as running:
        assert refusals(running.client) == {"a": "", "b": "router config conflict", "c": ""}
        assert await ask_tls(port, "two.test", b"hello\n") == b"one hello\n"
        routes = running.server.tables.vhosts["https"].routes
        await running.client.proxies.update([])
        await until(lambda: len(routes) == 0)


async def test_without_a_port_there_are_no_https_proxies() -> None:
    async with rig({"one": secure("one")}, {"a": https("one", "one.test")}) as running:
        assert refusals(running.client) == {
            "a": "type [https] not supported when vhost https port is not set"
        }
