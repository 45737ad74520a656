"""HTTP as tests want it: a service whose every byte is kept and whose answers are chosen, and users that speak raw.

h11 reads what is exchanged: it is not the parser of the product.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import h11

from aiofrp.client.service import Client
from aiofrp.server.service import Server
from tests.support.ports import free_port
from tests.support.tunnel import (
    PATIENCE,
    client_config,
    local_service,
    running_client,
    running_server,
    server_config,
)

RECORDINGS = Path(__file__).parent.parent / "vectors" / "vhost"


@dataclass(slots=True)
class Request:
    """A request as it reached the service."""

    method: bytes
    target: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes = b""

    def values(self, name: bytes) -> list[bytes]:
        """All values of the field ``name`` (lower case)."""
        return [value for key, value in self.headers if key == name]


@dataclass(slots=True)
class Response:
    """A response as the user got it."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes = b""
    reason: bytes = b""
    version: bytes = b"1.1"

    def value(self, name: bytes) -> bytes | None:
        """The value of the field ``name`` (lower case), or ``None``."""
        return dict(self.headers).get(name)


Answer = Callable[[Request], bytes]
"""Makes all the bytes of a response."""


def ok(body: bytes = b"hello", *fields: bytes) -> bytes:
    """A response with a body of known length."""
    lines = [b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *fields, b"", body]
    return b"\r\n".join(lines)


@dataclass(slots=True)
class Service:
    """The service behind a tunnel: ``received`` has the bytes of each connection, ``requests`` what h11 made of it."""

    answer: Answer = lambda request: ok()
    requests: list[Request] = field(default_factory=list)
    received: list[bytearray] = field(default_factory=list)
    open: int = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mine = bytearray()
        self.received.append(mine)
        self.open += 1
        peer = h11.Connection(h11.SERVER)
        try:
            while (request := await self._read(peer, reader, mine)) is not None:
                self.requests.append(request)
                writer.write(self.answer(request))
                await writer.drain()
                if peer.their_state is not h11.DONE:
                    return
                peer = _next(peer)
        finally:
            self.open -= 1

    async def _read(
        self, peer: h11.Connection, reader: asyncio.StreamReader, mine: bytearray
    ) -> Request | None:
        request: Request | None = None
        while True:
            event = peer.next_event()
            if event is h11.NEED_DATA:
                data = await reader.read(65536)
                mine += data
                peer.receive_data(data)
            elif isinstance(event, h11.Request):
                request = Request(event.method, event.target, list(event.headers))
            elif isinstance(event, h11.Data) and request is not None:
                request.body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return request
            else:
                return None


def saying(body: str) -> Service:
    """A service that says the same to everybody."""
    return Service(lambda request: ok(body.encode()))


def echoing() -> Service:
    """A service whose response has the request line and the fields of the request."""

    def answer(request: Request) -> bytes:
        lines = [b"%b %b HTTP/1.1" % (request.method, request.target)]
        return ok(b"\n".join([*lines, *(b"%b: %b" % pair for pair in request.headers), request.body]))

    return Service(answer)


async def upgrading(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A service that agrees to become a websocket, and sends back in capitals what it gets."""
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"GET / HTTP/1.1\r\n")
    assert b"Upgrade: websocket" in head
    writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    while data := await reader.read(1000):
        writer.write(data.upper())


def _next(peer: h11.Connection) -> h11.Connection:
    """A fresh reader for the next request, with the bytes that were read ahead."""
    ahead = peer.trailing_data[0]
    fresh = h11.Connection(h11.SERVER)
    if ahead:
        fresh.receive_data(ahead)
    return fresh


class User:
    """A raw connection to a vhost port."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._ahead = b""
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def read(self, size: int = 65536) -> bytes:
        """Some bytes that came; ``b""`` at the end."""
        if self._ahead:
            data, self._ahead = self._ahead, b""
            return data
        async with asyncio.timeout(PATIENCE):
            return await self._reader.read(size)

    async def read_until(self, mark: bytes) -> bytes:
        """All bytes up to and including ``mark``."""
        data = b""
        while mark not in data:
            more = await self.read()
            assert more, data
            data += more
        end = data.index(mark) + len(mark)
        self._ahead = data[end:] + self._ahead
        return data[:end]

    async def rest(self) -> bytes:
        """Everything until the connection ends."""
        data = b""
        while more := await self.read():
            data += more
        return data

    async def response(self, method: str = "GET") -> Response:
        """The next response, interim ones left out."""
        peer = h11.Connection(h11.CLIENT)
        peer.send(h11.Request(method=method, target="/", headers=[("Host", "x")]))
        peer.send(h11.EndOfMessage())
        response: Response | None = None
        while True:
            event = peer.next_event()
            if event is h11.NEED_DATA:
                peer.receive_data(await self.read())
            elif isinstance(event, h11.Response):
                headers = list(event.headers)
                response = Response(event.status_code, headers, b"", event.reason, event.http_version)
            elif isinstance(event, h11.Data) and response is not None:
                response.body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage) and response is not None:
                self._ahead = peer.trailing_data[0] + self._ahead
                return response
            else:
                assert isinstance(event, h11.InformationalResponse), event

    async def get(self, host: str, path: str = "/", *fields: str) -> Response:
        """Ask for ``path`` of ``host``."""
        self.send("\r\n".join([f"GET {path} HTTP/1.1", f"Host: {host}", *fields, "", ""]).encode())
        return await self.response()


@asynccontextmanager
async def user_of(port: int) -> AsyncIterator[User]:
    """A user connected to 127.0.0.1:``port``."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield User(reader, writer)
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def talk(port: int, data: bytes) -> bytes:
    """Send ``data`` and read everything until the connection ends."""
    async with user_of(port) as user:
        user.send(data)
        return await user.rest()


@dataclass(slots=True)
class Site:
    """A running tunnel with vhosts."""

    port: int
    server: Server
    client: Client


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def http_site(
    services: Mapping[str, Handler],
    options: Iterable[str] = (),
    *,
    own: Mapping[str, tuple[str, ...]] | None = None,
    server: str = "",
) -> AsyncIterator[Site]:
    """frps, frpc and an http proxy per service, for the host of its name with ``.test``; ``options`` are lines for
    every proxy, ``own`` more for single ones, ``server`` for frps."""
    port = free_port()
    config = server_config(f"vhostHTTPPort = {port}\n{server}")
    async with running_server(config) as frps, local_services(services) as locals_:
        text = "".join(
            http_proxy(name, local, *options, *(own or {}).get(name, ())) for name, local in locals_.items()
        )
        async with running_client(client_config(frps.address[1], text)) as frpc:
            yield Site(port, frps, frpc)


def http_proxy(name: str, local: int, *options: str) -> str:
    """The configuration of a proxy for the host ``name``.test."""
    options = (
        options
        if any("customDomains" in option for option in options)
        else (
            f'customDomains = ["{name}.test"]',
            *options,
        )
    )
    return "\n".join(
        ["[[proxies]]", f'name = "{name}"', 'type = "http"', f"localPort = {local}", *options, ""]
    )


@asynccontextmanager
async def local_services(services: Mapping[str, Handler]) -> AsyncIterator[dict[str, int]]:
    """Services by name; gives their ports."""
    if not services:
        yield {}
        return
    (name, handler), *rest = services.items()
    async with local_service(handler) as port, local_services(dict(rest)) as others:
        yield {name: port, **others}


def recording(name: str) -> tuple[bytes, bytes, str]:
    """What was sent and received in a recorded exchange, and how it ended: ``EOF`` or ``timeout``."""
    text = (RECORDINGS / f"{name}.txt").read_bytes()
    sent, _, received = text.removeprefix(b"--- sent\n").partition(b"\n--- received\n")
    received, _, end = received.rpartition(b"<<")
    return sent, received, end.decode().strip().removesuffix(">>")
