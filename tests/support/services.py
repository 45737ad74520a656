"""Small real services on 127.0.0.1 for the far end of a tunnel: TCP and UDP echo, and a web server."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import cast


class _Echo(asyncio.Protocol):
    """Sends back what comes, as fast as the peer takes it; its half-close is answered with ours."""

    def __init__(self, living: set[asyncio.Transport]) -> None:
        self._living = living

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._living.add(self._transport)

    def data_received(self, data: bytes) -> None:
        self._transport.write(data)

    def pause_writing(self) -> None:
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._living.discard(self._transport)


@contextmanager
def silent() -> Iterator[int]:
    """A TCP service that takes connections and does nothing; gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as service:
        yield service.getsockname()[1]


@asynccontextmanager
async def tcp_echo(port: int = 0) -> AsyncIterator[int]:
    """A TCP echo server; gives its port. At the end it aborts what is still connected."""
    living: set[asyncio.Transport] = set()
    server = await asyncio.get_running_loop().create_server(lambda: _Echo(living), "127.0.0.1", port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for transport in list(living):
            transport.abort()
        await server.wait_closed()


class _UdpEcho(asyncio.DatagramProtocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._transport.sendto(data, addr)


@asynccontextmanager
async def udp_echo(port: int = 0) -> AsyncIterator[int]:
    """A UDP echo server; gives its port."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(_UdpEcho, local_addr=("127.0.0.1", port))
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


@dataclass(slots=True)
class Request:
    """A request as it reached the web server."""

    method: str
    path: str
    headers: Message
    body: bytes


@dataclass(slots=True)
class WebServer:
    """A running web server: paths of ``pages`` are answered, all others with 404; every request is kept."""

    port: int
    pages: dict[str, bytes]
    requests: list[Request] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    web: WebServer

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.web.requests.append(Request(self.command, self.path, self.headers, body))
        page = self.web.pages.get(self.path)
        self.send_response(200 if page is not None else 404)
        self.send_header("Content-Length", str(len(page or b"")))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(page or b"")

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _answer

    def log_message(self, format: str, *args: object) -> None:
        """Requests are kept, not printed."""


@contextmanager
def web_server(pages: dict[str, bytes] | None = None, port: int = 0) -> Iterator[WebServer]:
    """An HTTP/1.1 server with keep-alive in threads of its own; ``pages`` is path → body."""

    class Handler(_Handler):
        """The handler of this server alone."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    Handler.web = web = WebServer(server.server_address[1], pages or {"/": b"hello\n"})
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
