"""A real browser browses through the client plugins: as its proxy, as a folder of files, and as a site with HTTPS."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

from playwright.async_api import Browser, expect

from tests.support.browser import chromium, needs_browser, tab
from tests.support.tunnel import client_config, local_service, running_client, running_server, server_config

pytestmark = needs_browser

#: The browser itself finds no host by name, so pages of ``localhost`` come through its proxy.
_NO_NAMES = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"


async def site(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A web site: each page has its path in its heading, and a script that asks for another one."""
    while head := await reader.readuntil(b"\r\n\r\n"):
        path = head.split(b" ")[1]
        more = b"" if path == b"/more" else b"<p></p><script src=/script.js></script>"
        script = (
            b"fetch('/more').then(a => a.text()).then(t => { document.querySelector('p').textContent = t })"
        )
        body = script if path == b"/script.js" else b"<h1>" + path + b"</h1>" + more
        kind = b"text/javascript" if path == b"/script.js" else b"text/html"
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n%b" % (kind, len(body), body)
        )
        await writer.drain()


def proxy(name: str, remote: int, options: str) -> str:
    """The configuration of a tcp proxy with a plugin."""
    return f'[[proxies]]\nname = "{name}"\ntype = "tcp"\nremotePort = {remote}\n[proxies.plugin]\n{options}\n'


async def browsed(browser: Browser, url: str, *, through: str = "") -> None:
    """The site at ``url`` is shown whole, ``through`` a proxy."""
    proxied = {"proxy": {"server": through}} if through else {}
    async with tab(browser, ignore_https_errors=True, **proxied) as page:
        await page.goto(f"{url}/first")
        await expect(page.locator("h1")).to_have_text("/first")
        await expect(page.locator("p")).to_have_text("<h1>/more</h1>")


async def test_a_browser_browses_through_the_plugins(tmp_path: Path, free_ports: Callable[[], int]) -> None:
    ports = [free_ports() for _ in range(4)]
    web, socks, files, tls = ports
    folder = tmp_path / "files"
    (folder / "a folder").mkdir(parents=True)
    data = random.randbytes(1_000_000)
    (folder / "a folder" / "ü & <b>.bin").write_bytes(data)
    async with (
        running_server(server_config()) as server,
        local_service(site) as local,
        running_client(
            client_config(
                server.address[1],
                proxy("web", web, 'type = "http_proxy"')
                + proxy("socks", socks, 'type = "socks5"')
                + proxy("files", files, f'type = "static_file"\nlocalPath = "{folder}"')
                + proxy("tls", tls, f'type = "https2http"\nlocalAddr = "127.0.0.1:{local}"'),
            )
        ),
        chromium(_NO_NAMES) as browser,
    ):
        target = f"http://localhost:{local}"
        await browsed(browser, target, through=f"http://127.0.0.1:{web}")
        await browsed(browser, target, through=f"socks5://127.0.0.1:{socks}")
        await browsed(browser, f"https://127.0.0.1:{tls}")
        async with tab(browser, accept_downloads=True) as page:
            await page.goto(f"http://127.0.0.1:{files}/")
            await page.get_by_role("link", name="a folder/").click()
            async with page.expect_download() as download:
                await page.get_by_role("link", name="ü & <b>.bin").click()
            assert (await (await download.value).path()).read_bytes() == data
