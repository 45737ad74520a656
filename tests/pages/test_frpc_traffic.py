"""Proxies of each type and their visitors, created, edited, disabled and deleted through the forms of frpc: after each
step users get through, or no longer."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, suppress
from functools import partial
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.e2e.test_udp import ask
from tests.pages.test_frpc_pages import create, fill
from tests.support import stunserver
from tests.support.admin import running_file
from tests.support.browser import chromium, needs_browser, needs_pages, tab
from tests.support.certs import authority
from tests.support.services import udp_echo
from tests.support.tunnel import PATIENCE, echo, exchange, local_service, running_server, server_config
from tests.support.vhosts import trusting

pytestmark = [needs_browser, needs_pages]

#: One user, who reports whether the service answered him.
User = Callable[[], Awaitable[bool]]


@pytest.fixture
def stun() -> Iterator[str]:
    """The address of a STUN server."""
    with stunserver.running() as address:
        yield address


async def tcp_user(port: int) -> bool:
    """A user of a TCP port behind which an echo is."""
    return await exchange(port, b"hello") == b"hello"


async def direct_user(port: int) -> bool:
    """A user of a visitor that punches holes; it lets a user wait for twenty seconds while it cannot."""
    async with asyncio.timeout(2.5):
        return await tcp_user(port)


async def udp_user(port: int) -> bool:
    """A user of a UDP port behind which an echo is."""
    async with asyncio.timeout(0.5):
        return await ask(port, b"hello") == [b"hello"]


async def http_user(port: int, host: str) -> bool:
    """A user of a web site."""
    request = f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    return (await exchange(port, request.encode())).endswith(b"a page")


async def https_user(port: int, host: str) -> bool:
    """A user of a TLS service."""
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=trusting(), server_hostname=host
        )
        writer.write(b"hello")
        try:
            return await reader.readexactly(5) == b"hello"
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


async def connect_user(port: int, host: str) -> bool:
    """A user of a host behind CONNECT."""
    answer = await exchange(port, f"CONNECT {host}:1 HTTP/1.1\r\nHost: {host}:1\r\n\r\nhello".encode())
    return answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"hello")


async def until(user: User, served: bool) -> None:
    """Wait until a user is served, or no longer."""
    async with asyncio.timeout(PATIENCE):
        while True:
            answered = False
            with suppress(OSError, ssl.SSLError, asyncio.IncompleteReadError, TimeoutError):
                answered = await user()
            if answered == served:
                return
            await asyncio.sleep(0.02)


async def site(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A web site with one page."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\na page")


async def edit(page: Page, kind: str, name: str, values: dict[str, str]) -> None:
    """Change a proxy or visitor through its form."""
    await page.evaluate(f"location.hash = '/edit/{kind}/{name}'")
    await fill(page, values)
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("link", name="Edit")).to_be_visible()


async def turn(page: Page, kind: str, name: str, action: str, after: str) -> None:
    """Click ``action`` on the page of a proxy or visitor, and wait for the button ``after``."""
    await page.evaluate(f"location.hash = '/{kind}/{name}'")
    await expect(page.locator("h1")).to_have_text(name)
    await page.get_by_role("button", name=action).click()
    await expect(page.get_by_role("button", name=after)).to_be_visible()


async def delete(page: Page, kind: str, name: str) -> None:
    """Delete a proxy or visitor on its page."""
    await page.evaluate(f"location.hash = '/{kind}/{name}'")
    await expect(page.locator("h1")).to_have_text(name)
    await page.get_by_role("button", name="Delete").click()
    await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await expect(page.locator("h1")).to_have_text("Proxies" if kind == "proxy" else "Visitors")


async def life(
    page: Page, type_: str, values: dict[str, str], change: dict[str, str], users: list[User]
) -> None:
    """A proxy from its creation to its end. ``users``: the one it has at first, and the one after ``change``."""
    first, later = users
    await create(page, "proxy", type_, {"name": type_, **values})
    await until(first, True)
    await edit(page, "proxy", type_, change)
    await until(later, True)
    await until(first, False)
    await turn(page, "proxy", type_, "Disable", "Enable")
    await until(later, False)
    await turn(page, "proxy", type_, "Enable", "Disable")
    await until(later, True)
    await delete(page, "proxy", type_)
    await until(later, False)


async def meeting(
    page: Page, type_: str, local: int, ports: list[int], user: Callable[[int], Awaitable[bool]]
) -> None:
    """A proxy with a secret key and its visitor from their creation to their end."""
    first, later = partial(user, ports[0]), partial(user, ports[1])
    await create(page, "proxy", type_, {"name": type_, "localPort": str(local), "secretKey": "one"})
    visitor = {"serverName": type_, "secretKey": "one", "bindPort": str(ports[0])}
    await create(page, "visitor", type_, {"name": f"{type_}-visitor", **visitor})
    await until(first, True)
    await edit(page, "proxy", type_, {"secretKey": "two"})
    await until(first, False)
    await edit(page, "visitor", f"{type_}-visitor", {"secretKey": "two", "bindPort": str(ports[1])})
    await until(later, True)
    await turn(page, "visitor", f"{type_}-visitor", "Disable", "Enable")
    await until(later, False)
    await turn(page, "visitor", f"{type_}-visitor", "Enable", "Disable")
    await until(later, True)
    await turn(page, "proxy", type_, "Disable", "Enable")
    await until(later, False)
    await delete(page, "visitor", f"{type_}-visitor")
    await delete(page, "proxy", type_)


async def test_each_type_carries_traffic_from_creation_to_deletion(
    tmp_path: Path, free_ports: Callable[[], int], stun: str
) -> None:
    http, https, mux, web = (free_ports() for _ in range(4))
    path = tmp_path / "frpc.toml"
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        server = await enter(
            running_server(
                server_config(
                    f"vhostHTTPPort = {http}\nvhostHTTPSPort = {https}\ntcpmuxHTTPConnectPort = {mux}\n"
                    'subDomainHost = "t.test"'
                )
            )
        )
        path.write_text(
            f'serverAddr = "127.0.0.1"\nserverPort = {server.address[1]}\nwebServer.port = {web}\n'
            f'store.path = "store.json"\nnatHoleStunServer = "{stun}"\n'
        )
        await enter(running_file(path))
        tcp, pages = await enter(local_service(echo)), await enter(local_service(site))
        tls = await enter(local_service(echo, tls=authority().server_context()))
        udp = await enter(udp_echo())
        page = await enter(tab(await enter(chromium()), locale="en-GB"))
        await page.goto(f"http://127.0.0.1:{web}/static/")

        def ports(
            user: Callable[[int], Awaitable[bool]],
        ) -> tuple[dict[str, str], dict[str, str], list[User]]:
            one, two = free_ports(), free_ports()
            return (
                {"remotePort": str(one)},
                {"remotePort": str(two)},
                [partial(user, one), partial(user, two)],
            )

        for type_, local, user in (("tcp", tcp, tcp_user), ("udp", udp, udp_user)):
            values, change, users = ports(user)
            await life(page, type_, {"localPort": str(local), **values}, change, users)
        for type_, local, domain_user, door in (
            ("http", pages, http_user, http),
            ("https", tls, https_user, https),
            ("tcpmux", tcp, connect_user, mux),
        ):
            values = {"localPort": str(local), "customDomains": "one.test"}
            if type_ == "tcpmux":
                values["multiplexer"] = "httpconnect"
            hosts: list[User] = [partial(domain_user, door, f"{host}.test") for host in ("one", "two")]
            await life(page, type_, values, {"customDomains": "two.test"}, hosts)
        for type_, local, user in (
            ("stcp", tcp, tcp_user),
            ("sudp", udp, udp_user),
            ("xtcp", tcp, direct_user),
        ):
            await meeting(page, type_, local, [free_ports(), free_ports()], user)
        assert await page.evaluate("fetch('../api/status').then(answer => answer.json())") == {}
