"""What a tab with a dashboard of frps holds over time: ``python -m bench.tabmemory --minutes 10``.

A frps with 1,000 proxies and 500 clients, of which some come and go each second, is shown by four tabs of Chromium: the
overview, the lists of proxies and clients, and the log. Each minute, after the garbage was collected, a line for each
tab says how many bytes its scripts hold, and how many nodes and listeners the page has. Before that a tab says how long
the first list took and how evenly it scrolls. The status is 1 where a tab holds a quarter more at the end than after
the first minute.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import logging
import os
import shutil
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from playwright.async_api import Browser, CDPSession, Page, async_playwright

from aiofrp.aio import Scope
from aiofrp.config.load.decode import decode_server
from aiofrp.logs import get, setup
from aiofrp.server.service import Server
from aiofrp.wire.frp.messages import Login
from bench.pairs import free_ports

PROXIES, CLIENTS = 1000, 500
#: Clients, and proxies, that come and go in a second.
_CHANGES = 10
_PATHS = ("/", "/proxies?pageSize=100", "/clients?pageSize=100", "/logs")
#: What a tab may hold at the end, as a part of what it held after the first minute.
_GROWTH = 1.25

_SCROLL = """async () => {
  const box = document.scrollingElement, times = []
  let last = performance.now()
  for (let n = 0; n < 60; n += 1) {
    box.scrollTop = (box.scrollHeight - innerHeight) * (n / 59)
    await new Promise(requestAnimationFrame)
    const now = performance.now()
    times.push(now - last)
    last = now
  }
  return times.sort((a, b) => a - b)
}"""

_log = get("aiofrp.bench")


@dataclass
class Tab:
    """One page that is watched."""

    path: str
    page: Page
    session: CDPSession
    held: list[float] = field(default_factory=list)  #: bytes after each minute

    async def measure(self) -> str:
        """Collect the garbage, and take what is held."""
        await self.session.send("HeapProfiler.collectGarbage")
        answer = await self.session.send("Performance.getMetrics")
        found = {item["name"]: item["value"] for item in answer["metrics"]}
        self.held.append(found["JSHeapUsedSize"])
        return (
            f"{self.path:24} {found['JSHeapUsedSize'] / 1e6:6.2f} MB"
            f" {found['Nodes']:7.0f} nodes {found['JSEventListeners']:5.0f} listeners"
        )


async def events(server: Server) -> None:
    """Clients and proxies that come and go, and lines of the log, for ever."""
    statistics, clients = server.statistics, server.tables.clients
    assert statistics is not None
    for turn in itertools.count():
        for n in range(_CHANGES):
            number = (turn * _CHANGES + n) % CLIENTS
            login, run_id = Login(user="u", client_id=f"c{number}"), f"run{number}"
            clients.left(login, run_id)
            clients.entered(login, run_id, "v1", "127.0.0.1")
            name = f"p{(turn * _CHANGES + n) % PROXIES}"
            statistics.proxy_closed(name, "tcp")
            statistics.proxy_opened(name, "tcp", "u", f"c{number}")
            _log.info("client u.c%d came again", number)
        await asyncio.sleep(1)


async def opened(browser: Browser, url: str, path: str) -> Tab:
    """A tab with the page at ``path``."""
    page = await browser.new_page()
    await page.goto(f"{url}#{path}")
    session = await page.context.new_cdp_session(page)
    await session.send("Performance.enable")
    await session.send("HeapProfiler.enable")
    return Tab(path, page, session)


async def first_list(browser: Browser, url: str) -> None:
    """Say how long the first list of proxies takes, and how evenly it scrolls."""
    page = await browser.new_page()
    await page.goto(f"{url}#/proxies?pageSize=100")
    await page.locator("tbody tr").nth(99).wait_for()
    taken = await page.evaluate("performance.now()")
    frames = await page.evaluate(_SCROLL)
    print(
        f"the first list was there after {taken:.0f} ms; a frame while scrolling takes {frames[30]:.0f} ms,"
        f" the longest {frames[-1]:.0f} ms"
    )
    await page.close()


async def watched(minutes: int) -> int:
    """Watch for ``minutes``; the status to end with."""
    ports = free_ports()
    bind, web = next(ports), next(ports)
    config = decode_server({"bindAddr": "127.0.0.1", "bindPort": bind, "webServer": {"port": web}})
    server = Server(config)
    await server.start()
    assert server.statistics is not None
    for n in range(CLIENTS):
        server.tables.clients.entered(Login(user="u", client_id=f"c{n}"), f"run{n}", "v1", "127.0.0.1")
    for n in range(PROXIES):
        server.statistics.proxy_opened(f"p{n}", "tcp", "u", f"c{n % CLIENTS}")
    async with AsyncExitStack() as stack:
        stack.push_async_callback(server.stop, grace=0)
        scope = Scope("tabmemory")
        stack.push_async_callback(scope.close)
        scope.spawn(events(server), "events")
        playwright = await stack.enter_async_context(async_playwright())
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=sandbox)
        stack.push_async_callback(browser.close)
        url = f"http://127.0.0.1:{web}/static/"
        await first_list(browser, url)
        tabs = [await opened(browser, url, path) for path in _PATHS]
        for minute in range(1, minutes + 1):
            await asyncio.sleep(60)
            for tab in tabs:
                print(f"{minute:3} min  {await tab.measure()}", flush=True)
    grown = [tab.path for tab in tabs if tab.held[-1] > tab.held[0] * _GROWTH]
    if grown:
        print(f"these hold more than at first: {', '.join(grown)}")
    return 1 if grown else 0


def main() -> int:
    """Do what the command line asks for; the status to end with."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=int, default=10, help="how long the tabs are watched")
    arguments = parser.parse_args()
    setup(logging.NullHandler())
    return asyncio.run(watched(arguments.minutes))


if __name__ == "__main__":
    sys.exit(main())
