"""A whole tunnel in one event loop: frps, frpc and a local service, on real sockets of the loopback address."""

from __future__ import annotations

import asyncio
import ssl
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from aiofrp.client.service import Client
from aiofrp.config.load.decode import decode_client, decode_server
from aiofrp.config.models.client import ClientConfig
from aiofrp.config.models.server import ServerConfig
from aiofrp.server.hooks import Hooks
from aiofrp.server.service import Server
from tests.support.ports import free_port

#: Seconds after which a step of a test has failed.
PATIENCE = 60.0

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def server_config(toml: str = "", *, port: int = 0) -> ServerConfig:
    """frps on 127.0.0.1 with ``toml`` added."""
    tree = {"bindAddr": "127.0.0.1", "bindPort": port or free_port(), **tomllib.loads(toml)}
    return decode_server(tree)


def client_config(server: int, toml: str = "") -> ClientConfig:
    """frpc for a server on 127.0.0.1:``server`` with ``toml`` added."""
    tree = {"serverAddr": "127.0.0.1", "serverPort": server, **tomllib.loads(toml)}
    return decode_client(tree)


@asynccontextmanager
async def running_server(config: ServerConfig, *, hooks: Hooks | None = None) -> AsyncIterator[Server]:
    """frps in this loop, which asks ``hooks``."""
    server = Server(config, hooks=hooks)
    await server.start()
    try:
        yield server
    finally:
        await server.stop(grace=0)


@asynccontextmanager
async def running_client(config: ClientConfig, *, settle: bool = True) -> AsyncIterator[Client]:
    """frpc in this loop, with its proxies answered unless ``settle`` is off."""
    client = Client(config)
    task = asyncio.create_task(client.run())
    try:
        if settle:
            async with asyncio.timeout(PATIENCE):
                settled = asyncio.create_task(client.proxies.settled())
                await asyncio.wait({settled, task}, return_when=asyncio.FIRST_COMPLETED)
                settled.cancel()
                if task.done():
                    await task
        yield client
    finally:
        client.stop()
        with suppress(Exception):
            await task


@asynccontextmanager
async def local_service(
    handler: Handler, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[int]:
    """A TCP service on ``port`` of ``host``, a free one for 0, within TLS if there is a context; gives the port."""
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        try:
            await handler(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            connections.discard(task)
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    service = await asyncio.start_server(serve, host, port, ssl=tls)
    try:
        yield service.sockets[0].getsockname()[1]
    finally:
        service.close()
        for task in list(connections):
            task.cancel()
        if connections:
            await asyncio.wait(connections)


@asynccontextmanager
async def unix_service(path: str, handler: Handler) -> AsyncIterator[None]:
    """A service on the socket ``path``; a leading ``@`` makes it abstract."""
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        try:
            with suppress(ConnectionError):
                await handler(reader, writer)
        finally:
            serving.discard(task)
            writer.close()

    name = f"\0{path[1:]}" if path.startswith("@") else path
    server = await asyncio.start_unix_server(serve, name)
    try:
        yield
    finally:
        server.close()
        for task in serving:
            task.cancel()
        if serving:
            await asyncio.wait(serving)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send everything back, then finish."""
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


async def exchange(port: int, data: bytes) -> bytes:
    """Send ``data`` and a half-close to 127.0.0.1:``port``; everything that comes back."""
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            answer = asyncio.create_task(reader.read(-1))
            writer.write(data)
            await writer.drain()
            writer.write_eof()
            return await answer
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
