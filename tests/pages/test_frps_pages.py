"""The dashboard of frps in a real browser: every page in every look, hostile names, and operations on what runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from urllib.parse import quote

from playwright.async_api import expect

from aiofrp.client.service import Client
from aiofrp.server.service import Server
from aiofrp.wire.frp.messages import Login
from tests.support.browser import HOSTILE, chromium, look, needs_browser, needs_pages, tab
from tests.support.tunnel import (
    client_config,
    echo,
    local_service,
    running_client,
    running_server,
    server_config,
)

pytestmark = [needs_browser, needs_pages]


@asynccontextmanager
async def serving(free_ports: Callable[[], int]) -> AsyncIterator[tuple[Server, str]]:
    """frps with its dashboard, whose address comes with it."""
    web, http = free_ports(), free_ports()
    toml = f'vhostHTTPPort = {http}\nsubDomainHost = "t.test"\nwebServer.port = {web}'
    async with running_server(server_config(toml)) as server:
        yield server, f"http://127.0.0.1:{web}/static/"


@asynccontextmanager
async def publishing(server: Server, local: int, free_ports: Callable[[], int]) -> AsyncIterator[Client]:
    """A client of ``server`` with a proxy of each hostile name, and one with an ordinary name."""
    proxies = "".join(
        f'[[proxies]]\nname = {json.dumps(name)}\ntype = "stcp"\nlocalPort = {local}\nsecretKey = "k"\n'
        f"annotations = {{ note = {json.dumps(name)} }}\n"
        for name in HOSTILE
    )
    toml = (
        f"user = {json.dumps(HOSTILE[0])}\nclientID = {json.dumps(HOSTILE[1])}\n{proxies}"
        f'[[proxies]]\nname = "plain"\ntype = "tcp"\nlocalPort = {local}\nremotePort = {free_ports()}\n'
        f'[[proxies]]\nname = "web"\ntype = "http"\nlocalPort = {local}\nsubdomain = "w"\n'
    )
    async with running_client(client_config(server.address[1], toml)) as client:
        yield client


async def test_every_page_in_every_look(free_ports: Callable[[], int]) -> None:
    async with (
        serving(free_ports) as (server, url),
        local_service(echo) as local,
        publishing(server, local, free_ports),
        chromium() as browser,
    ):
        key = f"{HOSTILE[0]}.{HOSTILE[1]}"
        pages = (
            ("/", "Overview", "概览"),
            ("/clients", "Clients", "客户端"),
            (f"/clients/{quote(key, safe='')}", key, key),
            ("/proxies", "Proxies", "代理"),
            ("/proxies/http", "Proxies", "代理"),
            (f"/proxy/{quote(f'{HOSTILE[0]}.{HOSTILE[6]}', safe='')}", HOSTILE[6], HOSTILE[6]),
            (f"/proxy/{quote(f'{HOSTILE[0]}.web', safe='')}", "web", "web"),
            ("/audit", "Audit log", "审计日志"),
            ("/logs", "Log", "日志"),
        )
        faults = []
        for locale, column in (("en-GB", 1), ("zh-CN", 2)):
            async with tab(browser, locale=locale) as page:
                await page.goto(url)
                for row in pages:
                    faults += await look(page, row[0], row[column], judged=column == 1)
        assert not faults, "\n".join(faults)


async def test_names_from_peers_are_texts(free_ports: Callable[[], int]) -> None:
    async with (
        serving(free_ports) as (server, url),
        local_service(echo) as local,
        publishing(server, local, free_ports),
        chromium() as browser,
        tab(browser) as page,
    ):
        await page.goto(f"{url}#/proxies?pageSize=100")
        for name in HOSTILE:
            full = f"{HOSTILE[0]}.{name}"
            await page.get_by_role("link", name=full, exact=True).click()
            await expect(page.locator("h1")).to_have_text(full)
            await expect(page.locator("dd", has_text=name).first).to_be_visible()  # the annotation
            await page.go_back()
        await page.get_by_role("searchbox").fill(HOSTILE[3])
        await expect(page.locator("tbody tr")).to_have_count(1)
        assert await page.locator("main img, main iframe, main script").count() == 0


async def test_a_client_is_disconnected_and_a_proxy_disabled(free_ports: Callable[[], int]) -> None:
    remote = free_ports()
    toml = 'user = "u"\nclientID = "c"\n[[proxies]]\nname = "p"\ntype = "tcp"\n'
    async with (
        serving(free_ports) as (server, url),
        local_service(echo) as local,
        running_client(
            client_config(server.address[1], f"{toml}localPort = {local}\nremotePort = {remote}\n")
        ),
        chromium() as browser,
        tab(browser, locale="en-GB") as page,
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", remote)
        await page.goto(f"{url}#/proxy/u.p")
        await page.get_by_role("button", name="Close the connection").click()
        with suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), 20) == b""
        writer.close()
        await expect(page.get_by_text("No connection now")).to_be_visible()

        await page.get_by_role("button", name="Disable", exact=True).click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_role("textbox").fill("too <b>loud</b>")
        await dialog.get_by_role("button", name="Disable", exact=True).click()
        await expect(page.locator(".notice")).to_contain_text("too <b>loud</b>")
        await page.get_by_role("button", name="Enable", exact=True).click()
        await dialog.get_by_role("button", name="Enable", exact=True).click()
        await expect(page.locator("h1 + p .good")).to_be_visible()

        await page.evaluate("location.hash = '/clients/u.c'")
        await page.get_by_role("button", name="Disconnect").click()
        await dialog.get_by_role("textbox").fill("maintenance")
        await dialog.get_by_role("button", name="Disconnect").click()
        await expect(page.get_by_text("u.c was disconnected.")).to_be_visible()

        await page.get_by_role("link", name="Audit log").click()
        await expect(page.locator("tbody tr")).to_have_count(4)
        await expect(page.locator("tbody")).to_contain_text("maintenance")


async def test_many_clients_and_proxies_are_lists_of_pages(free_ports: Callable[[], int]) -> None:
    """1,000 proxies and 500 clients: a page of them is read and shown, and what happens at once is one look more."""
    async with serving(free_ports) as (server, url), chromium() as browser, tab(browser) as page:
        statistics = server.statistics
        assert statistics is not None
        for n in range(500):
            server.tables.clients.entered(Login(user="u", client_id=f"c{n}"), f"run{n}", "v1", "127.0.0.1")
        for n in range(1000):
            statistics.proxy_opened(f"p{n}", "tcp", "u", f"c{n % 500}")
        read: list[str] = []
        page.on("request", lambda request: read.append(request.url))
        await page.goto(f"{url}#/proxies?pageSize=100")
        await expect(page.locator("tbody tr")).to_have_count(100)
        await expect(page.get_by_text("1–100 of 1000")).to_be_visible()
        await page.get_by_role("searchbox").fill("p99")
        await expect(page.locator("tbody tr")).to_have_count(11)
        await page.evaluate("location.hash = '/clients?pageSize=50&page=10'")
        await expect(page.get_by_text("451–500 of 500")).to_be_visible()
        read.clear()
        for n in range(500):
            server.tables.clients.left(Login(user="u", client_id=f"c{n}"), f"run{n}")
        await expect(page.locator("tbody .badge.good")).to_have_count(0)
        assert len(read) < 10
