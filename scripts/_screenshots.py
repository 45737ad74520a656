"""Makes the screenshots of both dashboards below ``docs/images``: a frps and a frpc with some life, and a browser."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, async_playwright

from aiofrp.aio import Scope

IMAGES = Path(__file__).parents[1] / "docs" / "images"
#: Seconds of traffic before the first picture, so that the plots have something to show.
_LIFE = float(os.environ.get("AIOFRP_SCREENSHOT_LIFE", "150"))

_FRPS = """
bindPort = 7000
kcpBindPort = 7000
vhostHTTPPort = 8080
vhostHTTPSPort = 8443
subDomainHost = "example.com"
webServer.port = 7500
allowPorts = [{ start = 6000, end = 7000 }]
log.level = "info"
"""
_FRPC = """
serverAddr = "127.0.0.1"
serverPort = 7000
user = "alice"
clientID = "laptop"
webServer.port = 7400
store.path = "store.json"

[[proxies]]
name = "ssh"
type = "tcp"
localPort = 7300
remotePort = 6022
annotations = { site = "Amsterdam", owner = "alice" }

[[proxies]]
name = "shop"
type = "http"
localPort = 7300
subdomain = "shop"
customDomains = ["shop.example.org"]

[[proxies]]
name = "backup"
type = "stcp"
secretKey = "secret"
localPort = 7300

[[proxies]]
name = "files"
type = "tcp"
remotePort = 6023
plugin = { type = "static_file", localPath = "." }

[[proxies]]
name = "camera"
type = "tcp"
localPort = 81
remotePort = 9000

[[visitors]]
name = "office-printer"
type = "stcp"
serverName = "printer"
secretKey = "secret"
bindPort = 6100
"""
_OTHER = """
serverAddr = "127.0.0.1"
serverPort = 7000
user = "bob"
clientID = "nas"

[[proxies]]
name = "photos"
type = "http"
localPort = 7300
subdomain = "photos"

[[proxies]]
name = "dns"
type = "udp"
localPort = 5353
remotePort = 6053
"""

#: Name of the picture → port of the pages, path, width, height, scheme, language.
_PICTURES: dict[str, tuple[int, str, int, int, str, str]] = {
    "frps-overview": (7500, "/", 1280, 800, "light", "en-GB"),
    "frps-overview-dark": (7500, "/", 1280, 800, "dark", "en-GB"),
    "frps-overview-zh": (7500, "/", 1280, 800, "light", "zh-CN"),
    "frps-overview-phone": (7500, "/", 375, 780, "dark", "en-GB"),
    "frps-clients": (7500, "/clients", 1280, 520, "light", "en-GB"),
    "frps-client": (7500, "/clients/alice.laptop", 1280, 720, "light", "en-GB"),
    "frps-proxies": (7500, "/proxies", 1280, 560, "light", "en-GB"),
    "frps-proxy": (7500, "/proxy/alice.ssh", 1280, 1180, "light", "en-GB"),
    "frps-audit": (7500, "/audit", 1280, 480, "light", "en-GB"),
    "frps-log": (7500, "/logs", 1280, 640, "dark", "en-GB"),
    "frpc-proxies": (7400, "/", 1280, 640, "light", "en-GB"),
    "frpc-proxies-zh": (7400, "/", 1280, 640, "dark", "zh-CN"),
    "frpc-proxy": (7400, "/proxy/shop", 1280, 560, "light", "en-GB"),
    "frpc-visitors": (7400, "/visitors", 1280, 480, "light", "en-GB"),
    "frpc-types": (7400, "/new/proxy", 1280, 520, "light", "en-GB"),
    "frpc-form": (7400, "/new/proxy/http", 1280, 900, "light", "en-GB"),
    "frpc-config": (7400, "/config", 1280, 820, "light", "en-GB"),
    "frpc-log": (7400, "/logs", 1280, 560, "light", "en-GB"),
}


async def main() -> None:
    """Make all pictures."""
    shutil.rmtree(IMAGES, ignore_errors=True)
    IMAGES.mkdir(parents=True)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        service = await asyncio.start_server(_serve, "127.0.0.1", 7300)
        stack.callback(service.close)
        for name, program, text in (("s", "frps", _FRPS), ("c", "frpc", _FRPC), ("o", "frpc", _OTHER)):
            await stack.enter_async_context(running(folder / f"{name}.toml", program, text))
        users = Scope("users")
        stack.push_async_callback(users.close)
        for port in (6022, 6022, 8080, 8080):
            users.spawn(_use(port), f"user of {port}")
        await asyncio.sleep(_LIFE)
        playwright = await stack.enter_async_context(async_playwright())
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=sandbox)
        stack.push_async_callback(browser.close)
        await _operate(browser)
        for name in _PICTURES:
            await _picture(browser, name)


@asynccontextmanager
async def running(file: Path, program: str, text: str) -> AsyncIterator[None]:
    """A program with a configuration, ended at the end."""
    await asyncio.to_thread(file.write_text, text, encoding="utf-8")
    command = str(Path(sys.executable).parent / program)
    nowhere = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(command, "-c", file.name, cwd=file.parent, stdout=nowhere)
    await asyncio.sleep(3)
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A service that answers with more than it was sent."""
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            body = random.randbytes(random.randint(2_000, 60_000))
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) if b"HTTP" in data else b""
            )
            writer.write(body)
            await writer.drain()
    writer.close()


async def _use(port: int) -> None:
    """A user who comes, asks some times, and goes."""
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            host = random.choice((b"shop", b"photos"))
            for _ in range(random.randint(5, 60)):
                writer.write(b"GET / HTTP/1.1\r\nHost: %b.example.com\r\n\r\n" % host)
                await asyncio.wait_for(reader.read(65536), 5)
                await asyncio.sleep(random.random() / 2)
            writer.close()


async def _operate(browser: Browser) -> None:
    """Something for the audit log."""
    page = await browser.new_page()
    await page.goto("http://127.0.0.1:7500/static/")
    await page.evaluate(
        """async () => {
          const post = (path, reason) =>
            fetch(`../api/v2/${path}`, { method: 'POST', body: JSON.stringify({ reason }) })
          await post('proxies/bob.dns/disable', 'open resolver')
          await post('clients/bob.nas/kick', 'maintenance')
          await post('proxies/bob.dns/enable', '')
        }"""
    )
    await page.close()
    await asyncio.sleep(8)


async def _picture(browser: Browser, name: str) -> None:
    port, path, width, height, scheme, locale = _PICTURES[name]
    context = await browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
        locale=locale,
    )
    page = await context.new_page()
    await page.goto(f"http://127.0.0.1:{port}/static/#{path}")
    await page.wait_for_timeout(2500)
    if name == "frpc-config":
        editor = page.get_by_role("textbox")
        await editor.fill(_FRPC.lstrip().replace("localPort = 81", "localPrt = 81"))
        await page.wait_for_timeout(2500)
    await page.screenshot(path=IMAGES / f"{name}.png")
    await context.close()


if __name__ == "__main__":
    asyncio.run(main())
