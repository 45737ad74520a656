"""Proxies on the way to a server, for tests: HTTP CONNECT, perhaps within TLS, and SOCKS 5."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.support.tlsrelay import copy
from tests.support.tunnel import Handler, local_service

#: Names only the proxy knows, and their addresses: whoever reaches one has not looked it up.
KNOWN = {"frps.example.com": "127.0.0.1"}


class Seen:
    """What a proxy was told, whole heads or messages in order."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []
        self.sources: list[str] = []
        self.port = 0


async def _relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int) -> None:
    far_reader, far_writer = await asyncio.open_connection(KNOWN.get(host, host), port)
    try:
        await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer))
    finally:
        far_writer.close()


def _http(seen: Seen, answers: list[bytes]) -> Handler:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.sources.append(writer.get_extra_info("peername")[0])
        for answer in answers:
            seen.heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(answer)
        if not answers[-1].startswith(b"HTTP/1.1 200"):
            return
        host, _, port = seen.heads[-1].split()[1].decode().rpartition(":")
        await _relay(reader, writer, host, int(port))

    return serve


@asynccontextmanager
async def http_proxy(*answers: bytes, tls: ssl.SSLContext | None = None) -> AsyncIterator[Seen]:
    """An HTTP proxy that gives ``answers`` to the requests of a connection, and connects after a last 200."""
    seen = Seen()
    serve = _http(seen, list(answers) or [b"HTTP/1.1 200 OK\r\n\r\n"])
    async with local_service(serve, tls=tls) as seen.port:
        yield seen


@asynccontextmanager
async def socks_proxy(login: tuple[str, str] | None = None, failure: int = 0) -> AsyncIterator[Seen]:
    """A SOCKS proxy; ``failure`` is the code it answers with."""
    seen = Seen()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, count = await reader.readexactly(2)
        methods = await reader.readexactly(count)
        seen.heads.append(methods)
        writer.write(b"\5\2" if login else b"\5\0")
        if login:
            _, size = await reader.readexactly(2)
            user = await reader.readexactly(size)
            (size,) = await reader.readexactly(1)
            given = user.decode(), (await reader.readexactly(size)).decode()
            writer.write(b"\1\0" if given == login else b"\1\1")
        _, _, _, kind = await reader.readexactly(4)
        if kind == 3:
            (size,) = await reader.readexactly(1)
            host = (await reader.readexactly(size)).decode()
        else:
            host = socket.inet_ntop(socket.AF_INET, await reader.readexactly(4))
        (port,) = struct.unpack(">H", await reader.readexactly(2))
        seen.heads.append(host.encode())
        writer.write(bytes((5, failure, 0, 1)) + bytes(6))
        if not failure:
            await _relay(reader, writer, host, port)

    async with local_service(serve) as seen.port:
        yield seen
