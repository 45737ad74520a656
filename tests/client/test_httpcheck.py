"""The http health check against services that answer by hand: what counts is the final status."""

from __future__ import annotations

import asyncio
import re

import pytest

from aiofrp.client.health import url_of
from aiofrp.client.httpcheck import MAX_BODY, MAX_HEAD, CheckFailed, check_http
from aiofrp.config.models.proxy import HealthCheck
from aiofrp.config.models.shared import HttpHeader
from tests.support.ports import free_port
from tests.support.tunnel import local_service

CHECK = HealthCheck(type="http", path="/")


class Web:
    """A service that answers each path with a status line of its own, and keeps the heads it saw."""

    def __init__(self, answers: dict[str, str]) -> None:
        self.answers = answers
        self.heads: list[str] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        path = head.split(" ", 2)[1]
        answer = self.answers.get(path, "404 Not Found")
        writer.write(f"HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())


async def test_a_redirect_is_followed_and_headers_are_sent() -> None:
    web = Web({"/old?x=1": "302 Found\r\nLocation: /new", "/new": "204 No Content"})
    headers = (HttpHeader(name="X-Who", value="first"), HttpHeader(name="x-who", value="frp"))
    check = HealthCheck(
        type="http", path="old?x=1", http_headers=(*headers, HttpHeader(name="Host", value="a.b"))
    )
    async with local_service(web) as port:
        await check_http(url_of(check, "127.0.0.1", port), check, 5)
    assert [head.split(" ", 2)[1] for head in web.heads] == ["/old?x=1", "/new"]
    assert re.findall(r"(?im)^x-who: (.*)\r$", web.heads[0]) == ["frp"]
    assert re.findall(r"(?im)^host: (.*)\r$", web.heads[0]) == ["a.b"]


@pytest.mark.parametrize("status", ["500 Internal Server Error", "404 Not Found", "304 Not Modified"])
async def test_any_other_status_is_a_failure(status: str) -> None:
    check = HealthCheck(type="http", path="/")
    async with local_service(Web({"/": status})) as port:
        with pytest.raises(
            CheckFailed, match=rf"^do http health check, StatusCode is \[{status[:3]}\] not 2xx$"
        ):
            await check_http(url_of(check, "127.0.0.1", port), check, 5)


async def test_no_service_no_answer_and_no_http() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.com\r\n")

    check = HealthCheck(type="http", path="/")
    with pytest.raises(CheckFailed):
        await check_http(url_of(check, "127.0.0.1", free_port()), check, 5)
    for handler, timeout in ((silent, 0.05), (rude, 5)):
        async with local_service(handler) as port:
            with pytest.raises(CheckFailed):
                await check_http(url_of(check, "127.0.0.1", port), check, timeout)


# Answers that no standard allows


async def ask(answer: bytes, timeout: float = 5, *, ends: bool = True) -> None:
    """One check of a service that says ``answer`` to every request, and then ends the connection if it ``ends``."""

    async def service(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        if not ends:
            await reader.read()

    async with local_service(service) as port:
        await check_http(url_of(CHECK, "127.0.0.1", port), CHECK, timeout)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 9_000 + b"\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X-Many: x\r\n" * 1_000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type : text/html\r\n\r\nhello",
        b"HTTP/1.1  200 OK\r\n\r\n",
        b"HTTP/1.1 200\r\n\r\n",
        b"HTTP/1.0 200 OK\n\n",
        b"HTTP/1.0 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nno field at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: \x00\xff\r\n folded\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nno!",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno chunk",
        b"HTTP/1.1 204 No Content\r\n\r\nbytes that should not be there",
        b"HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nbody",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + bytes(MAX_BODY * 4),
    ],
)
async def test_the_status_line_decides(answer: bytes) -> None:
    await ask(answer)


async def test_an_answer_counts_before_its_body_ends() -> None:
    await ask(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n", ends=False)
    await ask(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", ends=False)
    await ask(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", ends=False)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"", "EOF"),
        (b"HTTP/1.1 200 OK", "EOF"),
        (b"HTTP/1.1 2000 OK\r\n\r\n", "malformed HTTP response"),
        (b"ICY 200 OK\r\n\r\n", "malformed HTTP response"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * (MAX_HEAD + 1), f"more than {MAX_HEAD} bytes"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 7, "more than 5 answers 1xx"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", r"\[101\] not 2xx"),
        (b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", "stopped after 10 redirects"),
        (b"HTTP/1.1 302 Found\r\nLocation: ftp://127.0.0.1/\r\n\r\n", "unsupported protocol scheme"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:99999/\r\n\r\n", "[Pp]ort"),
        (b"HTTP/1.1 302 Found\r\n\r\n", r"\[302\] not 2xx"),
    ],
)
async def test_what_is_no_good_answer_says_why(answer: bytes, why: str) -> None:
    with pytest.raises(CheckFailed, match=why):
        await ask(answer)


async def test_another_host_gets_no_credentials_and_its_own_name() -> None:
    other = Web({"/": "200 OK"})
    fields = (HttpHeader(name="Host", value="a.b"), HttpHeader(name="authorization", value="Basic eA=="))
    check = HealthCheck(type="http", path="/", http_headers=fields)
    async with local_service(other) as second:
        web = Web({"/": f"302 Found\r\nLocation: http://localhost:{second}/"})
        async with local_service(web) as port:
            await check_http(url_of(check, "127.0.0.1", port), check, 5)
    assert "\r\nHost: a.b\r\n" in web.heads[0]
    assert "\r\nAuthorization: Basic eA==\r\n" in web.heads[0]
    assert f"\r\nHost: localhost:{second}\r\n" in other.heads[0]
    assert "uthorization" not in other.heads[0]


@pytest.mark.parametrize(
    ("path", "line"),
    [("/grüße?a=ü b", "/gr%C3%BC%C3%9Fe?a=%C3%BC%20b"), ("/a%20b#c", "/a%20b"), ("/?%", "/?%")],
)
async def test_a_path_is_sent_escaped(path: str, line: str) -> None:
    web = Web({line: "200 OK"})
    check = HealthCheck(type="http", path=path)
    async with local_service(web) as port:
        await check_http(url_of(check, "127.0.0.1", port), check, 5)


@pytest.mark.parametrize(
    ("path", "name", "value", "why"),
    [
        ("/%zz", "X", "", "invalid URL escape"),
        ("/", "X Y", "", "not the name of a field"),
        ("/", "X", "a\r\nb", "control characters"),
    ],
)
async def test_a_request_that_cannot_be_written_says_why(path: str, name: str, value: str, why: str) -> None:
    check = HealthCheck(type="http", path=path, http_headers=(HttpHeader(name=name, value=value),))
    with pytest.raises(CheckFailed, match=why):
        await check_http(url_of(check, "127.0.0.1", free_port()), check, 5)
