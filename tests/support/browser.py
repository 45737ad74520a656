"""A real browser (Debian's Chromium, driven by Playwright) at the dashboards, and what must hold on every page of them.

``scripts/services`` installs the browser; the pages are built by ``scripts/setup``.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, Request, async_playwright, expect

from aiofrp.webserver.pages import BUILT
from tests.support.realservices import ABSENT, needs, program

#: Milliseconds after which a step in the browser has failed.
PATIENCE_MS = 30_000

expect.set_options(timeout=PATIENCE_MS)

AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"

needs_browser = needs("chromium")
needs_pages = pytest.mark.skipif(
    not (BUILT / "frps.html").exists(), reason=f"the pages are not built (python web/build.py): {ABSENT}"
)

#: Names and texts that peers choose, each of which is a script where a page takes it for more than text.
HOSTILE = (
    "<img src=x onerror=alert(1)>",
    '"><script>alert(1)</script>',
    "javascript:alert(1)",
    "<svg/onload=alert(1)>",
    "{{constructor.constructor('alert(1)')()}}",
    "</title></style></textarea><iframe src=javascript:alert(1)>",
    "a/../../b?c#d%2e%3Cscript%3E",
    "\u202egnp.exe ' onmouseover=alert(1) x='",
)

_FLAGS = ("--disable-dev-shm-usage", "--disable-gpu", "--disable-component-update")


@asynccontextmanager
async def chromium(*flags: str) -> AsyncIterator[Browser]:
    """A browser without a window, ended at the end."""
    sandbox = ("--no-sandbox",) if os.geteuid() == 0 else ()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=program("chromium"), args=[*_FLAGS, *sandbox, *flags]
        )
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def tab(browser: Browser, **options: Any) -> AsyncIterator[Page]:
    """A page in a context of its own (``options``: those of ``Browser.new_context``).

    At the end the test fails if the page did what no page may: an error in its script or on its console (a refusal by
    the Content-Security-Policy is one), a dialog, or a request to another machine.
    """
    context = await browser.new_context(**options)
    context.set_default_timeout(PATIENCE_MS)
    page = await context.new_page()
    faults: list[str] = []

    def console(message: ConsoleMessage) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:
            faults.append(f"console: {message.text}")

    def requested(request: Request) -> None:
        if urlsplit(request.url).hostname not in ("127.0.0.1", "localhost"):
            faults.append(f"request: {request.url}")

    page.on("console", console)
    page.on("pageerror", lambda error: faults.append(f"script: {error}"))
    page.on("dialog", lambda dialog: faults.append(f"dialog: {dialog.message}"))
    page.on("request", requested)
    try:
        yield page
        assert not faults, "\n".join(faults)
    finally:
        await context.close()


async def axe(page: Page) -> list[str]:
    """The serious and critical findings of axe-core, a line each."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE.read_text(encoding="utf-8"))
    found: Mapping[str, Any] = await page.evaluate(
        "axe.run(document, {resultTypes: ['violations'], elementRef: false})"
    )
    return [
        f"{page.url} {violation['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


WIDTHS = (375, 768, 1280)


async def look(page: Page, path: str, heading: str, *, judged: bool) -> list[str]:
    """Show the page at ``path`` (after the ``#``) in three widths and both schemes; what is wrong with it, a line each.

    ``heading``: a text that stands in its heading. ``judged``: axe looks at the narrow light and at the wide dark page.
    """
    await page.evaluate("path => { location.hash = path }", path)
    await page.locator("h1", has_text=heading).wait_for()
    await page.locator("[aria-busy=true]").first.wait_for(state="detached")
    found = []
    for scheme, widths in (("light", WIDTHS[::-1]), ("dark", WIDTHS)):
        await page.emulate_media(
            color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce"
        )
        await page.wait_for_function(
            "scheme => document.documentElement.dataset.theme === scheme", arg=scheme
        )
        for width in widths:
            await page.set_viewport_size({"width": width, "height": 900})
            seen = await page.evaluate("() => document.documentElement.scrollWidth")
            if seen != width:
                found.append(f"{path} at {width} {scheme} is {seen} wide")
        if judged and AXE.exists():
            found += await axe(page)
    return found
