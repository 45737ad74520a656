"""A server plugin in this event loop: it notes what it is asked and answers as a function says."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

ALLOW: dict[str, Any] = {"reject": False, "unchange": True}


@dataclass(frozen=True, slots=True)
class Asked:
    """One request."""

    head: str  #: with the empty line
    body: bytes
    port: int  #: of the client: tells connections apart

    @property
    def line(self) -> str:
        return self.head.partition("\r\n")[0]

    @property
    def request_id(self) -> str:
        return self.field("X-Frp-Reqid")

    @property
    def op(self) -> str:
        return str(json.loads(self.body)["op"])

    @property
    def content(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)["content"]
        return found

    def field(self, name: str) -> str:
        """The value of a field of the head, or empty."""
        for line in self.head.split("\r\n"):
            key, _, value = line.partition(": ")
            if key == name:
                return value
        return ""


Decide = Callable[[Asked], Awaitable[Any]]
"""Returns the JSON value to answer with, or bytes: the raw response."""


class PluginService:
    """A running plugin."""

    def __init__(self, decide: Decide) -> None:
        self.decide = decide
        self.asked: list[Asked] = []
        self.port = 0
        self._writers: set[asyncio.StreamWriter] = set()

    def of(self, op: str) -> list[Asked]:
        """What was asked about one kind of event."""
        return [asked for asked in self.asked if asked.op == op]

    def table(self, *ops: str, name: str = "p", addr: str = "", path: str = "/handler") -> str:
        """The table of frps' file for this plugin."""
        return (
            f'[[httpPlugins]]\nname = "{name}"\naddr = "{addr or f"127.0.0.1:{self.port}"}"\n'
            f'path = "{path}"\nops = {json.dumps(ops)}\n'
        )

    def drop_all(self) -> None:
        """End all connections."""
        for writer in self._writers:
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self._writers.add(writer)
        peer = writer.get_extra_info("peername")
        try:
            while peer is not None:  # else it is gone already
                _, port = peer
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                asked = Asked(head, b"", port)
                body = await reader.readexactly(int(asked.field("Content-Length") or 0))
                asked = Asked(head, body, port)
                self.asked.append(asked)
                writer.write(raw(await self.decide(asked)))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()


def raw(answer: Any, status: str = "200 OK", fields: str = "") -> bytes:
    """``answer`` as a response; bytes are one already."""
    if isinstance(answer, bytes):
        return answer
    body = json.dumps(answer).encode()
    return f"HTTP/1.1 {status}\r\n{fields}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def allow(asked: Asked) -> Any:
    """Let everything pass."""
    return ALLOW


async def hang(asked: Asked) -> Any:
    """Never answer."""
    await asyncio.Event().wait()


@asynccontextmanager
async def plugin_service(
    decide: Decide = allow, *, tls: ssl.SSLContext | None = None, port: int = 0
) -> AsyncIterator[PluginService]:
    """A plugin on a port of 127.0.0.1."""
    service = PluginService(decide)
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(service.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", port, ssl=tls, backlog=4096)
    service.port = server.sockets[0].getsockname()[1]
    try:
        yield service
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()
