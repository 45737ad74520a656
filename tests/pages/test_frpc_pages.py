"""The dashboard of frpc in a real browser: every page in every look, the store through its forms with real traffic,
and the configuration file with an error."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Page, expect

from aiofrp.client.service import Client
from tests.support.admin import running_file
from tests.support.browser import HOSTILE, chromium, look, needs_browser, needs_pages, tab
from tests.support.tunnel import PATIENCE, echo, exchange, local_service, running_server, server_config

pytestmark = [needs_browser, needs_pages]


@asynccontextmanager
async def both(
    folder: Path, free_ports: Callable[[], int], more: str = ""
) -> AsyncIterator[tuple[Client, str, Path]]:
    """frps, and frpc with a store and ``more`` in its file; frpc, the address of its pages, and the file."""
    http, mux, web = free_ports(), free_ports(), free_ports()
    path = folder / "frpc.toml"
    async with running_server(
        server_config(f'vhostHTTPPort = {http}\ntcpmuxHTTPConnectPort = {mux}\nsubDomainHost = "t.test"')
    ) as server:
        path.write_text(
            f'serverAddr = "127.0.0.1"\nserverPort = {server.address[1]}\nwebServer.port = {web}\n'
            f'store.path = "store.json"\n{more}'
        )
        async with running_file(path) as client:
            yield client, f"http://127.0.0.1:{web}/static/", path


async def test_every_page_in_every_look(tmp_path: Path, free_ports: Callable[[], int]) -> None:
    more = f"""
        [[proxies]]
        name = {HOSTILE[0]!r}
        type = "tcp"
        localPort = 1
        [[proxies]]
        name = "wrong"
        type = "https"
        localPort = 1
        customDomains = ["a.t.test"]
        [[visitors]]
        name = {HOSTILE[3]!r}
        type = "stcp"
        serverName = {HOSTILE[1]!r}
        secretKey = "k"
        bindPort = {free_ports()}
    """
    pages = (
        ("/", "Proxies", "代理"),
        ("/proxy/wrong", "wrong", "wrong"),
        ("/visitors", "Visitors", "访问者"),
        ("/new/visitor", "New visitor", "新建访问者"),
        ("/new/proxy/http", "New proxy: http", "新建代理: http"),
        ("/config", "Configuration file", "配置文件"),
        ("/logs", "Log", "日志"),
    )
    faults = []
    async with both(tmp_path, free_ports, more) as (_, url, _), chromium() as browser:
        for locale, column in (("en-GB", 1), ("zh-CN", 2)):
            async with tab(browser, locale=locale) as page:
                await page.goto(url)
                for row in pages:
                    faults += await look(page, row[0], row[column], judged=column == 1)
                if column == 1:
                    await page.evaluate("location.hash = '/'")
                    await expect(page.get_by_role("link", name=HOSTILE[0], exact=True)).to_be_visible()
                    await page.evaluate("location.hash = '/visitors'")
                    await expect(page.get_by_role("cell", name=HOSTILE[1], exact=True)).to_be_visible()
    assert not faults, "\n".join(faults)


async def fill(page: Page, values: dict[str, str]) -> None:
    """Fill the fields of a form by their names; those of closed sections after the sections are opened."""
    await page.locator("form").wait_for()
    await page.evaluate("document.querySelectorAll('details').forEach(section => { section.open = true })")
    for name, value in values.items():
        field = page.locator(f'[name="{name}"]')
        if await field.evaluate("field => field.tagName") == "SELECT":
            await field.select_option(value)
        else:
            await field.fill(value)


async def create(page: Page, kind: str, type_: str, values: dict[str, str]) -> None:
    """Create a proxy or visitor through the form of its type."""
    await page.evaluate(f"location.hash = '/new/{kind}/{type_}'")
    await expect(page.locator("h1")).to_contain_text(type_)
    await fill(page, values)
    await page.get_by_role("button", name="Create").click()
    await expect(page.locator("h1")).to_have_text(values["name"])


async def reaches(port: int) -> None:
    """Wait until what is sent to a port comes back."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                if await exchange(port, b"hello") == b"hello":
                    return
            except OSError:
                pass
            await asyncio.sleep(0.02)


async def test_what_is_wrong_stands_at_the_fields(tmp_path: Path, free_ports: Callable[[], int]) -> None:
    remote = free_ports()
    async with (
        both(tmp_path, free_ports) as (_, url, _),
        local_service(echo) as local,
        chromium() as browser,
        tab(browser, locale="en-GB") as page,
    ):
        await page.goto(url)
        await page.get_by_role("link", name="New proxy").click()
        await page.get_by_role("link", name="tcp", exact=False).first.click()
        wrong: tuple[tuple[dict[str, str], str], ...] = (
            ({}, "name"),
            ({"name": "a", "localPort": "70000"}, "localPort"),
            ({"localPort": f"{local}", "transport.bandwidthLimit": "fast"}, "transport.bandwidthLimit"),
        )
        for entered, field in wrong:
            await fill(page, entered)
            await page.get_by_role("button", name="Create").click()
            await expect(page.locator(f'[name="{field}"]')).to_have_attribute("aria-invalid", "true")
        values = {
            "name": "a",
            "localPort": f"{local}",
            "remotePort": f"{remote}",
            "transport.bandwidthLimit": "",
        }
        await fill(page, values)
        await expect(page.locator(".field-error")).to_have_count(0)
        await page.get_by_role("button", name="Create").click()
        await expect(page.locator("h1")).to_have_text("a")
        await reaches(remote)


async def test_a_plugin_a_refused_proxy_and_another_language(
    tmp_path: Path, free_ports: Callable[[], int]
) -> None:
    """The form of a plugin serves a folder; a proxy that the server refuses has the cause and the next step beside its
    error; and another language changes the form, not what is entered in it."""
    remote = free_ports()
    (tmp_path / "page.txt").write_text("a page")
    async with (
        both(tmp_path, free_ports) as (_, url, _),
        chromium() as browser,
        tab(browser, locale="en-GB") as page,
    ):
        await page.goto(url)
        plugin = {"plugin.type": "static_file", "plugin.localPath": str(tmp_path)}
        await create(page, "proxy", "tcp", {"name": "files", "remotePort": str(remote), **plugin})
        await expect(page.locator(".badge.good")).to_be_visible()
        request = b"GET /page.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        assert (await exchange(remote, request)).endswith(b"a page")

        await create(page, "proxy", "https", {"name": "no-port", "customDomains": "s.test", "localPort": "1"})
        await expect(page.locator(".fault-hint")).to_contain_text("vhostHTTPSPort")
        await page.get_by_role("link", name="Proxies", exact=True).first.click()
        await expect(page.locator("tbody .fault-hint")).to_contain_text("vhostHTTPSPort")

        await page.evaluate("location.hash = '/new/proxy/udp'")
        await page.locator('[name="localPort"]').fill("53")
        await page.get_by_role("button", name="中文").click()
        await expect(page.get_by_label("本地端口")).to_have_value("53")
        await expect(page.get_by_text("本地服务的端口。")).to_be_visible()


async def test_a_file_with_an_error_is_not_loaded(tmp_path: Path, free_ports: Callable[[], int]) -> None:
    remote = free_ports()
    async with local_service(echo) as local:
        more = f'[[proxies]]\nname = "a"\ntype = "tcp"\nlocalPort = {local}\nremotePort = {remote}\n'
        async with (
            both(tmp_path, free_ports, more) as (client, url, path),
            chromium() as browser,
            tab(browser, locale="en-GB") as page,
        ):
            right = path.read_text()
            await page.goto(f"{url}#/config")
            editor = page.get_by_role("textbox", name="Configuration file")
            await expect(editor).to_have_value(right)
            await editor.fill(right.replace("localPort", "localPrt"))
            await expect(page.locator(".gutter .bad")).to_have_text("8")
            await expect(page.locator(".problems")).to_contain_text("localPrt")
            await page.get_by_role("button", name="Save and reload").click()
            await page.get_by_role("dialog").get_by_role("button", name="Save and reload").click()
            await expect(page.locator(".notice.bad")).to_be_visible()
            await reaches(remote)

            await editor.fill(right.replace('name = "a"', 'name = "b"'))
            changes = page.locator(".changes li")
            await expect(changes).to_have_count(2)
            await page.get_by_role("button", name="Save and reload").click()
            await expect(page.get_by_text("Reloaded.")).to_be_visible()
            assert [proxy.name for proxy in client.config.proxies] == ["b"]
            await reaches(remote)
