"""Requests as browsers, panels, agents, scripts and strangers write them, against the web server of both programs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from aiofrp.config.models.shared import WebServerConfig
from aiofrp.config.models.types import Secret
from aiofrp.webserver import front
from aiofrp.webserver.server import WebServer, text_response
from tests.support.ports import free_port
from tests.support.tunnel import PATIENCE

LOGIN = b"Authorization: Basic YTpi\r\n"
GET = b"GET /api/x HTTP/1.1\r\nHost: x\r\n" + LOGIN


async def echo(request: web.Request) -> web.Response:
    """The request as the handler sees it."""
    body = await request.read()
    return text_response(f"{request.method} {request.raw_path} {len(request.headers)} {body!r}")


@pytest.fixture
async def port() -> AsyncIterator[int]:
    config = WebServerConfig(addr="127.0.0.1", port=free_port(), user="a", password=Secret("b"))
    server = WebServer(config)
    server.route("GET", "/api/x", echo)
    server.route("PUT", "/api/x", echo)
    await server.start()
    yield config.port
    await server.close()


async def ask(port: int, data: bytes, *, end: bool = False) -> bytes:
    """What comes back for ``data`` until the server ends the connection; ``end``: the client finishes sending."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(PATIENCE):
            writer.write(data)
            if end:
                writer.write_eof()
            try:
                return await reader.read()
            except ConnectionError:
                return b""
    finally:
        writer.close()


def closing(head: bytes) -> bytes:
    """A request after which the server ends the connection."""
    return head + b"Connection: close\r\n\r\n"


@pytest.mark.parametrize(
    "request_",
    [
        closing(GET + b"Cookie: " + b"c" * 9_000 + b"\r\n"),
        closing(GET + b"Cookie: " + b"c" * 60_000 + b"\r\n"),
        closing(GET.replace(b"/x", b"/x?" + b"q" * 9_000)),
        closing(GET.replace(b"/x", b"/x?" + b"q" * 60_000)),
        closing(GET + b"X: y\r\n" * 5_000),
        closing(GET + b"X: folded\r\n value\r\n"),
        closing(GET + b"X: \xe9\xff\r\n"),
        closing(GET.replace(b"/x", b"/x?\xe9")),
        closing(GET.replace(b"/api", b"http://x/api")),
        closing(GET).replace(b"\r\n", b"\n"),
        b"\r\n" + closing(GET),
        closing(GET + b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n").replace(
            b": close", b": close, Upgrade"
        ),
        b"GET /api/x HTTP/1.0\r\n" + LOGIN + b"\r\n",
        b"GET /api/x HTTP/1.0\n" + LOGIN.replace(b"\r", b"") + b"\n",
        closing(GET + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n") + b"abc",
        closing(GET.replace(b"GET", b"PUT") + b"Transfer-Encoding: chunked\r\n") + b"3\r\nabc\r\n0\r\n\r\n",
    ],
)
@pytest.mark.parametrize("cut", [0, 1, 1000])
async def test_what_go_takes_is_taken(port: int, request_: bytes, cut: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request_[:cut])
        await writer.drain()
        writer.write(request_[cut:])
        async with asyncio.timeout(PATIENCE):
            answer = await reader.read()
    finally:
        writer.close()
    assert answer.startswith((b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 200 OK\r\n"))


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (GET + b"Cookie: " + b"c" * 70_000 + b"\r\n\r\n", b"431"),
        (GET + b"X: y\r\n" * 20_000, b"431"),
        (b"GET /" + b"x" * 70_000, b"431"),
        (closing(GET).replace(b"Host: x\r\n", b""), b"400"),
        (closing(GET).replace(b"Host: x", b"Host: x\r\nHost: y"), b"400"),
        (closing(GET).replace(b"Host: x", b"Host: a b"), b"400"),
        (closing(GET + b"X : y\r\n"), b"400"),
        (closing(GET + b": y\r\n"), b"400"),
        (closing(GET + b"Content-Length: 1\r\nContent-Length: 2\r\n"), b"400"),
        (closing(GET + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), b"400"),
        (b"CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"400"),
        (closing(GET).replace(b"GET", b"FOO"), b"405"),
        (closing(GET).replace(b"GET", b"get"), b"405"),
        (closing(GET).replace(b"/api/x", b"/api/../api/x"), b"301"),
    ],
)
async def test_what_is_refused_is_answered_and_leaves_no_line(
    port: int, request_: bytes, status: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    answer = await ask(port, request_)
    # A client that is still sending may lose the answer with its connection.
    assert answer[9:12] == status or (status == b"431" and not answer)
    assert not caplog.records


async def test_requests_one_after_another_and_all_at_once(port: int) -> None:
    put = GET.replace(b"GET", b"PUT")
    all_of_them = GET + b"\r\n" + put + b"Content-Length: 5\r\n\r\nGET /" + closing(GET)
    answer = await ask(port, all_of_them)
    assert answer.count(b"HTTP/1.1 200 OK\r\n") == 3
    assert b"b'GET /'" in answer


@pytest.mark.parametrize("line", [b"GET /api/x HTTP/1.0\r\n", b"GET /api/x HTTP/1.1\r\nHost: x\r\n"])
async def test_a_client_that_finished_sending_gets_its_answer(port: int, line: bytes) -> None:
    answer = await ask(port, line + LOGIN + b"\r\n", end=True)
    assert b" 200 OK\r\n" in answer
    assert answer.endswith(b"b''")


@pytest.mark.parametrize("data", [b"", GET, GET + b"\r\n" + GET, GET + b"Content-Length: 5\r\n\r\nab"])
async def test_a_request_that_is_cut_off_ends_the_connection(port: int, data: bytes) -> None:
    await ask(port, data, end=True)


async def test_a_bad_body_and_a_bad_second_request_end_the_connection(port: int) -> None:
    put = GET.replace(b"GET", b"PUT") + b"Transfer-Encoding: chunked\r\n\r\n"
    assert b"200 OK" not in await ask(port, put + b"no size\r\n")
    await ask(port, GET + b"\r\n" + b"no request\r\n\r\n")


@pytest.mark.parametrize("begun", [b"", GET])
async def test_a_first_head_that_does_not_come_ends_the_connection(
    port: int, begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front, "HEAD_SECONDS", 0.05)
    assert await ask(port, begun) == b""
