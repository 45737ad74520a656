"""Services whose answers no standard allows, behind an http proxy: browsers take them, and so do users of frps."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.ends import until
from tests.support.web import Handler, http_site, talk

GET = b"GET / HTTP/1.1\r\nHost: web.test\r\nConnection: close\r\n\r\n"


def saying(answer: bytes) -> Handler:
    """A service that says ``answer`` to each request, and then ends the connection."""

    async def service(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)

    return service


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Type : text/html\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1  200 OK\r\nContent-Type: text/html\r\n\r\nhello",
        b"HTTP/1.0 200 OK\nContent-Type: text/html\n\nhello",
        b"\r\nHTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5, 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nno field at all\r\nContent-Type: text/html\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nX Y: z\r\n: z\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n5   \r\nhello\r\n0\r\n\r\n",
        b"ICY 200 OK\r\nContent-Type: text/html\r\n\r\nhello",
    ],
)
async def test_an_odd_answer_arrives(answer: bytes) -> None:
    async with http_site({"web": saying(answer)}) as site:
        got = await talk(site.port, GET)
    head, _, body = got.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nContent-Type: text/html" in head
    assert b"hello" in body


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", "several lengths"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nhello", "the Content-Length is '-1'"),
        (b"HTTP/1.1 200 OK\r\nContent Length: 5\r\n\r\nhello", "may say where the body ends"),
        (b"SSH-2.0-server\r\n\r\n", "the status line is 'SSH-2.0-server"),
    ],
)
async def test_an_ambiguous_answer_is_refused_with_its_fault(
    answer: bytes, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with http_site({"web": saying(answer)}) as site:
        assert (await talk(site.port, GET)).startswith(b"HTTP/1.1 404 Not Found\r\n")
        await until(lambda: why in caplog.text)
    assert len([record for record in caplog.records if why in record.getMessage()]) == 1
