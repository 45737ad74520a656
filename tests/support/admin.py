"""A frpc with a file, in this loop, and calls to its admin API."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp

from aiofrp.client.service import Client
from aiofrp.client.sources.file import ConfigSource
from aiofrp.errors import FrpError
from tests.support.tunnel import PATIENCE


@asynccontextmanager
async def running_file(path: Path, *, online: bool = True) -> AsyncIterator[Client]:
    """frpc with the configuration in a file, once its proxies are answered, or (not ``online``) its API is there."""
    source = ConfigSource(str(path))
    client = Client(source.start().config, source)
    task = asyncio.create_task(client.run())
    ready = asyncio.create_task(
        client.proxies.settled() if online else listening(client.config.web_server.port)
    )
    try:
        async with asyncio.timeout(PATIENCE):
            await asyncio.wait({ready, task}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
        yield client
    finally:
        ready.cancel()
        client.stop()
        with suppress(FrpError):
            await task


async def listening(port: int) -> None:
    """Wait until someone listens on 127.0.0.1:``port``."""
    while True:
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(0.01)


class Caller:
    """Calls one admin API."""

    def __init__(self, session: aiohttp.ClientSession, port: int, credentials: str) -> None:
        self._session = session
        self._url = f"http://127.0.0.1:{port}"
        self.credentials = credentials  # the header, empty for none

    async def __call__(
        self, method: str, path: str, *, body: str = "", headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, str], str]:
        """Status, headers (names in lower case) and body of the answer."""
        sent = dict(headers or {})
        if self.credentials:
            sent["Authorization"] = self.credentials
        data = io.BytesIO(body.encode()) if body else None
        async with self._session.request(
            method, self._url + path, data=data, headers=sent, allow_redirects=False
        ) as answer:
            return answer.status, {k.lower(): v for k, v in answer.headers.items()}, await answer.text()


@asynccontextmanager
async def calling(port: int, credentials: str = "") -> AsyncIterator[Caller]:
    """Calls to the admin API on 127.0.0.1:``port``."""
    async with aiohttp.ClientSession() as session:
        yield Caller(session, port, credentials)


def basic(user: str, password: str) -> str:
    """An ``Authorization`` header."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"
